//! From a request to a stream: one camera for all, what the driver made of it, and the form of 2012.

use std::sync::mpsc;
use std::thread;

use nix::errno::Errno;

use super::bench::Bench;
use crate::constraints::{ConstrainULong, MediaTrackConstraints};
use crate::error::ErrorName;
use crate::seam::scripted::{Call, FOREVER, pixels};
use crate::stream::navigator;
use crate::{CaptureScheduling, Fourcc, MediaStreamConstraints, RealTimePolicy};

#[test]
fn requests_at_the_same_time_share_the_camera() {
    for _ in 0..20 {
        let bench = Bench::yuyv();
        let streams: Vec<_> = thread::scope(|scope| {
            let requests: Vec<_> = (0..4).map(|_| scope.spawn(|| bench.stream())).collect();
            requests.into_iter().map(|request| request.join().unwrap()).collect()
        });
        assert_eq!([Call::RequestBuffers, Call::StreamOn].map(|call| bench.camera.calls(call)), [1, 1]);
        assert_eq!(bench.camera.open_count(), 1);
        drop(streams);
        bench.assert_closed();
    }
}

#[test]
fn another_size_than_asked_for_is_fatal_only_against_a_required_constraint() {
    let width = |width: ConstrainULong| MediaStreamConstraints::new().video(MediaTrackConstraints::new().width(width));
    let bench = Bench::yuyv();
    bench.camera.change(|camera| camera.answers = Some(pixels(Fourcc::YUYV, 32, 24)));
    let stream = bench.request(&width(ConstrainULong::new().ideal(64))).unwrap();
    let track = stream.video_tracks().remove(0);
    assert_eq!((track.settings().width, track.settings().height), (32, 24), "the settings are the driver's");
    drop((track, stream));
    let error = bench.request(&width(ConstrainULong::new().min(64))).map(drop).unwrap_err();
    assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some("width")));
    bench.assert_closed();
}

#[test]
fn a_camera_that_cannot_start_says_which_and_stays_closed() {
    let bench = Bench::yuyv();
    bench.camera.fail(Call::StreamOn, Errno::ENOSPC, FOREVER);
    let error = bench.request(&MediaStreamConstraints::new().video(true)).map(drop).unwrap_err();
    assert_eq!((error.name(), error.errno()), (ErrorName::NotReadableError, Some(Errno::ENOSPC as i32)));
    assert_eq!((error.device(), error.path()), (Some("Scripted camera"), Some("/dev/video0")));
    bench.assert_closed();
    bench.camera.mend();
    let stream = bench.stream();
    assert!(stream.active());
}

#[test]
fn the_2012_form_calls_one_callback_once_and_never_on_the_caller_s_stack() {
    for works in [true, false] {
        let bench = Bench::yuyv();
        if !works {
            bench.camera.fail(Call::StreamOn, Errno::EIO, FOREVER);
        }
        let (tell, told) = mpsc::channel();
        let failed = tell.clone();
        let caller = thread::current().id();
        let constraints = MediaStreamConstraints::new().video(true);
        let asked = navigator.get_user_media_from(
            bench.devices.clone(),
            constraints,
            move |stream| tell.send((true, stream.active(), thread::current().id() == caller)).unwrap(),
            move |error| {
                let right = error.name() == ErrorName::NotReadableError;
                failed.send((false, right, thread::current().id() == caller)).unwrap();
            },
        );
        asked.unwrap();
        let calls: Vec<_> = told.iter().collect();
        assert_eq!(calls, [(works, true, false)]);
    }
}

#[test]
fn the_2012_form_refuses_a_request_for_nothing_at_once() {
    let bench = Bench::yuyv();
    let (tell, told) = mpsc::channel::<()>();
    let other = tell.clone();
    let asked = navigator.get_user_media_from(
        bench.devices.clone(),
        MediaStreamConstraints::new(),
        move |_| tell.send(()).unwrap(),
        move |_| other.send(()).unwrap(),
    );
    assert_eq!(asked.unwrap_err().name(), ErrorName::TypeError);
    assert_eq!(told.iter().count(), 0);
}

#[test]
fn the_capture_thread_is_scheduled_before_a_camera_opens_and_only_when_asked() {
    let mut bench = Bench::yuyv();
    drop(bench.stream());
    assert_eq!(bench.kernel.scheduled(), Vec::<String>::new());
    bench.devices = bench.devices.with_scheduling(CaptureScheduling::new().real_time(RealTimePolicy::Fifo, 20));
    drop(bench.stream());
    let scheduled = bench.kernel.scheduled();
    assert!(scheduled.len() == 1 && scheduled[0].ends_with("SCHED_FIFO 20"), "{scheduled:?}");
    let opened = bench.camera.calls(Call::StreamOn);
    bench.kernel.refuse_scheduling(Errno::EPERM);
    let error = bench.request(&MediaStreamConstraints::new().video(true)).unwrap_err();
    assert_eq!((error.name(), error.errno()), (ErrorName::NotAllowedError, Some(Errno::EPERM as i32)));
    assert_eq!(bench.camera.calls(Call::StreamOn), opened);
    bench.assert_closed();
}
