//! What holds for every subcommand: one document, the exit status, no invented devices.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::support::{Folder, argument, run, start, usermedia};

/// Whether this machine has any device; what "no camera" does can only be seen where there is none.
fn machine_is_empty() -> bool {
    run(["devices", "--all", "--json"]).stdout.trim() == r#"{"devices":[]}"#
}

#[test]
fn every_subcommand_prints_one_document_with_json() {
    let folder = Folder::new();
    let picture = argument(&folder.path("p.jpg"));
    for arguments in
        [&["capture", "--frames", "2"][..], &["snapshot", "--immediate", "-o", &picture], &["resolve"], &["check"]]
    {
        run(arguments.iter().chain(&["--json", "--synthetic"])).done();
    }
    let devices = run(["devices", "--json", "--synthetic"]);
    assert_eq!(devices.status, Some(0));
    assert_eq!(devices.json()["devices"].as_array().map(Vec::len), Some(2));
    assert_eq!(devices.stderr, "");
}

#[test]
fn a_failure_is_one_document_too_with_both_names_of_the_error() {
    for constraints in ["{", "[]", "{}", r#"{"video": {"frameRate": 1e999}}"#, r#"{"video": {"width": "wide"}}"#] {
        for subcommand in ["resolve", "capture"] {
            let error = run([subcommand, "--json", "--synthetic", "--constraints", constraints]).error();
            assert_eq!(error["name"], "TypeError", "{constraints}");
            assert_eq!(error["code"], "NOT_SUPPORTED_ERROR", "{constraints}");
        }
    }
    let unknown = r#"{"video": {"mandatory": {"zoom": 2}}}"#;
    let error = run(["capture", "--json", "--synthetic", "--constraints", unknown]).error();
    assert_eq!((&error["name"], &error["code"]), (&"NotSupportedError".into(), &"NOT_SUPPORTED_ERROR".into()));
    let error = run(["capture", "--json", "--synthetic", "--min-width", "99999"]).error();
    assert_eq!((&error["name"], &error["constraint"]), (&"OverconstrainedError".into(), &"width".into()));
    assert_eq!(error["code"], "MANDATORY_UNSATISFIED_ERROR");
}

#[test]
fn wrong_usage_is_status_2_and_says_nothing_on_stdout() {
    run(["capture", "--json", "--bogus"]).usage("--bogus");
    run(["photograph"]).usage("photograph");
    run([""; 0]).usage("Usage");
    run(["capture", "--json", "-o", "-"]).usage("stdout");
    run(["capture", "--frames", "0"]).usage("--frames");
    run(["capture", "--frames", "many"]).usage("--frames");
    run(["capture", "--duration", "0s"]).usage("--duration");
    run(["capture", "--duration", "soon"]).usage("5s");
    run(["capture", "--buffers", "0"]).usage("--buffers");
    run(["capture", "--fps", "0"]).usage("--fps");
    run(["capture", "--synthetic=perhaps"]).usage("always, auto, never");
    run(["capture", "--constraints", "{}", "--width", "640"]).usage("--width");
    run(["snapshot"]).usage("--output");
    run(["resolve", "--profile", "webkit"]).usage("libjingle");
    run(["resolve", "--devices", "/nonexistent/devices.json", "--json"]).usage("/nonexistent/devices.json");
}

#[test]
fn file_names_that_say_no_kind_are_wrong_usage_before_any_camera_is_opened() {
    // Without a camera anything later would be NotFoundError, status 1.
    run(["capture", "--json", "-o", "film.avi"]).usage(".mkv");
    run(["capture", "--snapshot", "photo.gif"]).usage(".png");
    run(["snapshot", "--json", "-o", "photo"]).usage(".jpg");
    run(["capture", "-o", "same.png", "--snapshot", "same.png"]).usage("same");
}

#[test]
fn a_machine_without_devices_gets_not_found_and_a_hint_never_the_built_in_camera() {
    if !machine_is_empty() {
        eprintln!("this machine has devices: not checked here");
        return;
    }
    let folder = Folder::new();
    let (film, photo) = (argument(&folder.path("f.mkv")), argument(&folder.path("p.jpg")));
    for arguments in [
        &["capture", "--frames", "1", "-o", &film][..],
        &["snapshot", "-o", &photo],
        &["resolve"],
        &["capture", "--frames", "1", "--device", "Desk"],
        &["resolve", "--audio"],
    ] {
        let run = run(arguments.iter().chain(&["--json"]));
        let error = run.error();
        assert_eq!(error["name"], "NotFoundError");
        assert_eq!(error["code"], "MANDATORY_UNSATISFIED_ERROR");
        assert!(error["remedy"].as_str().is_some_and(|hint| hint.contains("--synthetic")), "{error}");
        assert!(run.stderr.contains("hint: "), "{}", run.stderr);
    }
    assert!(!folder.path("f.mkv").exists() && !folder.path("p.jpg").exists());
    let check = run(["check", "--json"]);
    assert_eq!((check.status, &check.json()["ok"]), (Some(1), &false.into()));
}

#[test]
fn the_environment_asks_for_the_built_in_devices_as_the_flag_does() {
    let count = |value: &str, flag: &[&str]| {
        let output = usermedia().args(["devices", "--json"]).args(flag).env("USERMEDIA_SYNTHETIC", value).output();
        let run = crate::support::Run::from(output.expect("the command runs"));
        assert_eq!(run.status, Some(0), "{value}: {}", run.stderr);
        let devices = run.json()["devices"].as_array().cloned().unwrap_or_default();
        devices.iter().filter(|device| device["synthetic"] == true).count()
    };
    assert_eq!(count("1", &[]), 2);
    assert_eq!(count("always", &[]), 2);
    assert_eq!(count("0", &[]), 0);
    assert_eq!(count("", &[]), 0);
    assert_eq!(count("auto", &[]), if machine_is_empty() { 2 } else { 0 });
    assert_eq!(count("1", &["--synthetic=never"]), 0, "the flag is nearer than the environment");
    assert_eq!(count("0", &["--synthetic"]), 2);
}

#[test]
fn auto_says_that_it_took_the_built_in_devices() {
    if !machine_is_empty() {
        return;
    }
    let run = run(["capture", "--synthetic=auto", "--frames", "2", "--json"]);
    assert_eq!(run.done()["synthetic"], true);
    assert!(run.stderr.contains("no camera") && run.stderr.contains("synthetic"), "{}", run.stderr);
}

#[test]
fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is_one() {
    let mut child = start(usermedia().args(["devices", "--synthetic", "--json"]));
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));

    for arguments in [&["devices", "--json"][..], &["check"], &["capture", "--frames", "1"], &["resolve", "--json"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let output = usermedia().args(arguments).arg("--synthetic").stdout(full).output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(told.contains("standard output") && !told.contains("panicked"), "{told}");
    }
}

#[test]
fn closed_streams_panic_nothing() {
    // A shell closes them for good; `Stdio::null` would not.
    for (closed, arguments, status) in [
        ("2>&-", "capture --synthetic --frames 2", 0),
        ("1>&- 2>&-", "capture --synthetic --frames 2 --json", 0),
        ("1>&- 2>&- 0>&-", "capture --synthetic --frames 2 -o -", 0),
        ("2>&-", "capture --bogus", 2),
        ("2>&-", "capture --synthetic --min-width 99999", 1),
    ] {
        let script = format!("exec {} {arguments} {closed}", env!("CARGO_BIN_EXE_usermedia"));
        let mut shell = std::process::Command::new("sh");
        let ended = shell.args(["-c", &script]).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("sh");
        assert_eq!(ended.code(), Some(status), "{arguments} {closed}");
    }
}

#[test]
fn help_and_version_go_to_stdout_and_succeed() {
    for arguments in
        [&["--help"][..], &["--version"], &["capture", "--help"], &["devices", "-h"], &["resolve", "--help"]]
    {
        let run = run(arguments);
        assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(!run.stdout.is_empty());
    }
    assert_eq!(run(["--version"]).stdout, format!("usermedia {}\n", env!("CARGO_PKG_VERSION")));
    // What one shell's environment holds is nobody's help.
    let help = usermedia().args(["capture", "--help"]).env("USERMEDIA_SYNTHETIC", "auto").output().expect("it runs");
    assert_eq!(String::from_utf8_lossy(&help.stdout), run(["capture", "--help"]).stdout);
}
