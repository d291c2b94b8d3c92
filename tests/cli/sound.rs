//! Capturing sound with the command.

use std::process::Command;

use serde_json::json;

use crate::support::run;

#[test]
fn sound_alone_is_captured_and_counted() {
    let document = run(["capture", "--json", "--synthetic", "--audio", "--duration", "500ms"]).done();
    assert!(document["video"].is_null(), "{document}");
    let audio = &document["audio"];
    assert_eq!(audio["settings"]["sampleFormat"], "S16_LE");
    assert_eq!(audio["settings"]["latency"], 0.02);
    let count = |name: &str| audio["source"][name].as_u64().unwrap();
    assert_eq!(count("expected"), count("captured") + count("lostInDriver"));
    assert_eq!(count("captured"), count("accepted") + count("starved"));
    assert_eq!(count("captured") % 960, 0, "whole periods of 20 ms: {audio}");
    assert!(count("captured") >= 960 * 5, "{audio}");
    let consumer = &audio["consumers"][0];
    assert_eq!((&consumer["name"], consumer["behind"].as_u64()), (&json!("on_data"), Some(0)));
}

/// Its loading is half of what a start takes, and 36 KB.
#[test]
fn libasound_is_loaded_when_sound_is_asked_for() {
    let loads = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_usermedia"))
            .args(arguments)
            .env("LD_DEBUG", "files")
            .env_remove("USERMEDIA_SYNTHETIC")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("libc.so.6"), "the loader tells: {told}");
        told.contains("libasound.so.2")
    };
    assert!(loads(&["devices"]));
    // Which libraries nothing needs, other linkers than that of Rust on this machine judge by more than what is used.
    if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
        assert!(!loads(&["capture", "--synthetic", "--video", "--frames", "1"]));
    }
}

#[test]
fn the_constraints_of_a_microphone_are_heeded() {
    let constraints = r#"{"audio": {"sampleRate": {"exact": 44100}, "channelCount": 1, "latency": 0.05}}"#;
    let document =
        run(["capture", "--json", "--synthetic", "--constraints", constraints, "--duration", "300ms"]).done();
    let settings = &document["audio"]["settings"];
    assert_eq!((&settings["sampleRate"], &settings["channelCount"]), (&json!(44100), &json!(1)));
    assert_eq!(settings["latency"], 0.05);
    let error =
        run(["capture", "--json", "--synthetic", "--constraints", r#"{"audio": {"sampleRate": {"min": 96000}}}"#])
            .error();
    assert_eq!((&error["name"], &error["constraint"]), (&json!("OverconstrainedError"), &json!("sampleRate")));
}

#[test]
fn what_is_of_pictures_only_says_so() {
    for (arguments, remedy) in [
        (vec!["capture", "--audio", "--synthetic", "--frames", "3"], "--duration"),
        (vec!["capture", "--audio", "--synthetic", "--duration", "1s", "--snapshot", "x.jpg"], "--video"),
        (vec!["snapshot", "--audio", "--synthetic", "-o", "x.jpg"], "--video"),
    ] {
        let run = run(&arguments);
        assert_eq!(run.status, Some(2), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(remedy), "{arguments:?}: {}", run.stderr);
    }
}
