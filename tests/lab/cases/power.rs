//! A power cut in the middle of a recording: QEMU is killed, and a new guest looks at the disk.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use usermedia::{LocalMediaStream, MediaDevices, MediaStreamConstraints, Recorder, RecordingProgress, Segments};

use crate::devices::{modprobe, share, succeed};
use crate::guest::{self, Report};
use crate::harness::Place;
use crate::machine::{Leg, Machine};
use crate::protocol::{Ending, Request};

/// What a recording may lose, in seconds: half of it between two syncs, and half for the disk.
const LAST_SECOND: f64 = 1.0;
const BETWEEN_SYNCS: f64 = 0.5;
/// The kinds of recordings, each on a disk of its own.
const KINDS: [&str; 4] = ["film.mkv", "sound.wav", "film.raw", "door.mkv"];
/// Where the guest says, while it can, how far the camera is.
const ALIVE: &str = "alive";
/// How long a part may take.
const PATIENCE: Duration = Duration::from_secs(180);
/// Bytes of a picture of 320x180 in YUYV.
const PICTURE: u64 = 320 * 180 * 2;

/// As it is listed.
pub const NAME: &str = "power::a_power_cut_costs_at_most_the_last_second";

/// Where there is a guest whose power can be cut.
pub fn tests(place: Place) -> Vec<(&'static str, fn())> {
    match place {
        Place::Host | Place::Guest(Leg::VirtualTime | Leg::Arm64) => Vec::new(),
        Place::Guest(Leg::Stock) | Place::Off => {
            vec![(NAME, a_power_cut_costs_at_most_the_last_second)]
        }
    }
}

/// On this machine. One power cut for all kinds of recordings: they are made at the same time.
fn a_power_cut_costs_at_most_the_last_second() {
    let folder = std::env::temp_dir().join(format!("usermedia-power-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let image = folder.join("disk");
    fs::File::create(&image).unwrap().set_len(256 << 20).unwrap();
    succeed(Command::new("/usr/sbin/mke2fs").args(["-q", "-t", "ext4"]).arg(&image));
    let machine = Arc::new(Machine::prepare(Leg::Stock).unwrap().with_disk(&image));
    let alive = machine.files().join(ALIVE);

    let mut guest = machine.boot().unwrap();
    let qemu = Pid::from_raw(i32::try_from(guest.process()).unwrap());
    let seen = alive.clone();
    let cutter = thread::spawn(move || {
        // At no special moment of a second, some seconds in.
        let begun = Instant::now();
        while read(&seen).is_none_or(|(seconds, ..)| seconds < 5.37) {
            assert!(begun.elapsed() < Duration::from_secs(240), "the recording does not get on: {:?}", read(&seen));
            thread::sleep(Duration::from_millis(5));
        }
        kill(qemu, Signal::SIGKILL).unwrap();
    });
    let report = guest.run(&request("record"), PATIENCE, false).unwrap();
    assert!(report.done.is_err(), "the power was to be cut: {}", told(&report));
    cutter.join().unwrap();
    drop(guest);

    // The same disk, a new guest: its file system is recovered as it is mounted.
    let mut guest = machine.boot().unwrap();
    let report = guest.run(&request("look"), PATIENCE, false).unwrap();
    let _ = fs::remove_dir_all(&folder);
    assert!(report.done.is_ok_and(|done| done.ending == Ending::Exited(0)), "{}", told(&report));
    println!("{}", report.stdout);
}

fn request(part: &str) -> Request {
    Request {
        // By the guest's clock, which a busy machine may have set running too fast.
        timeout: Duration::from_secs(900),
        directory: env!("CARGO_MANIFEST_DIR").into(),
        environment: guest::environment(Leg::Stock),
        command: vec![std::env::current_exe().unwrap().into(), "--power".into(), part.into()],
    }
}

fn told(report: &Report) -> String {
    format!("{:?}\n{}\n{}\n{}", report.done, report.stdout, report.stderr, report.dmesg)
}

/// How far the camera was: seconds since the first frame, and frames; and how long the longest sync took.
fn read(alive: &Path) -> Option<(f64, u64, f64)> {
    let text = fs::read_to_string(alive).ok()?;
    let mut words = text.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// In the guest.
pub fn in_the_guest(part: &str) -> Result<(), String> {
    modprobe("virtio_blk");
    modprobe("ext4");
    let disk = Path::new("/tmp/disk");
    fs::create_dir_all(disk).map_err(|error| error.to_string())?;
    succeed(Command::new("mount").args(["-t", "ext4", "/dev/vda"]).arg(disk));
    match part {
        "record" => record(disk),
        _ => look(disk),
    }
    Ok(())
}

fn stream(video: bool) -> LocalMediaStream {
    // Ten pictures a second: an emulated processor has to keep up with three recordings of them.
    let constraints = match video {
        true => {
            r#"{"video": {"width": {"exact": 320}, "height": {"exact": 180}, "frameRate": {"exact": 10}, "pixelFormat": "YUYV"}}"#
        }
        false => r#"{"audio": true}"#,
    };
    let constraints = MediaStreamConstraints::from_json(constraints).unwrap();
    MediaDevices::synthetic().get_user_media(&constraints).unwrap()
}

/// Records for as long as there is power, and tells how far the camera is.
fn record(disk: &Path) {
    let (pictures, sound) = (stream(true), stream(false));
    let mut recordings = Vec::new();
    let attached: Vec<_> = KINDS
        .iter()
        .map(|name| {
            let recorder = Recorder::create(disk.join(name)).unwrap();
            recordings.push(recorder.progress());
            match *name {
                "sound.wav" => sound.attach(recorder),
                "door.mkv" => {
                    pictures.attach(recorder.with_segments(Segments::of_length(Duration::from_secs(2))).unwrap())
                }
                _ => pictures.attach(recorder),
            }
            .unwrap()
        })
        .collect();
    let alive = fs::File::create(share().join(ALIVE)).unwrap();
    let mut first = None;
    for (frames, frame) in (1..).zip(pictures.video_tracks()[0].processor(8)) {
        let now = frame.unwrap().timestamp();
        let since = (now - *first.get_or_insert(now)) as f64 / 1e9;
        let longest = recordings.iter().filter_map(RecordingProgress::longest_sync).max().unwrap_or_default();
        let line = format!("{since:012.6} {frames:09} {:012.6}\n", longest.as_secs_f64());
        // Always as long: what is read is of one moment.
        alive.write_all_at(line.as_bytes(), 0).unwrap();
    }
    drop(attached);
}

/// What there is of every kind.
fn look(disk: &Path) {
    // The camera was this far when the power went, or a frame further.
    let (reached, frames, longest) = read(&share().join(ALIVE)).unwrap();
    // A disk on a machine that has no time for it takes longer than its half, and costs what it takes longer; so it is
    // documented. The sync that the power cut short is not among those that were measured.
    let may_cost = LAST_SECOND.max(BETWEEN_SYNCS + 2.0 * longest);
    println!("the longest sync took {longest:.3} s: {may_cost:.3} s may be missing");
    for name in KINDS {
        let saved = match name {
            "film.mkv" | "sound.wav" => last_time(&disk.join(name)),
            // It has no times: frames are counted.
            "film.raw" => (fs::metadata(disk.join(name)).unwrap().len() / PICTURE) as f64 * reached / frames as f64,
            _ => segments(disk),
        };
        println!("{name}: {saved:.3} s of {reached:.3} s");
        assert!(saved >= reached - may_cost, "{name} has {saved:.3} s of {reached:.3} s");
        assert!(saved <= reached + LAST_SECOND, "{name} has {saved:.3} s of {reached:.3} s");
    }
}

/// The segments one after the other: all that ended are whole, and the one that was being written counts too.
fn segments(disk: &Path) -> f64 {
    let mut files: Vec<_> = fs::read_dir(disk).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap().to_string_lossy().starts_with("door-"));
    files.sort();
    assert!(files.len() >= 2, "{files:?}");
    files.iter().map(|file| last_time(file)).sum()
}

/// The end of the last packet that FFmpeg finds, in seconds.
fn last_time(file: &Path) -> f64 {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args("-v error -show_entries packet=pts_time,duration_time -of csv=p=0".split(' '));
    let output = succeed(ffprobe.arg(file));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let end = |line: &str| {
        let mut fields = line.split(',').map(str::parse::<f64>);
        Some(fields.next()?.ok()? + fields.next().and_then(Result::ok).unwrap_or(0.0))
    };
    text.lines().filter_map(end).reduce(f64::max).unwrap_or_else(|| panic!("{} has nothing", file.display()))
}
