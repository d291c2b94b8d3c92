//! On a terminal there is a progress bar, and tables fit its width; elsewhere there is none.

use std::process::{Command, Output};

use crate::support::{Folder, argument, run, usermedia};

/// Runs the command on a terminal of its own, of which the output is both streams together.
fn on_a_terminal(arguments: &str) -> Output {
    let command = format!("stty cols 100; exec {} {arguments}", env!("CARGO_BIN_EXE_usermedia"));
    Command::new("script")
        .args(["-q", "-e", "-c", &command, "/dev/null"])
        .env("TERM", "xterm")
        .env_remove("USERMEDIA_SYNTHETIC")
        .output()
        .expect("script is installed (util-linux)")
}

/// A bar draws itself anew in its line.
fn draws(output: &[u8]) -> bool {
    let text = String::from_utf8_lossy(output);
    text.contains("[00:00:0") && text.contains("frame")
}

#[test]
fn a_terminal_shows_progress() {
    let output = on_a_terminal("capture --synthetic --duration 1s");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(draws(&output.stdout), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn elsewhere_there_is_none() {
    let output = usermedia().args(["capture", "--synthetic", "--duration", "1s"]).output().expect("it runs");
    assert!(output.status.success());
    assert!(!draws(&output.stderr) && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!output.stdout.contains(&0x1B), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_terminal_is_sent_no_pictures() {
    let output = on_a_terminal("capture --synthetic --frames 1 -o -");
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("terminal"), "{told}");
}

#[test]
fn tables_fit_the_width_there_is() {
    let folder = Folder::new();
    let film = argument(&folder.path("f.mkv"));
    for columns in [80, 120] {
        let sized = |arguments: &[&str]| {
            let output = usermedia().args(arguments).env("COLUMNS", columns.to_string()).output().expect("it runs");
            let text = String::from_utf8(output.stdout).expect("text") + &String::from_utf8_lossy(&output.stderr);
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest > 0 && widest <= columns, "{widest} columns of {columns}:\n{text}");
            widest
        };
        let listing = sized(&["devices", "--all", "--synthetic"]);
        assert!(listing > columns / 2, "room is used: {listing} of {columns}");
        sized(&["check"]);
        sized(&["check", "--synthetic"]);
        sized(&["resolve", "--synthetic", "--audio", "--video"]);
        sized(&["resolve", "--synthetic", "--min-width", "99999"]);
        sized(&["capture", "--synthetic", "--frames", "2", "-o", &film]);
        sized(&["capture", "--synthetic", "-o", "film.avi"]);
    }
}

#[test]
fn a_listing_names_every_device_with_its_node_and_its_modes() {
    let run = run(["devices", "--synthetic"]);
    assert_eq!(run.status, Some(0));
    for part in ["Cameras", "Synthetic camera", "YUYV NV12 YU12 RGB3", "1920x1080@60", "Microphones", "44100 48000 Hz"]
    {
        assert!(run.stdout.contains(part), "{part} in\n{}", run.stdout);
    }
}
