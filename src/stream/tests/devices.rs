//! `devicechange`: what a caller is told, when, and what it costs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;

use super::bench::eventually;
use crate::constraints::{ConstrainDomString, ConstrainULong, MediaTrackConstraints};
use crate::devices::fixture::{FakePcms, Tree};
use crate::devices::{DeviceChange, Machine, UnusableReason};
use crate::error::ErrorName;
use crate::seam::scripted::{Call, CameraScript, FOREVER, ScriptedCamera, ScriptedKernel, ScriptedPcms, ScriptedWorld};
use crate::stream::{DeviceWatch, MediaDevices};
use crate::{Fourcc, MediaDeviceInfo, MediaStreamConstraints};

/// A machine whose cameras come and go.
struct Bench {
    tree: Tree,
    kernel: Arc<ScriptedKernel>,
    world: Arc<ScriptedWorld>,
    devices: MediaDevices,
    told: Arc<Mutex<Vec<DeviceChange>>>,
}

impl Bench {
    fn new() -> Self {
        let tree = Tree::new();
        let kernel = ScriptedKernel::new();
        let world = ScriptedWorld::over(tree.world(), &kernel);
        let machine = Machine {
            kernel: kernel.clone(),
            world: world.clone(),
            pcm: Arc::new(FakePcms::default()),
            pcms: ScriptedPcms::new(&kernel),
        };
        Self { tree, kernel, world, devices: MediaDevices::of(machine), told: Arc::default() }
    }

    /// A camera in that node, without a word to anybody.
    fn put(&self, number: u32) -> CameraScript {
        self.tree.node(&format!("video{number}"), &format!("devices/platform/cam.{number}"), "platform", &[]);
        self.kernel.plug(&format!("/dev/video{number}"), ScriptedCamera::new(b"YUYV", 64, 48))
    }

    /// Takes it away, as silently.
    fn take(&self, number: u32) {
        self.tree.remove(&format!("dev/video{number}"));
        self.tree.remove(&format!("sys/class/video4linux/video{number}"));
    }

    fn watch(&self) -> DeviceWatch {
        let told = self.told.clone();
        self.devices.on_device_change(move |changes| told.lock().unwrap().extend_from_slice(changes)).unwrap()
    }

    /// Until everything has been done that is to do now.
    fn calm(&self, watch: &DeviceWatch) {
        for _ in 0..3 {
            self.kernel.advance(Duration::ZERO);
            watch.flush();
        }
    }

    /// A notice, and the listing that it leads to.
    fn notice(&self, watch: &DeviceWatch) {
        self.world.tell("/dev/video0");
        self.calm(watch);
        self.pass(watch, 100);
    }

    fn pass(&self, watch: &DeviceWatch, ms: u64) {
        self.kernel.advance(Duration::from_millis(ms));
        self.calm(watch);
    }

    /// What was told since the last question, as `arrived /dev/video0`.
    fn told(&self) -> Vec<String> {
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        told.iter().map(|change| format!("{} {}", change.kind.as_str(), change.device.path)).collect()
    }
}

fn paths(devices: &[MediaDeviceInfo]) -> Vec<&str> {
    devices.iter().map(|device| device.path.as_str()).collect()
}

#[test]
fn a_camera_that_comes_is_told_at_once_and_one_that_goes_when_it_stays_away() {
    let bench = Bench::new();
    bench.put(0);
    let watch = bench.watch();
    assert_eq!(paths(watch.devices()), ["/dev/video0"]);
    assert!(!watch.is_polling());
    bench.put(1);
    bench.notice(&watch);
    assert_eq!(bench.told(), ["arrived /dev/video1"]);

    bench.take(1);
    bench.notice(&watch);
    bench.pass(&watch, 2499);
    assert_eq!(bench.told(), [""; 0]);
    bench.pass(&watch, 1);
    assert_eq!(bench.told(), ["removed /dev/video1"]);
}

#[test]
fn a_camera_that_is_away_for_a_moment_never_left() {
    let bench = Bench::new();
    bench.put(0);
    let watch = bench.watch();
    bench.pass(&watch, 1000);
    for _ in 0..3 {
        bench.take(0);
        bench.notice(&watch);
        bench.pass(&watch, 2000);
        bench.put(0);
        bench.notice(&watch);
        bench.pass(&watch, 2000);
    }
    assert_eq!(bench.told(), [""; 0]);
}

#[test]
fn an_arrival_waits_for_its_permissions() {
    let bench = Bench::new();
    let watch = bench.watch();
    bench.pass(&watch, 1000);
    let camera = bench.put(0);
    camera.fail(Call::Open, Errno::EACCES, FOREVER);
    bench.notice(&watch);
    bench.pass(&watch, 300);
    assert_eq!(bench.told(), [""; 0]);
    camera.mend();
    bench.notice(&watch);
    assert_eq!(bench.told(), ["arrived /dev/video0"]);

    // And one that never gets them is told of as it is.
    let forbidden = bench.put(1);
    forbidden.fail(Call::Open, Errno::EACCES, FOREVER);
    bench.notice(&watch);
    bench.pass(&watch, 1000);
    let told = bench.told.lock().unwrap()[0].device.unusable.as_ref().map(|unusable| unusable.reason);
    assert_eq!((told, bench.told()), (Some(UnusableReason::NoPermission), vec!["arrived /dev/video1".to_owned()]));
    forbidden.mend();
    bench.notice(&watch);
    assert_eq!(bench.told(), ["changed /dev/video1"]);
}

#[test]
fn nothing_is_listed_while_nothing_happens_and_once_when_changes_were_lost() {
    let bench = Bench::new();
    let camera = bench.put(0);
    let watch = bench.watch();
    assert_eq!(camera.calls(Call::Open), 1);
    bench.pass(&watch, 24 * 3600 * 1000);
    assert_eq!(camera.calls(Call::Open), 1);
    bench.world.overflow();
    bench.calm(&watch);
    bench.pass(&watch, 1000);
    assert_eq!(camera.calls(Call::Open), 2);
}

#[test]
fn a_burst_of_notices_makes_one_listing() {
    let bench = Bench::new();
    let camera = bench.put(0);
    let watch = bench.watch();
    for _ in 0..99 {
        bench.world.tell("/dev/video0");
        bench.pass(&watch, 1);
    }
    assert_eq!(camera.calls(Call::Open), 1, "not before they are gathered");
    bench.pass(&watch, 1000);
    assert_eq!(camera.calls(Call::Open), 2);
    // However long they go on, there are ten a second.
    for _ in 0..100 {
        bench.world.tell("/dev/video0");
        bench.pass(&watch, 10);
    }
    let listings = camera.calls(Call::Open) - 2;
    assert!((8..=10).contains(&listings), "{listings}");
}

#[test]
fn where_nobody_tells_there_is_a_look_now_and_then_and_less_and_less_often() {
    let bench = Bench::new();
    bench.world.deafen();
    let camera = bench.put(0);
    let watch = bench.watch();
    assert!(watch.is_polling());
    let mut looks = Vec::new();
    let mut seen = camera.calls(Call::Open);
    for tick in 1..=400_u32 {
        bench.pass(&watch, 100);
        let calls = camera.calls(Call::Open);
        if calls > seen {
            looks.push(f64::from(tick) / 10.0);
        }
        seen = calls;
    }
    assert_eq!(looks, [0.5, 1.5, 3.5, 7.5, 15.5, 23.5, 31.5, 39.5]);
    bench.put(1);
    bench.pass(&watch, 8000);
    assert_eq!(bench.told(), ["arrived /dev/video1"]);
}

#[test]
fn sources_that_break_are_replaced_by_looking() {
    let bench = Bench::new();
    let watch = bench.watch();
    bench.pass(&watch, 1000);
    bench.world.deafen();
    bench.pass(&watch, 100);
    assert!(watch.is_polling());
    bench.put(0);
    bench.pass(&watch, 500);
    assert_eq!(bench.told(), ["arrived /dev/video0"]);
}

#[test]
fn dropping_the_handle_ends_it_and_closes_everything() {
    let bench = Bench::new();
    let watch = bench.watch();
    let held = Arc::downgrade(&bench.told);
    assert_eq!(bench.world.watches(), (1, 1));
    drop(watch);
    eventually(|| bench.world.watches() == (0, 1));
    eventually(|| held.strong_count() == 1);
}

#[test]
fn the_handle_may_be_dropped_in_its_own_callback() {
    let bench = Bench::new();
    // Keeps the engine, whose end would be the end of the script's time.
    let other = bench.devices.on_device_change(|_| {}).unwrap();
    let slot = Arc::new(Mutex::new(None::<DeviceWatch>));
    let (calls, called) = mpsc::channel();
    let own = slot.clone();
    let watch = bench.devices.on_device_change(move |_| {
        let watch = own.lock().unwrap().take();
        calls.send((thread::current().name().map(str::to_owned), watch.is_some())).unwrap();
    });
    *slot.lock().unwrap() = Some(watch.unwrap());
    bench.put(0);
    bench.world.tell("/dev/video0");
    let (name, dropped) = loop {
        bench.kernel.advance(Duration::from_millis(100));
        if let Ok(call) = called.recv_timeout(Duration::from_millis(10)) {
            break call;
        }
    };
    assert_eq!((name.as_deref(), dropped), (Some("usermedia-dispatch"), true));
    drop(other);
    eventually(|| bench.world.watches() == (0, 1));
    assert!(called.recv().is_err(), "the callback is gone, with its sender");
}

#[test]
fn a_callback_that_panics_is_not_called_again_and_nothing_is_listed_for_it() {
    let bench = Bench::new();
    let camera = bench.put(0);
    let panicked = Arc::new(AtomicBool::new(false));
    let flag = panicked.clone();
    let watch = bench.devices.on_device_change(move |_| {
        assert!(!flag.swap(true, Ordering::SeqCst), "called again");
        panic!("as a test wants it");
    });
    let watch = watch.unwrap();
    bench.pass(&watch, 1000);
    bench.put(1);
    bench.notice(&watch);
    assert!(panicked.load(Ordering::SeqCst));
    let calls = camera.calls(Call::Open);
    bench.put(2);
    bench.pass(&watch, 1000);
    bench.notice(&watch);
    assert_eq!(camera.calls(Call::Open), calls);
}

#[test]
fn a_listing_that_does_not_return_holds_up_no_running_camera() {
    let bench = Bench::new();
    let camera = bench.put(0);
    let stream = bench.devices.get_user_media(&MediaStreamConstraints::new().video(true)).unwrap();
    let watch = bench.watch();
    bench.pass(&watch, 1000);
    let stuck = bench.put(1);
    stuck.block(Call::Open);
    bench.world.tell("/dev/video1");
    eventually(|| {
        bench.kernel.advance(Duration::from_millis(100));
        stuck.calls(Call::Open) == 1
    });
    assert_eq!(camera.run(30), 30);
    assert_eq!(stream.video_tracks()[0].statistics().accepted, 30);
    stuck.unblock();
    eventually(|| bench.told() == ["arrived /dev/video1"]);
}

#[test]
fn devices_cannot_be_watched_from_the_capture_thread() {
    let bench = Bench::new();
    let camera = bench.put(0);
    let stream = bench.devices.get_user_media(&MediaStreamConstraints::new().video(true)).unwrap();
    let (answers, answered) = mpsc::channel();
    let devices = bench.devices.clone();
    stream.video_tracks()[0].on_frame(move |_| {
        let _ = answers.send(devices.on_device_change(|_| {}).map(|_| ()));
    });
    camera.run(1);
    let error = answered.recv_timeout(Duration::from_secs(20)).unwrap().unwrap_err();
    assert_eq!(error.name(), ErrorName::AbortError);
}

#[test]
fn the_built_in_devices_never_change_and_cost_nothing() {
    let watch = MediaDevices::synthetic().on_device_change(|_| {}).unwrap();
    assert_eq!((watch.devices().len(), watch.is_polling()), (2, false));
}

#[test]
fn a_request_opens_no_camera_that_it_cannot_get() {
    let bench = Bench::new();
    let cameras = [bench.put(0), bench.put(1)];
    let id = bench.devices.enumerate_devices()[1].device_id.clone();
    let opened = || cameras.each_ref().map(|camera| camera.calls(Call::Open));
    let video = MediaTrackConstraints::new().device_id(ConstrainDomString::new().exact(id.as_str()));
    let before = opened();
    let stream = bench.devices.get_user_media(&MediaStreamConstraints::new().video(&video)).unwrap();
    let after = opened();
    assert_eq!(after[0], before[0], "the other one is left alone");
    assert!(after[1] > before[1]);
    assert_eq!(stream.video_tracks()[0].settings().path, "/dev/video1");
    drop(stream);
    // What it cannot get, it is told with all there is in mind.
    let video = video.width(ConstrainULong::new().exact(9999));
    let error = bench.devices.get_user_media(&MediaStreamConstraints::new().video(&video)).map(drop).unwrap_err();
    let resolved = bench.devices.resolve(&MediaStreamConstraints::new().video(&video)).map(drop).unwrap_err();
    assert_eq!((error.name(), error.message()), (resolved.name(), resolved.message()));
    assert_eq!(error.constraint(), Some("width"));
}

#[test]
fn a_request_that_names_a_format_reads_the_others_only_when_they_are_asked_for() {
    let bench = Bench::new();
    let camera = bench.put(0);
    let formats = [b"YUYV", b"MJPG", b"UYVY", b"NV12"];
    camera.change(|camera| camera.modes = formats.map(|format| (Fourcc(*format), 64, 48)).to_vec());
    let video = MediaTrackConstraints::new().pixel_format(ConstrainDomString::new().exact("UYVY")).width(64);
    let asked = || camera.calls(Call::Enumerate);
    let stream = bench.devices.get_user_media(&MediaStreamConstraints::new().video(&video)).unwrap();
    let track = stream.video_tracks().remove(0);
    assert_eq!(track.settings().fourcc, Some(Fourcc(*b"UYVY")));
    let of_one = asked();
    let listed: Vec<_> = track.capabilities().modes.iter().map(|mode| mode.fourcc).collect();
    assert_eq!(listed, formats.map(|format| Fourcc(*format)));
    assert!(asked() > of_one, "{of_one}, then {}", asked());
    let after = asked();
    assert_eq!(track.clone().capabilities().modes.len(), 4);
    assert_eq!(asked(), after, "once");
    // What is not all that was asked for may be bettered by another format: everything is looked at.
    drop((track, stream));
    let wide = video.clone().width(65);
    let stream = bench.devices.get_user_media(&MediaStreamConstraints::new().video(&wide)).unwrap();
    let before = asked();
    assert_eq!(stream.video_tracks()[0].capabilities().modes.len(), 4);
    assert_eq!(asked(), before);
}
