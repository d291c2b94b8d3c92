//! Devices that are there, that are not, and that are asked for something else.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::client::Server;
use super::pictures::pixels;
use crate::support::{Folder, eventually, run, usermedia};

/// Waits until the camera is in this state.
#[track_caller]
fn camera_is(server: &Server, wanted: &str) -> Value {
    let mut video = Value::Null;
    eventually(wanted, || {
        video = server.state()["video"].take();
        video["state"] == wanted
    });
    video
}

#[test]
fn a_camera_that_is_not_there_is_a_reason_and_no_end() {
    let server = Server::start(&["--port", "0", "--device", "no-such-camera"]);
    let video = camera_is(&server, "missing");
    assert!(["NotFoundError", "OverconstrainedError"].contains(&video["error"]["name"].as_str().unwrap()), "{video}");
    assert!(video["error"]["remedy"].is_string());
    let snapshot = server.get("/snapshot");
    assert_eq!(snapshot.status, 503);
    assert!(snapshot.text().starts_with("There is no camera: "), "{}", snapshot.text());
    assert_eq!(server.state()["source"]["online"], false);
    let page = server.get("/");
    assert_eq!(page.status, 200);
}

#[test]
fn what_a_policy_denies_is_told_with_its_remedy_and_not_asked_again() {
    let server = Server::synthetic(&["--permission", "deny"]);
    let video = camera_is(&server, "missing");
    assert_eq!(video["error"]["name"], "NotAllowedError");
    assert_eq!(video["error"]["remedy"], "say allow, or prompt to be asked");
    assert_eq!(server.state()["audio"]["error"]["name"], "NotAllowedError");
    let answer = server.post("/retry", "");
    assert_eq!((answer.status, &answer.json()["error"]["name"]), (422, &"NotAllowedError".into()));
    let run = server.end(Signal::SIGTERM);
    assert!(run.stderr.contains("No camera or microphone for now"), "{}", run.stderr);
}

#[test]
fn other_constraints_change_the_picture_of_the_camera_that_runs() {
    let server = Server::synthetic(&[]);
    camera_is(&server, "live");
    let wanted = json!({"video": {"width": {"exact": 320}, "height": {"exact": 240}, "frameRate": {"ideal": 15}}});
    let answer = server.post("/constraints", &wanted.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let state = &answer.json()["result"];
    assert_eq!(state["source"]["resolution"], json!({"width": 320, "height": 240}));
    assert_eq!(state["video"]["settings"]["frameRate"], "15/1");
    let mut stream = server.stream();
    let newest = loop {
        let part = stream.next();
        // What waited may still be of the size before.
        if part.headers["x-width"] == "320" {
            break part;
        }
    };
    pixels(&newest.jpeg, (320, 240));
    let state = server.state();
    assert_eq!(state["video"]["opened"], 1, "the same track");
}

#[test]
fn what_cannot_be_had_changes_nothing_and_says_why() {
    let server = Server::synthetic(&[]);
    camera_is(&server, "live");
    let answer = server.post("/constraints", r#"{"video": {"width": {"exact": 99999}}}"#);
    assert_eq!(answer.status, 422);
    assert_eq!(
        (&answer.json()["error"]["name"], &answer.json()["error"]["constraint"]),
        (&"OverconstrainedError".into(), &"width".into())
    );
    assert_eq!(server.post("/constraints", r#"{"video": {"width": "wide"}}"#).status, 400);
    assert_eq!(server.post("/constraints", "width=640").status, 400);
    assert_eq!(server.post("/constraints", r#"{"video": {"deviceId": {"exact": "another"}}}"#).status, 422);
    let video = camera_is(&server, "live");
    assert_eq!(video["settings"]["width"], 640);
}

#[test]
fn the_microphone_is_let_go_of_and_taken_again() {
    let server = Server::synthetic(&[]);
    eventually("it is heard", || server.state()["audio"]["state"] == "live");
    assert_eq!(server.post("/constraints", r#"{"audio": false}"#).json()["result"]["audio"]["state"], "off");
    assert_eq!(server.state()["video"]["state"], "live");
    let again = server.post("/constraints", r#"{"audio": {"deviceId": {"exact": "synthetic-microphone"}}}"#);
    assert_eq!(again.json()["result"]["audio"]["state"], "live");
    assert_eq!(server.state()["audio"]["opened"], 2);
}

#[test]
fn only_what_is_asked_for_is_captured() {
    let server = Server::synthetic(&["--video"]);
    camera_is(&server, "live");
    assert_eq!(server.state()["audio"]["state"], "off");
    let server = Server::synthetic(&["--audio"]);
    eventually("it is heard", || server.state()["audio"]["state"] == "live");
    assert_eq!(server.state()["video"]["state"], "off");
    assert_eq!(server.get("/snapshot").text(), "No camera was asked for.\n");
}

#[test]
fn the_state_has_what_readers_of_ustreamers_look_for() {
    let server = Server::synthetic(&["--quality", "60"]);
    let mut stream = server.stream();
    stream.next();
    let state = server.state();
    assert_eq!(state["encoder"], json!({"type": "CPU", "quality": 60}));
    assert_eq!(state["source"]["resolution"], json!({"width": 640, "height": 480}));
    assert_eq!((&state["source"]["online"], &state["source"]["desired_fps"]), (&true.into(), &30.into()));
    assert!(state["source"]["captured_fps"].is_u64() && state["stream"]["queued_fps"].is_u64());
    let clients = state["stream"]["clients_stat"].as_object().unwrap();
    assert_eq!(clients.len(), 1);
    assert!(clients.values().all(|client| client["fps"].is_u64() && client["key"] == "0"));
    assert!(server.get("/metrics").text().contains("usermedia_frames_accepted_total"));
    assert_eq!(server.get("/devices").json()["devices"][0]["deviceId"], "synthetic-camera");
}

#[test]
fn a_signal_ends_it_with_viewers_there() {
    for (signal, status) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let server = Server::synthetic(&[]);
        let mut stream = server.stream();
        stream.next();
        let run = server.end(signal);
        assert_eq!(run.status, Some(status), "{}", run.stderr);
        assert_eq!(run.json(), json!({"ok": true, "event": "ended", "endedBy": signal.as_str()}));
    }
}

#[test]
fn a_service_manager_hears_of_it_and_not_the_token() {
    let folder = Folder::new();
    let path = folder.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let hear = || {
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let mut command = usermedia();
    command.args(["serve", "--json", "--synthetic", "--port", "0"]);
    let server = Server::of(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000"));
    assert_eq!(hear(), format!("READY=1\nSTATUS=Serving on {}/.\n", server.origin()));
    assert_eq!(hear(), "WATCHDOG=1\n");
    server.end(Signal::SIGTERM);
    let last = std::iter::repeat_with(hear).find(|message| message != "WATCHDOG=1\n");
    assert_eq!(last.as_deref(), Some("STOPPING=1\n"));
}

#[test]
fn where_it_cannot_listen_it_says_what_to_do() {
    let server = Server::synthetic(&[]);
    let run = run(["serve", "--json", "--synthetic", "--port", &server.port().to_string()]);
    let error = run.error();
    assert_eq!(error["name"], "NotReadableError");
    assert!(error["message"].as_str().unwrap().contains("somebody else listens there"));
}

#[test]
fn an_address_that_others_can_reach_is_warned_of() {
    let server = Server::synthetic(&["--address", "0.0.0.0"]);
    assert_eq!(server.get("/state").status, 200);
    let run = server.end(Signal::SIGTERM);
    assert!(run.stderr.contains("can be reached by others"), "{}", run.stderr);
}
