//! Where one source says nothing, or both, or loses something.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::watcher::Watcher;
use super::{assert_event, set_mode};
use crate::devices::{eventually, in_guest, loopback_open, vivid_webcam};
use crate::usb::models::webcam;

/// Starts the watcher by a shell's script, in which `exec $WATCH` stands for it.
#[track_caller]
fn by_script(before: &[&str], script: &str) -> Watcher {
    let mut command = Command::new(before[0]);
    // `sh -c script name arguments…`: the watcher's arguments are the script's.
    let script = script.replace("$WATCH", &format!("{} \"$@\"", env!("CARGO_BIN_EXE_usermedia")));
    Watcher::with(command.args(&before[1..]).args(["sh", "-c", &script, "sh"]))
}

/// How many inotify instances a user may have; put back at the end.
struct InotifyInstances(String);

impl InotifyInstances {
    const LIMIT: &str = "/proc/sys/fs/inotify/max_user_instances";

    fn none() -> InotifyInstances {
        let before = fs::read_to_string(Self::LIMIT).unwrap();
        fs::write(Self::LIMIT, "0").unwrap();
        InotifyInstances(before)
    }
}

impl Drop for InotifyInstances {
    fn drop(&mut self) {
        fs::write(Self::LIMIT, &self.0).unwrap();
    }
}

pub(super) fn in_a_user_namespace_inotify_tells() {
    let watcher = by_script(&["unshare", "--user", "--map-root-user", "--net"], "exec $WATCH");
    assert_eq!(watcher.said(), "", "it hears");
    let plugged = webcam().plug(0);
    let arrived = watcher.next_of(plugged.camera());
    assert_event(&arrived, "arrived");
    let camera = plugged.camera();
    drop(plugged);
    assert_event(&watcher.next_of(camera), "removed");
}

pub(super) fn without_inotify_the_kernel_tells() {
    if !in_guest() {
        return;
    }
    let _none = InotifyInstances::none();
    let watcher = Watcher::start();
    assert_eq!(watcher.said(), "", "it hears");
    let plugged = webcam().plug(0);
    assert_event(&watcher.next_of(plugged.camera()), "arrived");
}

pub(super) fn where_neither_tells_there_is_a_look_now_and_then() {
    if !in_guest() {
        return;
    }
    let _none = InotifyInstances::none();
    let watcher = by_script(&["unshare", "--user", "--map-root-user", "--net"], "exec $WATCH");
    assert!(watcher.said().contains("Neither the kernel nor inotify tells"), "{}", watcher.said());
    let plugged = webcam().plug(0);
    assert_event(&watcher.next_of(plugged.camera()), "arrived");
}

/// How many messages the kernel could not give to this process's uevent socket.
fn lost_uevents(pid: Pid) -> u64 {
    let sockets = fs::read_to_string("/proc/net/netlink").unwrap();
    // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode; uevents are protocol 15.
    let of_this = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let drops = of_this.filter(|fields| fields.get(1) == Some(&"15") && fields.get(2) == Some(&&*pid.to_string()));
    drops.filter_map(|fields| fields.get(8)?.parse::<u64>().ok()).sum()
}

pub(super) fn uevents_that_were_lost_are_made_up_for() {
    if !in_guest() {
        return;
    }
    let _none = InotifyInstances::none();
    let watcher = Watcher::start();
    watcher.signal(Signal::SIGSTOP);
    let noise = "/sys/class/sound/card0/uevent";
    eventually("the socket's buffer full", || {
        (0..100).for_each(|_| fs::write(noise, "change").unwrap());
        (lost_uevents(watcher.pid()) > 0).then_some(())
    });
    let plugged = webcam().plug(0);
    watcher.signal(Signal::SIGCONT);
    assert_event(&watcher.next_of(plugged.camera()), "arrived");
    println!("{} uevents were lost", lost_uevents(watcher.pid()));
}

pub(super) fn notices_of_inotify_that_were_lost_are_made_up_for() {
    if !in_guest() {
        return;
    }
    let limit = "/proc/sys/fs/inotify/max_queued_events";
    let before = fs::read_to_string(limit).unwrap();
    fs::write(limit, "4").unwrap();
    let watcher = by_script(&["unshare", "--user", "--map-root-user", "--net"], "exec $WATCH");
    fs::write(limit, before).unwrap();
    watcher.signal(Signal::SIGSTOP);
    // Two in turn, because a notice like the one before it is not queued again.
    for _ in 0..10 {
        set_mode(&vivid_webcam(), 0o660);
        set_mode(&loopback_open(), 0o660);
    }
    let plugged = webcam().plug(0);
    watcher.signal(Signal::SIGCONT);
    let arrived = [watcher.next(), watcher.next()];
    let camera = plugged.camera();
    assert!(arrived.iter().any(|line| line["device"]["path"] == camera.to_str().unwrap()), "{arrived:?}");
    // And it hears on.
    drop(plugged);
    assert_event(&watcher.next(), "removed");
}
