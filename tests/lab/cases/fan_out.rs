//! Many consumers on one camera, and many cameras in one process, on real drivers.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use usermedia::{
    CaptureScheduling, MediaDevices, MediaStreamConstraints, MediaStreamTrackProcessor, RealTimePolicy, VideoFrame,
};

use super::capture::{check_sums, exactly, next, on, open, vga};
use crate::agent::MODPROBE;
use crate::devices::{eventually, find_node, in_virtual_time, succeed, usermedia, vivid_webcam};
use crate::harness::{LabTest, lab_test};
use crate::layout;

pub const TESTS: &[LabTest] = &[
    lab_test!(one_processor_beside_a_stuck_one_misses_nothing),
    lab_test!(four_processors_of_which_one_is_stuck_miss_nothing),
    lab_test!(sixteen_processors_of_which_one_is_stuck_miss_nothing),
    lab_test!(eight_cameras_share_one_capture_thread_and_lose_nothing).timeout_secs(180),
    lab_test!(the_capture_thread_runs_in_real_time_where_it_may),
    lab_test!(real_time_without_permission_names_the_remedy),
];

/// Frames in each run.
const FRAMES: u64 = 60;

/// Takes frames as they come and lets go of them, until it is told to stop.
fn take_all(processor: MediaStreamTrackProcessor) -> usermedia::ConsumerStatistics {
    let mut processor = processor;
    for frame in processor.by_ref() {
        drop(frame.unwrap());
    }
    processor.statistics()
}

/// So many processors, the first of which never lets go of a frame.
fn one_is_stuck(count: usize) {
    let stream = open(vga(&vivid_webcam()));
    let track = stream.video_tracks().remove(0);
    let stuck = track.processor(2);
    // So much may wait that a machine that pauses is not taken for a consumer that is late.
    let others: Vec<_> = (1..count).map(|_| track.processor(usize::try_from(FRAMES).unwrap())).collect();
    let others: Vec<_> = others.into_iter().map(|processor| thread::spawn(move || take_all(processor))).collect();
    let done = Arc::new(AtomicBool::new(false));
    let held = {
        let done = done.clone();
        thread::spawn(move || {
            let mut held: Vec<VideoFrame> = Vec::new();
            while !done.load(Ordering::Relaxed) {
                if let std::task::Poll::Ready(Some(frame)) = stuck.next_timeout(Duration::from_millis(50)) {
                    held.push(frame.unwrap());
                }
            }
            (held, stuck.statistics())
        })
    };
    eventually("the frames", || (track.statistics().captured >= FRAMES).then_some(()));
    done.store(true, Ordering::Relaxed);
    let (held, of_stuck) = held.join().unwrap();
    stream.stop();
    let source = track.statistics();
    check_sums(&source);
    println!("{count} processors, one stuck: {source:?}\nstuck: {of_stuck:?}");
    assert_eq!(source.starved, 0);
    if in_virtual_time() {
        assert_eq!(source.lost_in_driver, 0, "{source:?}");
    }
    // Four, and two that may wait; it goes on with none.
    assert_eq!((held.len(), of_stuck.delivered), (6, 6), "{of_stuck:?}");
    assert!(of_stuck.holding > 0 && source.copied > 0, "{source:?}");
    for other in others {
        let statistics = other.join().unwrap();
        assert_eq!(statistics.delivered, statistics.accepted, "{statistics:?}");
        assert_eq!(statistics.behind + statistics.holding, 0, "{statistics:?}");
    }
}

fn one_processor_beside_a_stuck_one_misses_nothing() {
    one_is_stuck(2);
}

fn four_processors_of_which_one_is_stuck_miss_nothing() {
    one_is_stuck(4);
}

fn sixteen_processors_of_which_one_is_stuck_miss_nothing() {
    one_is_stuck(16);
}

/// Eight webcams of vivid's in place of the layout's devices, which come back when this is dropped.
struct Eight;

impl Eight {
    const COUNT: usize = 8;

    fn load() -> Self {
        let eight = Self;
        succeed(Command::new(MODPROBE).args(["-r", "vivid"]));
        let each = |value: &str| [value; Self::COUNT].join(",");
        succeed(Command::new(MODPROBE).arg("vivid").arg(format!("n_devs={}", Self::COUNT)).args([
            format!("node_types={}", each("0x1")),
            format!("num_inputs={}", each("1")),
            format!("input_types={}", each("0x0")),
            // Every other one in several memories, and half of them with caches that the kernel keeps true.
            "multiplanar=1,2,1,2,1,2,1,2".to_owned(),
            "cache_hints=0,0,0,0,1,1,1,1".to_owned(),
        ]));
        eight
    }

    fn nodes(&self) -> Vec<PathBuf> {
        let name = |number: usize| format!("vivid-{number:03}-vid-cap");
        (0..Self::COUNT).map(|number| eventually("a camera", || find_node(&name(number)))).collect()
    }
}

impl Drop for Eight {
    fn drop(&mut self) {
        let _ = Command::new(MODPROBE).args(["-r", "vivid"]).status();
        let (module, parameters) = layout::MODULES[0];
        let _ = Command::new(MODPROBE).arg(module).args(parameters).status();
        // The next test finds them where they were.
        thread::sleep(Duration::from_millis(500));
    }
}

fn capture_threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("usermedia-react")).count()
}

fn eight_cameras_share_one_capture_thread_and_lose_nothing() {
    let eight = Eight::load();
    let small = |node: &PathBuf| on(node).width(exactly(320)).height(exactly(180)).frame_rate(10.0);
    let streams: Vec<_> = eight.nodes().iter().map(|node| open(small(node))).collect();
    let tracks: Vec<_> = streams.iter().map(|stream| stream.video_tracks().remove(0)).collect();
    let (frames, got) = mpsc::channel();
    let callbacks: Vec<_> = (0..)
        .zip(&tracks)
        .map(|(camera, track)| {
            let frames = frames.clone();
            track.on_frame(move |frame| {
                let _ = frames.send((camera, thread::current().id(), frame.memory_count()));
            })
        })
        .collect();
    let mut seen = [0; Eight::COUNT];
    let mut threads = BTreeSet::new();
    while seen.iter().any(|&count| count < 30) {
        let (camera, thread, _): (usize, _, _) = got.recv_timeout(Duration::from_secs(20)).expect("frames");
        seen[camera] += 1;
        threads.insert(format!("{thread:?}"));
    }
    assert_eq!((threads.len(), capture_threads()), (1, 1));
    streams.iter().for_each(usermedia::LocalMediaStream::stop);
    for (callback, track) in callbacks.iter().zip(&tracks) {
        let (source, consumer) = (track.statistics(), callback.statistics());
        println!("{source:?}");
        check_sums(&source);
        let lost = source.starved + source.error + source.short + source.duplicate + source.copied;
        assert_eq!(lost, 0, "{source:?}");
        assert_eq!((consumer.delivered, consumer.behind + consumer.holding), (consumer.accepted, 0), "{consumer:?}");
        if in_virtual_time() {
            // Nothing takes time there but the pictures themselves: the driver has no reason to leave one out.
            assert_eq!(source.lost_in_driver, 0, "{source:?}");
        }
    }
    // Before the module goes.
    drop((callbacks, tracks, streams));
}

/// Fields 40 and 41 of proc(5)'s stat of the capture thread: its priority and its policy; and where it may run.
fn scheduling() -> (String, String, String) {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path());
    let ours = tasks
        .filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("usermedia-react")));
    let task = ours.last().expect("a capture thread");
    let stat = fs::read_to_string(task.join("stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_ascii_whitespace().collect();
    let status = fs::read_to_string(task.join("status")).unwrap();
    let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    // The first of `fields` is field 3.
    (fields[37].to_owned(), fields[38].to_owned(), cpus.trim().to_owned())
}

fn the_capture_thread_runs_in_real_time_where_it_may() {
    // linux/sched.h: SCHED_FIFO is 1, SCHED_RR 2. With SCHED_RESET_ON_FORK, which stat leaves out.
    for (policy, number, priority) in [(RealTimePolicy::Fifo, "1", 20), (RealTimePolicy::RoundRobin, "2", 7)] {
        let scheduling_wanted = CaptureScheduling::new().real_time(policy, priority).cpus([0]);
        let devices = MediaDevices::new().with_scheduling(scheduling_wanted);
        let stream = devices.get_user_media(&MediaStreamConstraints::new().video(vga(&vivid_webcam()))).unwrap();
        let track = stream.video_tracks().remove(0);
        let mut processor = track.processor(2);
        (0..5).for_each(|_| drop(next(&mut processor)));
        assert_eq!(scheduling(), (priority.to_string(), number.to_owned(), "0".to_owned()));
        let (sent, inherited) = mpsc::channel();
        track.on_frame(move |_| {
            let sent = sent.clone();
            let child = thread::spawn(move || fs::read_to_string("/proc/thread-self/stat").unwrap());
            let _ = sent.send(child);
        });
        let stat = inherited.recv_timeout(Duration::from_secs(5)).unwrap().join().unwrap();
        assert_eq!(stat.rsplit(')').next().unwrap().split_ascii_whitespace().nth(38), Some("0"), "what it starts");
        stream.stop();
    }
    let error = MediaDevices::new()
        .with_scheduling(CaptureScheduling::new().cpus([700]))
        .get_user_media(&MediaStreamConstraints::new().video(vga(&vivid_webcam())))
        .expect_err("no such processor");
    assert!(error.message().contains("700"), "{error}");
}

fn real_time_without_permission_names_the_remedy() {
    let mut capture = usermedia();
    capture.args(["capture", "--synthetic", "--frames", "2", "--real-time", "fifo:10", "--json"]);
    // Nobody's user, who may do nothing.
    let refused = capture.uid(65534).gid(65534).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let document: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(document["error"]["name"], "NotAllowedError", "{document}");
    assert!(document["error"]["remedy"].as_str().unwrap().contains("LimitRTPRIO=10"), "{document}");
    let mut capture = usermedia();
    capture.args(["capture", "--synthetic", "--frames", "2", "--real-time", "rr:10", "--cpus", "0", "--json"]);
    succeed(&mut capture);
}
