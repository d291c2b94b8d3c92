//! The documents, member by member.

#![cfg(feature = "json")]

mod support;

use serde_json::{Value, json};
use support::{ask, discrete, mode};
use usermedia::devices::{FrameRates, MediaDeviceInfo, Span, Values, read_devices, write_devices};
use usermedia::error::Holder;
use usermedia::{Error, ErrorName};

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The contract's own example, its dots filled in.
const DEVICES: &str = r#"{"devices": [
  {"kind": "videoinput", "deviceId": "usb-046d_082d_6EF5AA2F-0", "groupId": "usb-046d_082d_6EF5AA2F",
   "label": "HD Pro Webcam C920", "path": "/dev/video0", "driver": "uvcvideo", "facingMode": null,
   "modes": [
     {"fourcc": "YUYV", "width": 640, "height": 480, "frameRates": ["30/1", "15/2"]},
     {"fourcc": "MJPG", "width": 1280, "height": 720, "frameRates": ["30/1"]},
     {"fourcc": "YU12", "width": {"min": 32, "max": 3280, "step": 2}, "height": {"min": 32, "max": 2464, "step": 2},
      "frameRates": {"min": "1/1", "max": "90/1"}}]},
  {"kind": "audioinput", "deviceId": "usb-046d_082d_6EF5AA2F-2", "groupId": "usb-046d_082d_6EF5AA2F", "label": "C920",
   "path": "hw:1,0", "driver": "snd-usb-audio", "sampleRate": {"min": 8000, "max": 48000},
   "channelCount": {"min": 1, "max": 2}, "sampleFormats": ["S16_LE"], "latency": {"min": 0.005, "max": 0.5}}]}"#;

fn devices() -> Vec<MediaDeviceInfo> {
    read_devices(DEVICES).unwrap()
}

#[test]
fn the_devices_document_is_read_and_written_as_the_contract_has_it() {
    let devices = devices();
    assert_eq!(devices[0].modes[2], mode("YU12", Span::range(32, 3280, 2), Span::range(32, 2464, 2), "1/1-90/1"));
    assert_eq!(devices[1].audio.sample_rate, Some(Values::Range { min: 8000, max: 48_000 }));
    assert_eq!(parse(&write_devices(&devices)), parse(DEVICES));
}

#[test]
fn a_reader_takes_less_and_more_than_is_written() {
    let text = r#"{"version": 1, "devices": [
        {"kind": "audiooutput", "modes": 5},
        {"kind": "videoinput", "deviceId": "a", "future": [1], "facingMode": "user", "label": null,
         "modes": [{"fourcc": "YUYV", "width": 640, "height": {"min": 480, "max": 480},
                    "frameRates": [30, 29.97, "25"], "future": {}},
                   {"fourcc": "Y10", "width": {"min": 2, "max": 8}, "height": 480}]},
        {"kind": "audioinput", "deviceId": "b", "busy": true, "sampleRate": [44100, 48000], "channelCount": 1},
        {"kind": "videoinput", "deviceId": "c", "modes": []}]}"#;
    let devices = read_devices(text).unwrap();
    assert_eq!(devices.len(), 3);
    assert_eq!((devices[0].label.as_str(), devices[0].group_id.as_str()), ("a", "a"));
    let modes = &devices[0].modes;
    assert_eq!(modes[0], mode("YUYV", Span::Fixed(640), Span::Fixed(480), "30/1 30000/1001 25/1"));
    assert_eq!(modes[1].width, Span::Range { min: 2, max: 8, step: 1 });
    assert_eq!((modes[1].fourcc.to_string().as_str(), &modes[1].frame_rates), ("Y10 ", &FrameRates::Unknown));
    assert!(devices[1].busy && devices[1].audio.sample_formats.is_empty());
    assert_eq!(devices[1].audio.sample_rate, Some(Values::List(vec![44_100, 48_000])));
}

#[test]
fn a_malformed_device_is_named() {
    let good = r#"{"kind":"videoinput","deviceId":"a"}"#;
    let mode = |mode: &str| format!(r#"{{"kind":"videoinput","deviceId":"a","modes":[{mode}]}}"#);
    for (device, place) in [
        ("{}".to_owned(), "devices[1] has no kind"),
        ("5".to_owned(), "devices[1] is 5"),
        (r#"{"kind":"videoinput"}"#.to_owned(), "devices[1] has no deviceId"),
        (r#"{"kind":7,"deviceId":"a"}"#.to_owned(), "devices[1].kind is 7"),
        (r#"{"kind":"videoinput","deviceId":"a","facingMode":"up"}"#.to_owned(), r#"devices[1].facingMode is "up""#),
        (r#"{"kind":"videoinput","deviceId":"a","busy":1}"#.to_owned(), "devices[1].busy is 1"),
        (r#"{"kind":"audioinput","deviceId":"a","sampleRate":[0]}"#.to_owned(), "devices[1].sampleRate[0] is 0"),
        (r#"{"kind":"audioinput","deviceId":"a","latency":{"min":1,"max":0}}"#.to_owned(), "devices[1].latency"),
        (r#"{"kind":"audioinput","deviceId":"a","unusable":{}}"#.to_owned(), "devices[1].unusable has no reason"),
        (mode(r#"{"fourcc":"YUYV","width":"wide","height":1}"#), r#"devices[1].modes[0].width is "wide""#),
        (mode(r#"{"fourcc":"YUYV","width":1.5,"height":1}"#), "devices[1].modes[0].width is 1.5"),
        (mode(r#"{"fourcc":"YUYV","width":0,"height":1}"#), "devices[1].modes[0].width is 0"),
        (mode(r#"{"fourcc":"YUYV","width":1}"#), "devices[1].modes[0] has no height"),
        (mode(r#"{"fourcc":"LONGER","width":1,"height":1}"#), r#"devices[1].modes[0].fourcc is "LONGER""#),
        (mode(r#"{"fourcc":"YUYV","width":{"min":9,"max":8},"height":1}"#), "devices[1].modes[0].width"),
        (mode(r#"{"fourcc":"YUYV","width":{"min":9},"height":1}"#), "devices[1].modes[0].width has no max"),
        (mode(r#"{"fourcc":"YUYV","width":1,"height":1,"frameRates":["0/1"]}"#), "devices[1].modes[0].frameRates[0]"),
        (mode(r#"{"fourcc":"YUYV","width":1,"height":1,"frameRates":[1e999]}"#), "devices[1].modes[0].frameRates[0]"),
    ] {
        let error = read_devices(format!("{{\"devices\":[{good},{device}]}}")).expect_err(&device);
        assert_eq!(error.name(), ErrorName::TypeError);
        assert!(error.message().contains(place), "{device}: {error}");
        assert!(error.remedy().is_some());
    }
    for text in ["[]", "{}", r#"{"devices":{}}"#, "nonsense", r#"{"devices":null}"#] {
        assert_eq!(read_devices(text).expect_err(text).name(), ErrorName::TypeError);
    }
}

#[test]
fn an_unusable_device_carries_its_reason() {
    let text = r#"{"devices":[{"kind":"videoinput","deviceId":"a","groupId":"a","label":"a","path":"/dev/video0",
        "driver":"uvcvideo","facingMode":null,"shared":true,"synthetic":true,"unusable":{"reason":"no-permission",
        "message":"no","remedy":"do","errno":13,"holder":{"process":"cheese","pid":7}}}]}"#;
    assert_eq!(parse(&write_devices(&read_devices(text).unwrap())), parse(text));
}

#[test]
fn the_resolution_document_is_the_contracts() {
    let found = ask(r#"{"video":{"width":1280,"height":720},"audio":true}"#, &devices()).unwrap();
    let mut document = parse(&found.to_json());
    let why = document.as_object_mut().unwrap().remove("why").unwrap();
    assert!(why.as_array().unwrap().iter().all(Value::is_string));
    let expected = json!({
        "ok": true, "profile": "w3c",
        "video": {"deviceId": "usb-046d_082d_6EF5AA2F-0", "label": "HD Pro Webcam C920", "fourcc": "MJPG", "width": 1280,
                  "height": 720, "frameRate": "30/1", "aspectRatio": 1.7777777778, "resizeMode": "none", "fitness": 0.0},
        "audio": {"deviceId": "usb-046d_082d_6EF5AA2F-2", "label": "C920", "sampleRate": 48000, "channelCount": 2,
                  "sampleSize": 16, "sampleFormat": "S16_LE", "latency": 0.02, "fitness": 0.0},
    });
    assert_eq!(document, expected);
    assert!(found.to_json().contains(r#""fitness":0.0"#));
    let only_audio = parse(&ask(r#"{"audio":{"optional":[]}}"#, &devices()).unwrap().to_json());
    assert_eq!((only_audio.get("video"), &only_audio["profile"]), (None, &json!("libjingle")));
}

#[test]
fn a_lowered_rate_shows_the_cameras_own_too() {
    let camera = discrete("a", &[("YUYV", 640, 480, "30/1")]);
    let found = ask(r#"{"video":{"mandatory":{"maxFrameRate":10}}}"#, &[camera]).unwrap();
    let document = parse(&found.to_json());
    assert_eq!(document["video"]["frameRate"], "10/1");
    assert_eq!(document["video"]["nativeFrameRate"], "30/1");
    assert!(found.why.iter().any(|line| line.contains("left out")), "{:?}", found.why);
}

#[test]
fn the_error_document_is_the_contracts() {
    let error = ask(r#"{"video":{"width":{"exact":9000}}}"#, &devices()).unwrap_err();
    let document = parse(&error.to_json());
    assert_eq!(document["ok"], false);
    let members: Vec<_> = document["error"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["code", "constraint", "message", "name", "remedy"]);
    assert_eq!(document["error"]["name"], "OverconstrainedError");
    assert_eq!(document["error"]["code"], "MANDATORY_UNSATISFIED_ERROR");
    assert_eq!(document["error"]["constraint"], "width");
    let error = Error::new(ErrorName::NotReadableError, "held")
        .with_device("C920", "/dev/video0")
        .with_errno(16)
        .with_holder(Holder::new("cheese", 7));
    let expected = json!({"ok": false, "error": {
        "name": "NotReadableError", "code": "PERMISSION_DENIED", "message": "held", "device": "C920",
        "path": "/dev/video0", "errno": 16, "holder": {"process": "cheese", "pid": 7}}});
    assert_eq!(parse(&error.to_json()), expected);
}
