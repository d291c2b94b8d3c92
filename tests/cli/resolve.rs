//! `resolve` over saved devices.

use serde_json::{Value, json};

use crate::support::{Folder, ONE_CAMERA, argument, run, run_with_input};

#[test]
fn a_saved_listing_resolves_as_the_contract_has_it() {
    let folder = Folder::new();
    let devices = folder.write("devices.json", ONE_CAMERA);
    let ask = |constraints: &str| run(["resolve", "--json", "--devices", &devices, "--constraints", constraints]);

    let document = ask(r#"{"video": {"width": 1280}}"#).done();
    assert_eq!(document["profile"], "w3c");
    let mut members: Vec<_> = document.as_object().expect("an object").keys().cloned().collect();
    members.sort();
    assert_eq!(members, ["ok", "profile", "video", "why"]);
    let expected = json!({"deviceId": "usb-1", "label": "Desk", "fourcc": "MJPG", "width": 1280, "height": 720,
        "frameRate": "30000/1001", "aspectRatio": 1.7777777778, "resizeMode": "none", "fitness": 0.0});
    assert_eq!(document["video"], expected);
    assert!(document["why"].as_array().is_some_and(|why| why.iter().all(Value::is_string) && !why.is_empty()));

    let document = ask(r#"{"video": {"mandatory": {"maxWidth": 640}}}"#).done();
    assert_eq!(document["profile"], "libjingle");
    assert_eq!(document["video"]["width"], 640);

    let error = ask(r#"{"video": {"width": {"min": 4000}}}"#).error();
    assert_eq!((&error["name"], &error["constraint"]), (&"OverconstrainedError".into(), &"width".into()));
    assert_eq!(ask(r#"{"audio": true}"#).error()["name"], "NotFoundError");
}

#[test]
fn the_profile_can_be_forced() {
    let folder = Folder::new();
    let devices = folder.write("devices.json", ONE_CAMERA);
    for profile in ["libjingle", "w3c"] {
        let document = run(["resolve", "--json", "--devices", &devices, "--profile", profile]).done();
        assert_eq!(document["profile"], profile);
        assert_eq!((&document["video"]["width"], &document["video"]["frameRate"]), (&640.into(), &"30/1".into()));
    }
}

#[test]
fn standard_input_is_read_where_the_file_is_a_dash() {
    let run = run_with_input(&["resolve", "--json", "--devices", "-"], ONE_CAMERA.as_bytes());
    assert_eq!(run.done()["video"]["deviceId"], "usb-1");
}

#[test]
fn flags_say_what_constraints_say() {
    let folder = Folder::new();
    let devices = folder.write("devices.json", ONE_CAMERA);
    for (flags, constraints) in [
        (&["--width", "1280"][..], r#"{"video": {"width": 1280}}"#),
        (
            &["--min-width", "700", "--max-height", "800"],
            r#"{"video": {"width": {"min": 700}, "height": {"max": 800}}}"#,
        ),
        (&["--height", "480", "--fps", "7.5"], r#"{"video": {"height": 480, "frameRate": 7.5}}"#),
        (&["--fourcc", "MJPG"], r#"{"video": {"pixelFormat": {"exact": "MJPG"}}}"#),
        (&["--device", "usb-1"], r#"{"video": {"deviceId": {"exact": "usb-1"}}}"#),
        (&["--video"], r#"{"video": true}"#),
        (&[], r#"{"video": true}"#),
        (&["--max-width", "100"], r#"{"video": {"width": {"max": 100}}}"#),
    ] {
        let common = ["resolve", "--json", "--devices", &devices];
        let by_flags = run(common.iter().chain(flags));
        let by_json = run(common.iter().chain(&["--constraints", constraints]));
        assert_eq!(by_flags.status, by_json.status, "{constraints}: {}", by_flags.stdout);
        let (by_flags, by_json) = (by_flags.json(), by_json.json());
        assert_eq!(by_flags["video"], by_json["video"], "{constraints}");
        assert_eq!(by_flags["error"]["constraint"], by_json["error"]["constraint"], "{constraints}");
    }
}

#[test]
fn controls_are_set_by_flags_and_refused_with_their_range() {
    let folder = Folder::new();
    let controls = r#""controls": {"brightness": {"min": 0, "max": 255, "step": 1, "default": 128},
        "exposureMode": ["continuous", "manual"], "exposureTime": {"min": 3, "max": 2047, "step": 1}}, "modes": ["#;
    let devices = folder.write("devices.json", ONE_CAMERA.replace(r#""modes": ["#, controls));
    let ask = |flags: &[&str]| run(["resolve", "--json", "--devices", &devices].iter().chain(flags));
    let document = ask(&["--set", "brightness=200", "--set", "exposureTime=100"]).done();
    let video = &document["video"];
    assert_eq!(
        (&video["brightness"], &video["exposureMode"], &video["exposureTime"]),
        (&200.into(), &"manual".into(), &100.into())
    );
    let error = ask(&["--set", "brightness=256"]).error();
    assert_eq!((&error["name"], &error["constraint"]), (&"OverconstrainedError".into(), &"brightness".into()));
    assert!(error["message"].as_str().is_some_and(|message| message.contains("0 to 255")), "{error}");
    assert_eq!(ask(&["--set", "torch=true"]).error()["constraint"], "torch");
    ask(&["--set", "brightness=high"]).usage("brightness is a number");
    ask(&["--set", "colour=1"]).usage("exposureMode");
    ask(&["--set", "zoom=1", "--constraints", "{}"]).usage("--set");
}

#[test]
fn a_camera_is_named_by_its_id_its_node_or_a_part_of_its_name() {
    let folder = Folder::new();
    let second = ONE_CAMERA.replace("usb-1", "usb-2").replace("Desk", "Garden gate").replace("video7", "video9");
    let list = |document: &str| -> Vec<Value> {
        let document: Value = serde_json::from_str(document).expect("JSON");
        document["devices"].as_array().expect("a list").clone()
    };
    let both = [list(ONE_CAMERA), list(&second)].concat();
    let both = json!({"devices": both}).to_string();
    let devices = folder.write("devices.json", both);
    for (name, id) in [("usb-2", "usb-2"), ("/dev/video9", "usb-2"), ("garden", "usb-2"), ("Desk", "usb-1")] {
        let document = run(["resolve", "--json", "--devices", &devices, "--device", name]).done();
        assert_eq!(document["video"]["deviceId"], id, "{name}");
    }
    let error = run(["resolve", "--json", "--devices", &devices, "--device", "attic"]).error();
    assert_eq!((&error["name"], &error["constraint"]), (&"OverconstrainedError".into(), &"deviceId".into()));
    assert!(error["message"].as_str().is_some_and(|message| message.contains("attic")), "{error}");
}

#[test]
fn a_named_camera_that_cannot_be_used_says_why() {
    let folder = Folder::new();
    for (reason, name) in [
        ("no-permission", "NotAllowedError"),
        ("busy", "NotReadableError"),
        ("no-writer", "NotReadableError"),
        ("metadata", "OverconstrainedError"),
    ] {
        let unusable = format!(
            r#""unusable": {{"reason": "{reason}", "message": "it is so", "remedy": "mend it", "errno": 13,
            "holder": {{"process": "cheese", "pid": 7}}}}, "modes": ["#
        );
        let devices = folder.write("devices.json", ONE_CAMERA.replace(r#""modes": ["#, &unusable));
        let error = run(["resolve", "--json", "--devices", &devices, "--device", "Desk"]).error();
        assert_eq!(error["name"], name, "{reason}: {error}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains("it is so")), "{error}");
        assert_eq!(
            (&error["remedy"], &error["path"], &error["errno"]),
            (&"mend it".into(), &"/dev/video7".into(), &13.into())
        );
        assert_eq!(error["holder"], json!({"process": "cheese", "pid": 7}), "{reason}");
    }
}

#[test]
fn hostile_documents_are_refused_with_a_reason() {
    let folder = Folder::new();
    let deep = format!(r#"{{"devices": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let long = format!(r#"{{"devices": [{}]}}"#, " ".repeat(2 << 20));
    for (what, text) in [
        ("nothing", &b""[..]),
        ("no JSON", b"devices"),
        ("no list", br#"{"devices": 7}"#),
        ("another kind", br#"{"devices": [{"kind": "audiooutput"}]}"#),
        ("no UTF-8", b"{\"devices\": [\"\xFF\"]}"),
        ("too deep", deep.as_bytes()),
        ("too long", long.as_bytes()),
    ] {
        let devices = folder.write("devices.json", text);
        let run = run(["resolve", "--json", "--devices", &devices]);
        assert_eq!(run.status, Some(1), "{what}: {}{}", run.stdout, run.stderr);
        assert_eq!(run.json()["ok"], false, "{what}");
        assert!(run.stderr.len() < 2000, "{what}: {}", run.stderr);
    }
    run(["resolve", "--devices", &argument(&folder.path(""))]).usage("cannot read");
    // An endless file is read to the limit, not to its end.
    assert_eq!(run(["resolve", "--json", "--devices", "/dev/zero"]).error()["name"], "TypeError");
}

#[test]
fn the_machines_own_listing_reads_back() {
    let folder = Folder::new();
    let listing = run(["devices", "--all", "--json", "--synthetic"]).stdout;
    let devices = folder.write("devices.json", &listing);
    let saved = run(["resolve", "--json", "--devices", &devices, "--width", "960", "--audio"]).done();
    let live = run(["resolve", "--json", "--synthetic", "--width", "960", "--audio"]).done();
    assert_eq!(saved, live);
}
