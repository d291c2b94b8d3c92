//! Many consumers on one camera: each has its own bound and policy, and whoever is stuck loses only its own.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use super::bench::{Bench, assert_sum, drain, sequences};
use crate::MediaStreamConstraints;
use crate::constraints::{ConstrainULong, MediaTrackConstraints};
use crate::format::Fourcc;
use crate::seam::scripted::{Call, ScriptedCamera, mark};
use crate::stream::{DropPolicy, MediaDevices, VideoFrame};

#[test]
fn a_processor_in_order_keeps_what_waits_and_drops_what_comes() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = &stream.video_tracks()[0];
    let (newest, in_order) = (track.processor(3), track.processor_with(3, DropPolicy::InOrder));
    bench.camera.run(5);
    assert_eq!(sequences(&drain(&newest)), [2, 3, 4]);
    assert_eq!(sequences(&drain(&in_order)), [0, 1, 2]);
    bench.camera.run(2);
    assert_eq!(sequences(&drain(&in_order)), [5, 6]);
    let statistics = in_order.statistics();
    assert_eq!((statistics.accepted, statistics.delivered, statistics.behind), (7, 5, 2));
    assert_sum(&statistics);
}

#[test]
fn consumers_share_the_drivers_buffers() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = &stream.video_tracks()[0];
    let processors: Vec<_> = (0..16).map(|_| track.processor(1)).collect();
    for _ in 0..20 {
        bench.camera.run(1);
        let frames: Vec<_> = processors.iter().flat_map(drain).collect();
        let places: HashSet<_> = frames.iter().map(|frame| frame.address_range(0).unwrap().start).collect();
        assert_eq!((frames.len(), places.len()), (16, 1));
    }
    assert_eq!(track.statistics().copied, 0);
}

/// So many consumers that hold whatever they are given, each taking other frames than the rest; and one that lets go.
fn stuck(count: usize) {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = &stream.video_tracks()[0];
    let fair = track.processor(1);
    let greedy: Vec<_> = (0..count).map(|_| track.processor(2)).collect();
    let mut held: Vec<Vec<VideoFrame>> = greedy.iter().map(|_| Vec::new()).collect();
    let rounds = 40 * count + 60;
    for round in 0..rounds {
        assert_eq!(bench.camera.run(1), 1, "the driver is always fed");
        let frames = drain(&fair);
        assert_eq!(frames.len(), 1, "round {round}");
        assert!(frames[0].memory(0).unwrap().iter().all(|&byte| byte == mark(round as u32)));
        if let Poll::Ready(Some(frame)) = greedy[round % count].try_next() {
            held[round % count].push(frame.unwrap());
        }
    }
    let source = track.statistics();
    assert_eq!((source.accepted, source.starved, source.lost_in_driver), (rounds as u64, 0, 0));
    assert!(source.copied > 0, "frames are copied where the driver would run short");
    for (consumer, held) in greedy.iter().zip(&held) {
        let statistics = consumer.statistics();
        assert_sum(&statistics);
        assert!(statistics.holding > 0, "{statistics:?}");
        assert!(held.len() as u64 + statistics.queued <= 4 + 2 + 2, "{statistics:?}");
        // What is held stays what it was.
        for frame in held {
            let number = u32::try_from(frame.sequence()).unwrap();
            assert!(frame.memory(0).unwrap().iter().all(|&byte| byte == mark(number)));
        }
    }
    let statistics = fair.statistics();
    assert_eq!((statistics.delivered, statistics.behind + statistics.holding), (rounds as u64, 0));
    drop((held, greedy));
    bench.camera.run(1);
    assert!(!drain(&fair)[0].is_copied(), "buffers came back: no copy is needed");
}

#[test]
fn one_stuck_consumer_loses_only_its_own() {
    stuck(1);
}

#[test]
fn four_stuck_consumers_lose_only_their_own() {
    stuck(4);
}

#[test]
fn sixteen_stuck_consumers_lose_only_their_own() {
    stuck(16);
}

#[test]
fn a_callback_that_keeps_every_frame_gets_no_more_and_the_others_keep_the_whole_rate() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = &stream.video_tracks()[0];
    let kept = Arc::new(Mutex::new(Vec::new()));
    let hoard = kept.clone();
    let callback = track.on_frame(move |frame| hoard.lock().unwrap().push(frame.clone()));
    let fair = track.processor(1);
    for _ in 0..50 {
        assert_eq!(bench.camera.run(1), 1);
        assert_eq!(drain(&fair).len(), 1);
    }
    let statistics = callback.statistics();
    assert_eq!((statistics.delivered, statistics.holding), (4, 46));
    assert_sum(&statistics);
    assert_eq!(track.statistics().starved, 0);
    kept.lock().unwrap().clear();
    bench.camera.run(1);
    assert_eq!(callback.statistics().delivered, 5, "letting go is enough");
}

#[test]
fn the_built_in_camera_has_enough_for_stuck_consumers_too() {
    let video = MediaTrackConstraints::new().width(ConstrainULong::new().exact(320)).frame_rate(60.0);
    let stream = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(video)).unwrap();
    let track = &stream.video_tracks()[0];
    let mut fair = track.processor(8);
    let greedy: Vec<_> = (0..8).map(|_| track.processor(2)).collect();
    let mut held = Vec::new();
    for round in 0..40 {
        fair.next().unwrap().unwrap();
        if let Poll::Ready(Some(frame)) = greedy[round % 8].next_timeout(Duration::ZERO) {
            held.push(frame.unwrap());
        }
    }
    assert!(held.len() > 12, "more than it has at first: {}", held.len());
    assert_eq!(track.statistics().starved, 0);
}

#[test]
fn a_camera_that_opens_anew_has_buffers_for_those_who_are_there() {
    let mut camera = ScriptedCamera::new(b"YUYV", 64, 48);
    camera.modes.push((Fourcc::YUYV, 32, 24));
    let bench = Bench::new(camera);
    let stream = bench.stream();
    let track = &stream.video_tracks()[0];
    assert_eq!(bench.camera.queued(), 6);
    let processors: Vec<_> = (0..10).map(|_| track.processor(2)).collect();
    let width = |width| MediaTrackConstraints::new().width(ConstrainULong::new().exact(width));
    track.apply_constraints(width(32)).unwrap();
    assert_eq!(bench.camera.queued(), 2 + 10 + 2, "the driver's, one in hand each, and the longest queue");
    drop(processors);
    track.apply_constraints(width(64)).unwrap();
    assert_eq!(bench.camera.queued(), 6);
}

#[test]
fn a_number_of_buffers_that_was_asked_for_stays_whatever_the_rate_and_the_consumers() {
    let mut bench = Bench::yuyv();
    bench.devices = bench.devices.with_buffers(Some(3));
    let stream = bench.stream();
    let _processors: Vec<_> = (0..10).map(|_| stream.video_tracks()[0].processor(2)).collect();
    assert_eq!(bench.camera.queued(), 3);
    assert_eq!(bench.camera.calls(Call::RequestBuffers), 1);
}
