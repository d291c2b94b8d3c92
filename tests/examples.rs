//! The examples that need no real device do what they say, on the built-in camera.
//!
//! `cargo test` and `cargo nextest run` build the examples before they run this; `cargo test --test examples` alone does not.

use std::path::PathBuf;
use std::process::Command;

/// The example's executable, beside the folder of this one.
fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("Linux knows");
    let folder = this.parent().and_then(|deps| deps.parent()).expect("tests are in target/.../deps");
    let path = folder.join("examples").join(name);
    assert!(path.exists(), "{} is not there: run `cargo build --all-features --examples`", path.display());
    path
}

/// What it prints, having ended well.
#[track_caller]
fn run(name: &str) -> String {
    let output = Command::new(example(name)).arg("synthetic").output().expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{stderr}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[cfg(feature = "async")]
#[test]
fn tokio_gets_thirty_frames_in_their_order_and_its_timer_beside_them() {
    let text = run("tokio");
    let numbers = text.lines().filter_map(|line| line.strip_prefix("frame ")?.split(':').next()?.parse::<u64>().ok());
    let numbers: Vec<_> = numbers.collect();
    assert_eq!(numbers.len(), 30, "{text}");
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{text}");
    assert!(text.lines().any(|line| line.ends_with("frames so far")), "{text}");
}

#[test]
fn a_poll_loop_counts_seconds_and_frames() {
    let text = run("poll_loop");
    assert!(text.lines().any(|line| line.ends_with("frames in 3 s")), "{text}");
}
