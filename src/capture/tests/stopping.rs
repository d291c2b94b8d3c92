//! The end of a stream: what is still held outlives it, nothing reaches the driver late, and the device can be had again.

use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::bench::{Bench, eventually, refused, yuyv};
use crate::seam::scripted::{Call, ScriptedCamera, mark};

fn without_orphans() -> ScriptedCamera {
    let mut camera = yuyv();
    camera.orphans = false;
    camera
}

#[test]
fn a_stop_gives_everything_back() {
    let bench = Bench::new(yuyv());
    let source = bench.open().unwrap();
    assert_eq!(bench.camera.mappings(), 6);
    bench.camera.run(5);
    drop(source);
    bench.assert_closed();
    assert_eq!(bench.camera.mappings(), 0);
    let calls = [Call::StreamOn, Call::StreamOff, Call::FreeBuffers, Call::Close].map(|call| bench.camera.calls(call));
    assert_eq!(calls, [1, 1, 1, 1]);
}

#[test]
fn a_frame_outlives_its_stream_and_keeps_its_bytes_and_nothing_else() {
    for camera in [yuyv(), without_orphans()] {
        let bench = Bench::keeping(2, camera);
        let source = bench.open().unwrap();
        bench.camera.run(3);
        source.stop();
        bench.assert_closed();
        let frames = bench.keeper.take();
        assert_eq!(bench.camera.mappings(), 2, "one for each frame held");
        for (number, frame) in (1..).zip(&frames) {
            let bytes = frame.lease.bytes(0, 0, 64 * 48 * 2).unwrap();
            assert!(bytes.iter().all(|&byte| byte == mark(number)));
        }
        drop(frames);
        eventually(|| bench.camera.mappings() == 0);
        bench.assert_closed();
    }
}

#[test]
fn a_late_drop_queues_nothing() {
    let bench = Bench::keeping(3, yuyv());
    let source = bench.open().unwrap();
    bench.camera.run(3);
    let frames = bench.keeper.take();
    source.stop();
    let queued = bench.camera.calls(Call::QueueBuffer);
    thread::spawn(move || drop(frames)).join().unwrap();
    assert_eq!(bench.camera.calls(Call::QueueBuffer), queued);
    bench.assert_closed();
}

#[test]
fn drops_that_race_with_a_stop_never_reach_a_closed_device() {
    for round in 0..200 {
        let bench = Bench::keeping(4, yuyv());
        let source = bench.open().unwrap();
        bench.camera.run(4);
        let droppers: Vec<_> =
            bench.keeper.take().into_iter().map(|frame| thread::spawn(move || drop(frame))).collect();
        if round % 2 == 0 {
            thread::yield_now();
        }
        source.stop();
        for dropper in droppers {
            dropper.join().unwrap();
        }
        bench.assert_closed();
        eventually(|| bench.camera.mappings() == 0);
    }
}

#[test]
fn a_stop_twice_and_a_drop_after_it_close_once() {
    let bench = Bench::new(yuyv());
    let source = bench.open().unwrap();
    source.stop();
    source.stop();
    drop(source);
    assert_eq!(bench.camera.calls(Call::Close), 1);
    bench.assert_closed();
}

#[test]
fn a_device_that_does_not_let_go_holds_up_neither_the_stop_nor_another_camera() {
    let bench = Bench::new(yuyv());
    let source = bench.open().unwrap();
    bench.camera.run(1);
    bench.camera.block(Call::StreamOff);
    let start = Instant::now();
    source.stop();
    // Not a measurement: a stop that waited for the driver would never return here.
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(bench.camera.open_count(), 1);
    bench.camera.unblock();
    eventually(|| bench.camera.open_count() == 0);
    bench.assert_closed();
}

#[test]
fn the_device_opens_again_with_frames_held_where_buffers_can_be_orphaned() {
    let bench = Bench::keeping(3, yuyv());
    let first = bench.open().unwrap();
    bench.camera.run(3);
    let held = bench.keeper.take();
    first.stop();
    let second = bench.open().unwrap();
    assert_eq!(bench.camera.run(20), 20);
    assert!(held[0].lease.bytes(0, 0, 10).unwrap().iter().all(|&byte| byte == mark(0)));
    // An old frame's drop is no business of the new queue.
    let queued = (bench.camera.queued(), bench.camera.calls(Call::QueueBuffer));
    drop(held);
    assert_eq!((bench.camera.queued(), bench.camera.calls(Call::QueueBuffer)), queued);
    drop(second);
    bench.keeper.take();
    bench.assert_closed();
}

#[test]
fn without_orphans_held_frames_delay_the_opening_and_the_error_says_so() {
    let bench = Bench::keeping(1, without_orphans());
    let first = bench.open().unwrap();
    bench.camera.run(1);
    let held = bench.keeper.take();
    first.stop();
    let error = refused(bench.open());
    assert_eq!(error.errno(), Some(Errno::EBUSY as i32));
    assert!(error.message().contains("still held"), "{error}");
    bench.assert_closed();
    drop(held);
    let second = bench.open().unwrap();
    assert_eq!(bench.camera.run(3), 3);
    drop(second);
    bench.keeper.take();
    bench.assert_closed();
}

#[test]
fn without_orphans_an_opening_waits_for_frames_that_are_let_go_meanwhile() {
    let bench = Bench::keeping(1, without_orphans());
    let first = bench.open().unwrap();
    bench.camera.run(1);
    let held = bench.keeper.take();
    first.stop();
    let asked = bench.camera.calls(Call::RequestBuffers);
    thread::scope(|scope| {
        scope.spawn(|| {
            eventually(|| bench.camera.calls(Call::RequestBuffers) > asked + 1);
            drop(held);
        });
        let second = bench.open().unwrap();
        assert_eq!(bench.camera.run(3), 3);
        drop(second);
    });
    bench.assert_closed();
}

#[test]
fn an_engine_dropped_by_a_frame_s_holder_takes_its_threads_with_it() {
    let bench = Bench::keeping(1, yuyv());
    let source = bench.open().unwrap();
    bench.camera.run(1);
    let (engine, camera, keeper) = (bench.engine.clone(), bench.camera.clone(), bench.keeper.clone());
    let weak = std::sync::Arc::downgrade(&engine);
    drop((engine, bench, source));
    eventually(|| weak.strong_count() == 0);
    assert_eq!(camera.mappings(), 1);
    keeper.take();
    eventually(|| camera.mappings() == 0);
}
