//! Callbacks on the capture thread, where nothing may wait, and whatever a caller does in them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::bench::{Bench, drain, eventually};
use crate::MediaStreamConstraints;
use crate::error::ErrorName;
use crate::seam::scripted::Frame;
use crate::stream::MediaStreamTrackState;

#[test]
fn a_callback_sees_every_frame_on_the_capture_thread() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let callback = {
        let seen = seen.clone();
        stream.video_tracks()[0].on_frame(move |frame| {
            seen.lock().unwrap().push((frame.sequence(), thread::current().name().map(str::to_owned)));
        })
    };
    bench.camera.run(3);
    let name = Some("usermedia-reactor".to_owned());
    assert_eq!(*seen.lock().unwrap(), [(0, name.clone()), (1, name.clone()), (2, name)]);
    assert_eq!((callback.statistics().delivered, callback.statistics().accepted), (3, 3));
    callback.cancel();
    bench.camera.run(2);
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[test]
fn a_callback_may_keep_its_frame() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let kept = Arc::new(Mutex::new(None));
    let keep = kept.clone();
    stream.video_tracks()[0].on_frame(move |frame| {
        keep.lock().unwrap().get_or_insert_with(|| frame.clone());
    });
    bench.camera.run(10);
    assert_eq!(kept.lock().unwrap().as_ref().unwrap().memory(0).unwrap()[0], crate::seam::scripted::mark(0));
}

/// Panics when it is dropped, as a value that a callback captured may.
struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "dropped");
    }
}

#[test]
fn a_panic_ends_that_callback_and_nothing_else() {
    for armed in [false, true] {
        let bench = Bench::yuyv();
        let stream = bench.stream();
        let track = stream.video_tracks().remove(0);
        let bomb = Bomb(armed);
        let broken = track.on_frame(move |_| {
            let _bomb = &bomb;
            panic!("by the callback");
        });
        let processor = track.processor(9);
        bench.camera.run(3);
        assert_eq!(drain(&processor).len(), 3);
        assert_eq!(broken.statistics().delivered, 1);
        assert_eq!(track.ready_state(), MediaStreamTrackState::Live);
        drop((processor, track, stream));
        bench.assert_closed();
    }
}

#[test]
fn a_callback_may_stop_its_own_track() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let (mine, calls) = (Arc::downgrade(&track), Arc::new(AtomicU64::new(0)));
    let counted = calls.clone();
    track.on_frame(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        if let Some(track) = mine.upgrade() {
            track.stop();
            assert_eq!(track.statistics().accepted, 1);
        }
    });
    bench.camera.push(Frame::good());
    eventually(|| bench.camera.open_count() == 0);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(track.ready_state(), MediaStreamTrackState::Ended);
    bench.assert_closed();
}

#[test]
fn a_callback_may_drop_the_whole_stream() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let slot = Arc::new(Mutex::new(None));
    let inside = slot.clone();
    let track = stream.video_tracks().remove(0);
    track.on_frame(move |_| drop(inside.lock().unwrap().take()));
    drop(track);
    *slot.lock().unwrap() = Some(stream);
    bench.camera.push(Frame::good());
    eventually(|| bench.camera.open_count() == 0);
    bench.assert_closed();
    drop(bench.stream());
}

#[test]
fn a_callback_may_attach_and_detach_and_switch_off() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let (mine, made) = (Arc::downgrade(&track), Arc::new(Mutex::new(Vec::new())));
    let make = made.clone();
    let callback = track.on_frame(move |frame| {
        let Some(track) = mine.upgrade() else { return };
        track.set_enabled(frame.sequence() % 2 == 0);
        make.lock().unwrap().push((track.processor(1), track.as_ref().clone()));
        assert!(!track.consumer_statistics().is_empty());
    });
    bench.camera.run(4);
    assert_eq!(made.lock().unwrap().len(), 4);
    assert_eq!(callback.statistics().delivered, 4);
    made.lock().unwrap().clear();
    drop((track, stream));
    bench.assert_closed();
}

#[test]
fn a_request_from_a_callback_is_refused_and_does_not_wait_for_itself() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let (devices, answer) = (bench.devices.clone(), Arc::new(Mutex::new(None)));
    let told = answer.clone();
    stream.video_tracks()[0].on_frame(move |_| {
        let refused = devices.get_user_media(&MediaStreamConstraints::new().video(true));
        *told.lock().unwrap() = Some(refused.map(drop).unwrap_err().name());
    });
    bench.camera.run(1);
    assert_eq!(*answer.lock().unwrap(), Some(ErrorName::AbortError));
}

#[test]
fn a_slow_callback_is_counted() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let kernel = bench.kernel.clone();
    let callback = stream.video_tracks()[0].on_frame(move |frame| {
        if frame.sequence() == 1 {
            // Time goes by in the callback: more than half a period.
            kernel.pass_time(Duration::from_millis(20));
        }
    });
    bench.camera.run(3);
    assert_eq!((callback.statistics().slow, callback.statistics().delivered), (1, 3));
}
