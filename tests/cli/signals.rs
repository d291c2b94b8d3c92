//! SIGINT, SIGTERM and SIGHUP: the first finishes the file, the second kills.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::{Folder, Run, argument, eventually, frames_in, send, start, usermedia};

fn ended(child: Child) -> Run {
    child.wait_with_output().expect("it ends").into()
}

#[test]
fn each_of_the_three_finishes_the_file() {
    for (signal, status) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let folder = Folder::new();
        let path = folder.path("film.mkv");
        let child = start(usermedia().args(["capture", "--json", "--synthetic", "-o", &argument(&path)]));
        eventually("a frame in the file", || fs::metadata(&path).is_ok_and(|file| file.len() > 1_000_000));
        send(&child, signal);
        let run = ended(child);
        assert_eq!(run.status, Some(status), "{}", run.stderr);
        let document = run.json();
        assert_eq!((&document["ok"], &document["endedBy"]), (&true.into(), &signal.as_str().into()));
        assert_eq!(document["files"][0]["frames"].as_u64(), Some(frames_in(&path)));
    }
}

#[test]
fn a_signal_ends_a_capture_that_discards() {
    let child = start(usermedia().args(["capture", "--json", "--synthetic"]));
    streaming(&child);
    send(&child, Signal::SIGTERM);
    let run = ended(child);
    assert_eq!(run.status, Some(143));
    assert_eq!(run.json()["endedBy"], "SIGTERM");
}

#[test]
fn a_signal_ends_the_waiting_for_a_device() {
    for subcommand in [&["capture"][..], &["snapshot", "-o", "/nonexistent/p.jpg"]] {
        // A device that no machine has.
        let wanted = ["--json", "--wait", "10m", "--device", "no-such-camera"];
        let child = start(usermedia().args(subcommand).args(wanted));
        eventually("signals are watched", || takes_signals(&child));
        send(&child, Signal::SIGINT);
        let run = ended(child);
        assert_eq!(run.status, Some(130), "{}", run.stderr);
        let document = run.json();
        assert_eq!((&document["ok"], &document["endedBy"]), (&false.into(), &"SIGINT".into()));
        assert_eq!(document["error"]["name"], "AbortError");
        assert_eq!(document["error"]["code"], "PERMISSION_DENIED");
    }
}

#[test]
fn a_second_signal_kills() {
    let folder = Folder::new();
    let fifo = folder.path("nobody-reads.raw");
    mkfifo(&fifo, Mode::S_IRWXU).expect("a named pipe");
    let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let mut reader = File::options().read(true).custom_flags(flags).open(&fifo).expect("its other end");
    let child = start(usermedia().args(["capture", "--json", "--synthetic", "-o", &argument(&fifo)]));
    // From here on the pipe is full: the recorder cannot finish its frame.
    eventually("a frame is on its way", || reader.read(&mut [0]).is_ok_and(|read| read == 1));
    send(&child, Signal::SIGINT);
    // Taken when it is pending no more; two that are pending at once are one.
    eventually("the first is taken", || pending(&child) == 0);
    send(&child, Signal::SIGTERM);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.signal(), Some(Signal::SIGTERM as i32));
    assert_eq!(output.stdout, b"");
}

#[test]
fn what_nohup_ignores_stays_ignored() {
    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_usermedia")).args(["capture", "--json", "--synthetic"]);
    let child = start(&mut command);
    streaming(&child);
    send(&child, Signal::SIGHUP);
    send(&child, Signal::SIGINT);
    let run = ended(child);
    assert_eq!((run.status, &run.json()["endedBy"]), (Some(130), &"SIGINT".into()));
}

/// Waits until the capture engine's threads are there.
#[track_caller]
fn streaming(child: &Child) {
    eventually("the capture runs", || {
        takes_signals(child)
            && fs::read_dir(format!("/proc/{}/task", child.id())).is_ok_and(|threads| threads.count() >= 3)
    });
}

fn takes_signals(child: &Child) -> bool {
    status_mask(child, "SigCgt:") & (1 << (Signal::SIGINT as u64 - 1)) != 0
}

fn pending(child: &Child) -> u64 {
    status_mask(child, "ShdPnd:")
}

fn status_mask(child: &Child, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0)
}
