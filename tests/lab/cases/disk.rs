//! A disk that is full, read-only or failing while a camera is recorded: what is said, what is saved, and that the stream goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use nix::errno::Errno;
use usermedia::{Recorder, Segments};

use super::capture::{open, vga};
use crate::devices::{eventually, modprobe, succeed, usermedia, vivid_webcam};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] = &[
    lab_test!(a_full_disk_ends_the_recording_and_not_the_stream).timeout_secs(90),
    lab_test!(a_full_disk_costs_a_ring_its_oldest_segments).timeout_secs(90),
    lab_test!(the_command_says_that_the_disk_is_full_and_what_is_saved).timeout_secs(60),
    lab_test!(a_read_only_disk_is_called_one),
    lab_test!(a_failing_disk_ends_the_recording)
        .timeout_secs(90)
        .not_in_virtual_time("its disk is null_blk with ext4, which that kernel goes without"),
];

/// A file system that is gone with the test.
struct Mounted(PathBuf);

impl Mounted {
    #[track_caller]
    fn new(name: &str, kind: &str, what: &Path, options: &str) -> Mounted {
        let folder = Path::new("/tmp").join(name);
        fs::create_dir_all(&folder).unwrap();
        succeed(Command::new("mount").args(["-t", kind, "-o", options]).arg(what).arg(&folder));
        Mounted(folder)
    }

    fn memory(name: &str, megabytes: u32) -> Mounted {
        Mounted::new(name, "tmpfs", Path::new("tmpfs"), &format!("size={megabytes}m"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Pictures that FFmpeg finds in a file, about which it must have nothing to complain.
#[track_caller]
fn pictures(file: &Path) -> u64 {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args("-v error -count_packets -show_entries stream=nb_read_packets -of csv=p=0".split(' '));
    let output = succeed(ffprobe.arg(file));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().trim_end_matches(',').parse().unwrap()
}

/// 640x480 in YUYV is 0.6 MB a picture: a disk of 12 MB holds nineteen.
fn a_full_disk_ends_the_recording_and_not_the_stream() {
    for name in ["full.mkv", "full.raw", "full.y4m"] {
        let disk = Mounted::memory("full", 12);
        let stream = open(vga(&vivid_webcam()));
        let track = stream.video_tracks().remove(0);
        let processor = track.processor(8);
        let recorder = Recorder::create(disk.path(name)).unwrap();
        let progress = recorder.progress();
        let recording = stream.attach(recorder).unwrap();
        let counting =
            thread::spawn(move || processor.take(60).map(|frame| frame.unwrap().sequence()).collect::<Vec<_>>());
        let error = recording.wait().result.unwrap_err();
        let frames = progress.frames();
        assert_eq!(error.errno(), Some(Errno::ENOSPC as i32));
        let told = format!("cannot write /tmp/full/{name}: the disk is full; {frames} frames, ");
        assert!(error.message().starts_with(&told) && error.message().ends_with(" are saved"), "{error}");
        assert!(error.remedy().unwrap().contains("free some space"), "{error}");
        assert!(frames >= 10, "{error}");
        if name.ends_with("raw") {
            assert_eq!(fs::metadata(disk.path(name)).unwrap().len(), frames * 640 * 480 * 2, "whole frames");
        } else {
            assert_eq!(pictures(&disk.path(name)), frames, "{name}");
        }
        // The others have their frames as before, and the camera has not ended.
        let seen = counting.join().unwrap();
        assert_eq!(seen.len(), 60);
        let lost = seen.windows(2).filter(|pair| pair[1] != pair[0] + 1).count() as u64;
        assert!(lost <= track.statistics().lost_in_driver, "{seen:?}");
        assert_eq!(track.ready_state(), usermedia::MediaStreamTrackState::Live);
    }
}

fn a_full_disk_costs_a_ring_its_oldest_segments() {
    let disk = Mounted::memory("ring", 12);
    let stream = open(vga(&vivid_webcam()));
    // More may be kept than the disk holds: it has room for three of five pictures.
    let segments = Segments::of_bytes(3_000_000).keep(1_000_000_000);
    let recorder = Recorder::create(disk.path("ring.mkv")).unwrap().with_segments(segments).unwrap();
    let recorder = recorder.with_frame_limit(60);
    let progress = recorder.progress();
    stream.attach(recorder).unwrap().wait().result.unwrap();
    assert_eq!(progress.frames(), 60);
    let (kept, deleted): (Vec<_>, Vec<_>) = progress.files().into_iter().partition(|file| !file.deleted);
    assert!(kept.len() >= 2 && deleted.len() >= 5, "{:?}", progress.files());
    assert!(deleted.iter().all(|file| !file.path.exists()));
    // The newest are there, in one piece, and all of them play.
    assert_eq!(kept, progress.files()[deleted.len()..]);
    for file in &kept {
        assert_eq!(pictures(&file.path), file.frames, "{file:?}");
    }
    println!("kept {} of {} segments", kept.len(), kept.len() + deleted.len());
}

fn the_command_says_that_the_disk_is_full_and_what_is_saved() {
    let disk = Mounted::memory("small", 6);
    let file = disk.path("door.mkv");
    let mut command = usermedia();
    command.args(["capture", "--json", "--width", "640", "--fourcc", "YUYV", "--device"]).arg(vivid_webcam());
    let output = command.arg("-o").arg(&file).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&document["endedBy"], &document["error"]["errno"]), (&"error".into(), &(Errno::ENOSPC as i32).into()));
    let frames = document["files"][0]["frames"].as_u64().unwrap();
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("cannot write {}: the disk is full; {frames} frames, ", file.display())));
    assert!(told.contains("error: ") && told.contains("the disk is full"), "{told}");
    assert_eq!(pictures(&file), frames);
}

fn a_read_only_disk_is_called_one() {
    let disk = Mounted::memory("fixed", 6);
    succeed(Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0));
    for more in [&[][..], &["--segment", "1s"]] {
        let mut command = usermedia();
        command.args(["capture", "--synthetic", "--json", "-o"]).arg(disk.path("film.mkv")).args(more);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let message = document["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("cannot write /tmp/fixed/film"), "{message}");
        assert!(message.ends_with(": its file system is read-only; nothing is saved"), "{message}");
        assert!(document["error"]["remedy"].as_str().unwrap().contains("mount it for writing"), "{document}");
        assert_eq!(document["files"].as_array().map(Vec::len), Some(0), "{document}");
    }
}

/// A disk in memory whose upper part answers EIO. Writes go on being taken into the kernel's memory: only a sync says so.
fn a_failing_disk_ends_the_recording() {
    modprobe("null_blk");
    modprobe("ext4");
    let settings = Path::new("/sys/kernel/config/nullb/failing");
    if !settings.parent().is_some_and(Path::exists) {
        succeed(Command::new("mount").args(["-t", "configfs", "none", "/sys/kernel/config"]));
    }
    fs::create_dir(settings).unwrap();
    let set = |name: &str, value: &str| fs::write(settings.join(name), value).unwrap();
    [("size", "64"), ("memory_backed", "1"), ("power", "1")].into_iter().for_each(|(name, value)| set(name, value));
    let device = eventually("a disk", || Some(Path::new("/dev/failing").to_owned()).filter(|device| device.exists()));
    succeed(Command::new("/usr/sbin/mke2fs").args(["-q", "-t", "ext4"]).arg(&device));
    let disk = Mounted::new("failing", "ext4", &device, "defaults");
    let stream = open(vga(&vivid_webcam()));
    let track = stream.video_tracks().remove(0);
    let recorder = Recorder::create(disk.path("film.mkv")).unwrap();
    let progress = recorder.progress();
    let recording = stream.attach(recorder).unwrap();
    eventually("a recording", || (progress.frames() > 10).then_some(()));
    // Sectors of 512 bytes.
    set("badblocks", "+16384-131071");
    let error = recording.wait().result.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("cannot write /tmp/failing/film.mkv: "), "{text}");
    // The journal may be what met it first: then the file system has become read-only.
    assert!([Errno::EIO as i32, Errno::EROFS as i32].contains(&error.errno().unwrap()), "{text}");
    assert!(text.contains("dmesg"), "{text}");
    let before = track.statistics().captured;
    eventually("more of the camera", || (track.statistics().captured > before + 5).then_some(()));
    println!("{text}");
}
