//! Devices that come and go, on real drivers: what `usermedia watch` and `--wait` hear, from either source alone, after an
//! overflow, and where there is nothing to hear.

mod silence;
mod watcher;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;
use usermedia::MediaDevices;
use usermedia::devices::{DeviceChange, DeviceChangeKind};

use crate::agent;
use crate::devices::{eventually, in_guest, loopback_open, node, succeed, usermedia, vivid_webcam};
use crate::harness::{LabTest, lab_test};
use crate::layout;
use crate::usb::models::webcam;
use silence::{
    in_a_user_namespace_inotify_tells, notices_of_inotify_that_were_lost_are_made_up_for,
    uevents_that_were_lost_are_made_up_for, where_neither_tells_there_is_a_look_now_and_then,
    without_inotify_the_kernel_tells,
};
use watcher::{PATIENCE, Watcher};

pub const TESTS: &[LabTest] = &[
    lab_test!(a_camera_plugged_in_and_pulled_out_is_told).timeout_secs(60),
    lab_test!(a_camera_that_is_back_in_time_never_left).timeout_secs(60),
    lab_test!(a_driver_unbound_and_bound_is_told).timeout_secs(60),
    lab_test!(permissions_given_and_taken_are_told).timeout_secs(60),
    lab_test!(a_node_that_is_renamed_is_the_same_device).timeout_secs(60),
    lab_test!(in_a_user_namespace_inotify_tells).timeout_secs(60).not_in_virtual_time(NO_USER_NAMESPACES),
    lab_test!(without_inotify_the_kernel_tells).timeout_secs(60),
    lab_test!(where_neither_tells_there_is_a_look_now_and_then)
        .timeout_secs(60)
        .not_in_virtual_time(NO_USER_NAMESPACES),
    lab_test!(uevents_that_were_lost_are_made_up_for).timeout_secs(60),
    lab_test!(notices_of_inotify_that_were_lost_are_made_up_for)
        .timeout_secs(60)
        .not_in_virtual_time(NO_USER_NAMESPACES),
    lab_test!(nothing_wakes_while_nothing_changes).timeout_secs(60),
    lab_test!(a_capture_waits_for_its_camera_without_looking_for_it).timeout_secs(60).not_in_virtual_time(
        "shrink_dcache_parent() may spin until another process gets on, which takes a tick of the clock",
    ),
    lab_test!(a_program_is_told_of_its_own_cameras).timeout_secs(60),
];

/// Why some tests do not run in virtual time.
const NO_USER_NAMESPACES: &str = "its kernel has no user namespaces";

#[track_caller]
fn assert_event(line: &Value, event: &str) {
    assert_eq!(line["event"], event, "{line}");
}

/// A command as the user `nobody`, which has no groups.
pub(super) fn as_nobody() -> Command {
    let copy = "/tmp/usermedia-for-nobody";
    fs::copy(env!("CARGO_BIN_EXE_usermedia"), copy).unwrap();
    fs::set_permissions(copy, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(copy);
    command.uid(65_534).gid(65_534).current_dir("/");
    command
}

fn set_mode(node: &Path, mode: u32) {
    fs::set_permissions(node, fs::Permissions::from_mode(mode)).unwrap();
}

fn a_camera_plugged_in_and_pulled_out_is_told() {
    let watcher = Watcher::start();
    let device = webcam();
    for _ in 0..2 {
        let plugged = device.plug(0);
        let (camera, microphone) = (plugged.camera(), plugged.microphone());
        let arrivals = [watcher.next(), watcher.next()];
        for (path, kind) in [(camera.as_os_str(), "videoinput"), (microphone.as_ref(), "audioinput")] {
            let arrived = arrivals.iter().find(|line| line["device"]["path"].as_str().map(OsStr::new) == Some(path));
            let arrived = arrived.unwrap_or_else(|| panic!("no {kind} at {path:?}: {arrivals:?}"));
            assert_event(arrived, "arrived");
            assert_eq!(arrived["device"]["kind"], kind);
            assert_eq!(arrived["device"]["groupId"], "usb-1d6b_0102_LAB0001");
            assert_eq!(arrived["device"]["unusable"], Value::Null, "told when it can be opened: {arrived}");
        }
        let begin = Instant::now();
        drop(plugged);
        let removals = [watcher.next(), watcher.next()];
        removals.iter().for_each(|line| assert_event(line, "removed"));
        assert!(begin.elapsed() >= Duration::from_millis(2400), "a removal is not told before it has lasted");
        let ids: Vec<_> = removals.iter().map(|line| &line["device"]["deviceId"]).collect();
        assert!(arrivals.iter().all(|line| ids.contains(&&line["device"]["deviceId"])), "{ids:?}");
    }
    watcher.signal(Signal::SIGTERM);
    assert_eq!(watcher.next()["endedBy"], "SIGTERM");
}

fn a_camera_that_is_back_in_time_never_left() {
    let device = webcam();
    let mut plugged = device.plug(0);
    let watcher = Watcher::start();
    let id = format!("{}-0", "usb-1d6b_0102_LAB0001");
    assert!(watcher.present.iter().any(|line| line["device"]["deviceId"] == id.as_str()));
    // The kernel takes about half a second to find it again, an emulated one longer.
    let begin = Instant::now();
    plugged.unplug();
    plugged = device.plug(0);
    let away = begin.elapsed();
    let told = watcher.told_in(Duration::from_secs(4));
    println!("away for {away:?}, and told: {told:?}");
    if away < Duration::from_millis(2000) {
        // Its node may have another number now.
        assert!(told.iter().all(|line| line["event"] == "changed"), "{told:?}");
    }
    drop(plugged);
}

fn a_driver_unbound_and_bound_is_told() {
    if !in_guest() {
        return;
    }
    let driver = Path::new("/sys/bus/platform/drivers/vivid");
    let cameras = [layout::WEBCAM, layout::WEBCAM_MULTI_PLANAR, layout::HDMI_INPUT, layout::EVERY_KIND].map(node);
    let watcher = Watcher::start();
    let unbound = Unbound::unbind(driver, "vivid.0");
    let removed: Vec<_> = (0..4).map(|_| watcher.next()).collect();
    removed.iter().for_each(|line| assert_event(line, "removed"));
    let paths: Vec<_> = removed.iter().map(|line| PathBuf::from(line["device"]["path"].as_str().unwrap())).collect();
    assert!(cameras.iter().all(|camera| paths.contains(camera)), "{paths:?}");
    drop(unbound);
    // While only some of its nodes are there, their ids may lack what will tell them apart.
    let mut ids: Vec<String> = Vec::new();
    let id = |device: &Value| device["deviceId"].as_str().map(str::to_owned);
    let wanted: BTreeSet<_> = removed.iter().filter_map(|line| id(&line["device"])).collect();
    while !wanted.iter().eq(&BTreeSet::from_iter(ids.clone())) {
        let line = watcher.next();
        match line["event"].as_str() {
            Some("changed") => ids.retain(|known| Some(known) != id(&line["previous"]).as_ref()),
            event => assert_eq!(event, Some("arrived"), "{line}"),
        }
        ids.extend(id(&line["device"]));
    }
    // The sixteen other nodes of the driver are no cameras, and no news.
    assert_eq!(watcher.told_in(Duration::from_secs(1)), [Value::Null; 0]);
}

/// A device without its driver, which gets it back.
struct Unbound(&'static Path, &'static str);

impl Unbound {
    fn unbind(driver: &'static Path, device: &'static str) -> Unbound {
        fs::write(driver.join("unbind"), device).unwrap();
        Unbound(driver, device)
    }
}

impl Drop for Unbound {
    fn drop(&mut self) {
        fs::write(self.0.join("bind"), self.1).expect("a driver that takes its device");
        agent::as_udev_would();
    }
}

fn permissions_given_and_taken_are_told() {
    if !in_guest() {
        return;
    }
    let camera = vivid_webcam();
    set_mode(&camera, 0o660);
    let watcher = Watcher::with(&mut as_nobody());
    let before = watcher.present.iter().find(|line| Path::new(line["device"]["path"].as_str().unwrap()) == camera);
    assert_eq!(before.expect("it is there")["device"]["unusable"]["reason"], "no-permission");

    set_mode(&camera, 0o666);
    let given = watcher.next();
    assert_event(&given, "changed");
    assert_eq!((&given["device"]["path"], &given["device"]["unusable"]), (&camera.to_str().into(), &Value::Null));
    assert!(!given["device"]["modes"].as_array().unwrap().is_empty());
    assert_eq!(given["previous"]["unusable"]["reason"], "no-permission");

    // Taken for a moment is not taken.
    set_mode(&camera, 0o600);
    set_mode(&camera, 0o666);
    assert_eq!(watcher.told_in(Duration::from_millis(1500)), [Value::Null; 0]);
    set_mode(&camera, 0o600);
    let taken = watcher.next();
    assert_event(&taken, "changed");
    assert_eq!(taken["device"]["unusable"]["reason"], "no-permission");

    // By its owner as well.
    nix::unistd::chown(&camera, Some(65_534.into()), None).unwrap();
    assert_eq!(watcher.next()["device"]["unusable"], Value::Null);
    nix::unistd::chown(&camera, Some(0.into()), None).unwrap();
    set_mode(&camera, 0o660);
}

fn a_node_that_is_renamed_is_the_same_device() {
    if !in_guest() {
        return;
    }
    let (before, after) = (loopback_open(), Path::new("/dev/video77"));
    let watcher = Watcher::start();
    fs::rename(&before, after).unwrap();
    let moved = watcher.next_of(after);
    fs::rename(after, &before).unwrap();
    let back = watcher.next_of(&before);
    for line in [&moved, &back] {
        assert_event(line, "changed");
        assert_eq!(line["device"]["deviceId"], "virtual-Open_loopback");
    }
    assert_eq!(moved["previous"]["path"], before.to_str().unwrap());
}

/// How often threads of this process have slept and been woken.
fn wake_ups(pid: Pid) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let statuses = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    let switches = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:").map(str::to_owned));
        line.and_then(|count| count.trim().parse::<u64>().ok())
    };
    statuses.filter_map(switches).sum()
}

fn nothing_wakes_while_nothing_changes() {
    let watcher = Watcher::start();
    thread::sleep(Duration::from_secs(1));
    let before = wake_ups(watcher.pid());
    thread::sleep(Duration::from_secs(6));
    assert_eq!(wake_ups(watcher.pid()), before, "in six seconds");
    // Nor does the listing that a notice leads to make another one: it opens every node.
    let mut count = before;
    for _ in 0..2 {
        set_mode(&vivid_webcam(), 0o660);
        thread::sleep(Duration::from_secs(3));
        let after = wake_ups(watcher.pid());
        assert!(after > count, "the notice woke it");
        count = after;
        thread::sleep(Duration::from_secs(3));
        assert_eq!(wake_ups(watcher.pid()), count, "after the notice's listing");
    }
    assert_eq!(watcher.told_in(Duration::ZERO), [Value::Null; 0]);
}

fn a_capture_waits_for_its_camera_without_looking_for_it() {
    let mut command = usermedia();
    command.args(["capture", "--json", "--wait", "40s", "--frames", "5", "--device", "usb-1d6b_0102_LAB0001-0"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    // Until it has looked, and waits.
    let waits = |threads: usize| fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|tasks| tasks.count() >= threads);
    eventually("a capture that has begun", || waits(3).then_some(()));
    let mut last = 0;
    eventually("a capture that waits", || {
        thread::sleep(Duration::from_secs(1));
        let now = wake_ups(pid);
        (std::mem::replace(&mut last, now) == now).then_some(())
    });
    thread::sleep(Duration::from_secs(3));
    assert_eq!(wake_ups(pid), last, "in three seconds of waiting");
    let plugged = webcam().plug(0);
    let output = child.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &document["ok"]), (Some(0), &true.into()), "{document}");
    assert_eq!(
        document["video"]["settings"]["path"].as_str().map_or(plugged.camera(), PathBuf::from),
        plugged.camera()
    );
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("Waiting up to 40 s for a device"), "{told}");
    succeed(usermedia().args(["capture", "--frames", "1", "--device", "usb-1d6b_0102_LAB0001-0"]));
}

fn a_program_is_told_of_its_own_cameras() {
    let (changes, told) = mpsc::channel::<DeviceChange>();
    let watch = MediaDevices::new().on_device_change(move |all| {
        all.iter().for_each(|change| drop(changes.send(change.clone())));
    });
    let watch = watch.unwrap();
    assert!(!watch.is_polling());
    assert!(watch.devices().iter().any(|device| Path::new(&device.path) == vivid_webcam()));
    let plugged = webcam().plug(0);
    let camera = plugged.camera();
    let next = |kind: DeviceChangeKind| loop {
        let change = told.recv_timeout(PATIENCE).expect("a change");
        // Its microphone comes and goes as well.
        if Path::new(&change.device.path) == camera {
            assert_eq!(change.kind, kind, "{change:?}");
            return change;
        }
    };
    let arrived = next(DeviceChangeKind::Arrived);
    drop(plugged);
    let removed = next(DeviceChangeKind::Removed);
    assert_eq!(removed.device.device_id, arrived.device.device_id);
    assert!(!removed.device.modes.is_empty(), "as it was");
    drop(watch);
    // What it told of the microphone may still be there.
    let end = loop {
        if let Err(end) = told.recv_timeout(PATIENCE) {
            break end;
        }
    };
    assert_eq!(end, RecvTimeoutError::Disconnected, "the callback is gone, with its sender");
}
