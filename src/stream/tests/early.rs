//! What came between `getUserMedia()` and the first consumer.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::bench::{Bench, assert_sum, drain, eventually, sequences};
use crate::capture::{CapturedFrame, FrameInfo, LeaseMut, Outlet, Payload, TimestampSource, Worker};
use crate::constraints::{ConstrainDomString, ConstrainULong, MediaTrackConstraints};
use crate::format::Fourcc;
use crate::seam::scripted::ScriptedCamera;
use crate::seam::{Kernel, MAX_PLANES};
use crate::stream::feed::Feed;
use crate::stream::outlet::TrackOutlet;
use crate::{MediaStreamConstraints, RecoveryPolicy, VideoFrame};

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn the_first_consumer_need_not_wait_for_what_came_already_and_others_begin_with_what_comes() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let all = bench.camera.queued();
    bench.camera.run(3);
    assert_eq!(bench.camera.queued(), all - 1, "of those that nobody took the newest");
    let (first, second) = (track.processor(4), track.processor(4));
    bench.camera.run(1);
    assert_eq!(sequences(&drain(&first)), [2, 3]);
    assert_eq!(sequences(&drain(&second)), [3]);
    assert_eq!(first.statistics().accepted, 2);
    assert_sum(&first.statistics());
    drop((first, second));
    bench.camera.run(2);
    assert_eq!(bench.camera.queued(), all, "nothing is kept once there was one");
    assert!(drain(&track.processor(4)).is_empty());
}

/// A driver may give its first frame before `getUserMedia()` has made a track of the device.
#[test]
fn what_comes_before_there_is_a_track_is_kept_for_the_first() {
    let bench = Bench::yuyv();
    let track = bench.stream().video_tracks().remove(0);
    let (wanted, format) = (track.settings(), track.format());
    let captured = |sequence| CapturedFrame {
        lease: LeaseMut::allocate(&[64 * 48 * 2], format.clone()).unwrap().into_lease(),
        info: FrameInfo {
            sequence,
            timestamp: 0,
            timestamp_source: TimestampSource::Driver,
            payloads: [Payload::default(); MAX_PLANES],
            copied: false,
            raw: None,
        },
    };
    let dispatcher = Arc::new(Worker::new("usermedia-dispatch"));
    let feed: Feed<VideoFrame> = Feed::new("camera", &dispatcher);
    let attach = || {
        let outlet = Arc::new(TrackOutlet::new(wanted.clone(), Arc::default(), format.clone()));
        feed.attach(outlet.clone());
        outlet
    };
    feed.give(&captured(0), 1);
    feed.give(&captured(1), 2);
    let (first, second) = (attach(), attach());
    assert!(first.has_early(), "the first track has what came before it");
    assert!(!second.has_early(), "others begin with what comes");
    feed.give(&captured(2), 3);
    assert!(second.has_early());
    drop(first);
}

#[test]
fn a_callback_is_called_with_what_came_already_on_the_capture_thread() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = &stream.video_tracks()[0];
    let all = bench.camera.queued();
    bench.camera.run(2);
    let (sender, seen) = mpsc::channel();
    let see = move |frame: &VideoFrame| {
        let thread = thread::current().name().map(str::to_owned);
        let _ = sender.send((frame.sequence(), thread));
    };
    let first = track.on_frame(see.clone());
    let on_the_reactor = |sequence| (sequence, Some("usermedia-reactor".to_owned()));
    assert_eq!(seen.recv_timeout(PATIENCE), Ok(on_the_reactor(1)), "without another frame");
    eventually(|| track.consumer_statistics().len() == 1);
    bench.camera.run(1);
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [on_the_reactor(2)]);
    assert_eq!((first.statistics().accepted, bench.camera.queued()), (2, all));
    let second = track.on_frame(see);
    assert_eq!((second.statistics().accepted, seen.try_iter().count()), (0, 0), "others begin with what comes");
}

#[test]
fn a_callback_may_stop_its_track_at_what_came_already() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    bench.camera.run(1);
    let (stopping, (sender, seen)) = (track.clone(), mpsc::channel());
    let callback = track.on_frame(move |frame| {
        stopping.stop();
        let _ = sender.send(frame.sequence());
    });
    assert_eq!(seen.recv_timeout(PATIENCE), Ok(0));
    // The callback is dropped with its track, and with it what it had captured.
    assert_eq!(seen.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    assert_eq!(callback.statistics().delivered, 1);
    drop((track, stream));
    bench.assert_closed();
}

#[test]
fn a_callback_that_is_cancelled_at_once_keeps_nothing() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = &stream.video_tracks()[0];
    for _ in 0..50 {
        bench.camera.run(1);
        let (sender, seen) = mpsc::channel::<()>();
        let callback = track.on_frame(move |_| drop(sender.clone()));
        callback.cancel();
        assert_eq!(seen.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    }
    eventually(|| track.consumer_statistics().is_empty());
}

#[test]
fn a_frame_of_long_ago_is_no_beginning() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    bench.camera.run(1);
    bench.kernel.pass_time(Duration::from_millis(1001));
    let processor = stream.video_tracks()[0].processor(4);
    assert!(drain(&processor).is_empty());
    bench.camera.run(1);
    assert_eq!(drain(&processor).len(), 1);
}

#[test]
fn a_raw_frame_that_its_writer_has_come_round_to_is_no_beginning() {
    let mut camera = ScriptedCamera::new(b"YUYV", 64, 48);
    camera.driver = "v4l2 loopback".to_owned();
    camera.granted = Some(4);
    let mut bench = Bench::new(camera);
    bench.devices = bench.devices.with_raw_frames(true);
    for written_over in [false, true] {
        let stream = bench.stream();
        bench.camera.run(1);
        if written_over {
            bench.camera.write_over(0, 200, Some((4, bench.kernel.now())));
        }
        let first = stream.video_tracks()[0].processor(4);
        let mut picture = vec![0; 64 * 48 * 2];
        let frames = drain(&first);
        assert_eq!(frames.len(), usize::from(!written_over));
        assert!(frames.iter().all(|frame| frame.raw().is_some_and(|raw| raw.copy_to(&mut picture).is_ok())));
        assert_eq!(first.statistics().accepted, u64::from(!written_over), "who is not there is not offered it");
        assert_sum(&first.statistics());
    }
}

#[test]
fn what_was_seen_before_a_track_was_disabled_is_not_shown() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = &stream.video_tracks()[0];
    bench.camera.run(1);
    track.set_enabled(false);
    assert!(drain(&track.processor(4)).is_empty());
}

#[test]
fn a_picture_of_a_mode_that_is_no_more_is_not_shown() {
    let mut camera = ScriptedCamera::new(b"YUYV", 64, 48);
    camera.modes.push((Fourcc::YUYV, 32, 24));
    let mut bench = Bench::new(camera);
    bench.devices = bench.devices.with_recovery(RecoveryPolicy::new());
    let wide = |width| {
        let none = ConstrainDomString::new().exact("none");
        MediaTrackConstraints::new().width(ConstrainULong::new().exact(width)).resize_mode(none)
    };
    let stream = bench.request(&MediaStreamConstraints::new().video(wide(64))).unwrap();
    let track = &stream.video_tracks()[0];
    bench.camera.run(1);
    track.apply_constraints(wide(32)).unwrap();
    let processor = track.processor(4);
    assert!(drain(&processor).is_empty());
    bench.camera.run(1);
    assert_eq!(drain(&processor)[0].width(), 32);
}

#[test]
fn a_stream_that_nobody_takes_from_keeps_no_buffer_when_it_ends() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    bench.camera.run(2);
    stream.stop();
    bench.assert_closed();
    assert_eq!(bench.camera.mappings(), 0);
}
