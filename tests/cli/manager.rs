//! What a service manager is told: a socket of this test's own in place of systemd's.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::support::{Folder, usermedia};

/// Runs a command with a manager that listens; what it was told, message by message.
fn told(folder: &Folder, watchdog: Option<Duration>, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let path = folder.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket in a folder of this test's own");
    socket.set_nonblocking(true).expect("a socket may be read without waiting");
    let mut command: Command = usermedia();
    command.args(arguments).env("NOTIFY_SOCKET", &path);
    if let Some(limit) = watchdog {
        command.env("WATCHDOG_USEC", limit.as_micros().to_string());
    }
    let output = command.output().expect("the command runs");
    let mut messages = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(length) = socket.recv(&mut buffer) {
        messages.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
    (output.status.code(), messages)
}

#[test]
fn a_capture_says_when_it_streams_that_it_does_and_when_it_ends() {
    let folder = Folder::new();
    let capture = ["capture", "--synthetic", "--audio", "--video", "--duration", "2s"];
    let (code, messages) = told(&folder, Some(Duration::from_millis(400)), &capture);
    assert_eq!(code, Some(0));
    let (first, last) = (messages.first().expect("a message"), messages.last().expect("a message"));
    assert_eq!(first, "READY=1\nSTATUS=Capturing from Synthetic camera and Synthetic microphone.\n");
    assert_eq!(last, "STOPPING=1\n");
    let fed = messages[1..messages.len() - 1].iter().filter(|message| *message == "WATCHDOG=1\n").count();
    assert_eq!(fed, messages.len() - 2, "{messages:?}");
    // Every 200 ms of two seconds, however slow this machine is.
    assert!((2..=10).contains(&fed), "{messages:?}");
}

#[test]
fn without_a_watchdog_none_is_fed_and_what_does_not_start_is_never_ready() {
    let folder = Folder::new();
    let (_, messages) = told(&folder, None, &["capture", "--synthetic", "--frames", "3"]);
    assert_eq!(messages.len(), 2, "{messages:?}");
    let folder = Folder::new();
    let refused = ["capture", "--synthetic", "--permission", "deny", "--frames", "3"];
    assert_eq!(told(&folder, Some(Duration::from_millis(100)), &refused), (Some(1), Vec::new()));
}
