//! Cameras that end by themselves: who is told, once, and in which order.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;

use super::bench::{Bench, drain, eventually};
use crate::seam::scripted::{Call, FOREVER, ScriptedCamera};
use crate::stream::MediaStreamTrackState;

#[test]
fn an_unplugged_camera_ends_its_tracks_with_the_reason_and_is_closed() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let clone = track.as_ref().clone();
    let mut processor = track.processor(3);
    bench.camera.run(2);
    bench.camera.unplug();
    for track in [track.as_ref(), &clone] {
        eventually(|| track.ready_state() == MediaStreamTrackState::Ended);
        assert_eq!(track.error().unwrap().errno(), Some(Errno::ENODEV as i32));
    }
    let rest: Vec<_> = (0..2).map(|_| processor.next().unwrap().unwrap().sequence()).collect();
    assert_eq!(rest, [0, 1]);
    let error = processor.next().unwrap().unwrap_err();
    assert!(error.message().contains("unplugged") && error.remedy().is_some(), "{error}");
    assert!(processor.next().is_none());
    assert!(matches!(processor.try_next(), Poll::Ready(None)));
    assert_eq!(track.statistics().accepted, 2, "the counts stay");
    eventually(|| bench.camera.open_count() == 0);
    bench.assert_closed();
}

#[test]
fn a_failing_camera_says_what_failed() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    bench.camera.fail(Call::DequeueBuffer, Errno::EIO, FOREVER);
    let track = stream.video_tracks().remove(0);
    eventually(|| track.ready_state() == MediaStreamTrackState::Ended);
    assert_eq!(track.error().unwrap().errno(), Some(Errno::EIO as i32));
    assert!(!stream.active());
}

#[test]
fn every_listener_is_called_once_on_the_dispatcher() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let (tell, told) = mpsc::channel();
    for listener in ["first", "second"] {
        let tell = tell.clone();
        track.on_ended(move |error| {
            let name = thread::current().name().map(str::to_owned);
            tell.send((listener, name, error.is_some())).unwrap();
        });
    }
    let of_stream = tell.clone();
    stream.on_ended(move || of_stream.send(("stream", thread::current().name().map(str::to_owned), true)).unwrap());
    drop(tell);
    bench.camera.unplug();
    let calls: Vec<_> = told.iter().collect();
    let name = Some("usermedia-dispatch".to_owned());
    assert_eq!(calls, ["first", "second", "stream"].map(|listener| (listener, name.clone(), true)));
    // Who comes late is told at once.
    let (tell, told) = mpsc::channel();
    track.on_ended(move |error| tell.send((thread::current().name().map(str::to_owned), error.is_some())).unwrap());
    assert_eq!(told.recv().unwrap(), (name, true));
}

#[test]
fn a_stop_is_no_end_to_be_told() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let (tell, told) = mpsc::channel();
    let of_track = tell.clone();
    stream.video_tracks()[0].on_ended(move |_| of_track.send(()).unwrap());
    stream.on_ended(move || tell.send(()).unwrap());
    stream.stop();
    drop(stream);
    assert!(told.recv().is_err(), "dropped uncalled");
}

#[test]
fn a_stream_ends_with_its_last_track_and_may_be_listened_to_again_from_there() {
    let bench = Bench::yuyv();
    let stream = Arc::new(bench.stream());
    stream.add_track(Arc::new(stream.video_tracks()[0].as_ref().clone()));
    let (tell, told) = mpsc::channel();
    let inside = Arc::downgrade(&stream);
    stream.on_ended(move || {
        if let Some(stream) = inside.upgrade() {
            assert!(!stream.active());
            stream.on_ended(|| {});
        }
        tell.send(()).unwrap();
    });
    bench.camera.unplug();
    assert_eq!(told.iter().count(), 1);
}

#[test]
fn a_listener_may_ask_for_the_camera_again() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let slot = Arc::new(Mutex::new(None));
    let (devices, again) = (bench.devices.clone(), slot.clone());
    stream.video_tracks()[0].on_ended(move |_| {
        let constraints = crate::MediaStreamConstraints::new().video(true);
        *again.lock().unwrap() = Some(devices.get_user_media(&constraints));
    });
    bench.camera.fail(Call::DequeueBuffer, Errno::EIO, 8);
    eventually(|| slot.lock().unwrap().is_some());
    let again = slot.lock().unwrap().take().unwrap().unwrap();
    let processor = again.video_tracks()[0].processor(1);
    bench.camera.run(1);
    assert!(matches!(processor.next_timeout(Duration::from_secs(20)), Poll::Ready(Some(Ok(_)))));
}

#[test]
fn an_end_that_meets_a_stop_ends_once_and_closes_once() {
    for round in 0..100 {
        let bench = Bench::yuyv();
        let stream = bench.stream();
        let track = stream.video_tracks().remove(0);
        let processor = track.processor(1);
        let (tell, told) = mpsc::channel();
        track.on_ended(move |_| tell.send(()).unwrap());
        thread::scope(|scope| {
            scope.spawn(|| bench.camera.unplug());
            if round % 3 == 0 {
                thread::yield_now();
            }
            track.stop();
        });
        let ends = processor.filter(|next| next.is_err()).count();
        assert_eq!(told.iter().count(), ends, "told by both or by neither");
        drop((track, stream));
        eventually(|| bench.camera.open_count() == 0);
        assert_eq!(bench.kernel.misuse(), Vec::<String>::new());
    }
}

#[test]
fn a_camera_that_closes_slowly_is_waited_for_by_the_next_request() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    bench.camera.block(Call::StreamOff);
    // It returns in time, with the driver still at it, and the session gone.
    stream.stop();
    drop(stream);
    thread::scope(|scope| {
        let again = scope.spawn(|| bench.stream());
        eventually(|| bench.camera.calls(Call::StreamOff) == 1);
        bench.camera.unblock();
        assert!(again.join().unwrap().active());
    });
    bench.assert_closed();
}

#[test]
fn frames_that_outlive_every_stream_are_still_known_to_the_next() {
    let mut camera = ScriptedCamera::new(b"YUYV", 64, 48);
    camera.orphans = false;
    let bench = Bench::new(camera);
    let stream = bench.stream();
    let processor = stream.video_tracks()[0].processor(1);
    bench.camera.run(1);
    let held = drain(&processor);
    drop((processor, stream));
    let constraints = crate::MediaStreamConstraints::new().video(true);
    let error = bench.request(&constraints).map(drop).unwrap_err();
    assert!(error.message().contains("still held"), "{error}");
    // Whoever lets go and asks at once is not refused for an unmapping that is under way.
    drop(held);
    let stream = bench.stream();
    drop(stream);
    bench.assert_closed();
}
