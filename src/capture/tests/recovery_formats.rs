//! Another format while it runs, on the scripted kernel: the source's doing, the bus's or the caller's.

use std::time::Duration;

use nix::errno::Errno;

use super::bench::{assert_sums, eventually, request, yuyv};
use super::recovery_bench::{Bench, SECOND};
use crate::capture::{CameraRequest, Keep, RecoveryPolicy, RecoveryStep};
use crate::seam::Kernel;
use crate::seam::scripted::{Call, Frame, ScriptedCamera};

#[test]
fn a_source_that_changes_is_opened_anew_in_its_new_format() {
    let bench = Bench::new(ScriptedCamera { tells_of_source: true, ..yuyv() });
    let source = bench.open();
    bench.camera.run(3);
    bench.camera.change(|camera| camera.modes = vec![(crate::format::Fourcc::YUYV, 32, 24)]);
    bench.camera.change_source();
    eventually(|| bench.camera.calls(Call::StreamOn) == 2);
    bench.camera.run(3);
    assert_eq!(bench.diary.steps(), ["reconfiguring", "reopening", "resumed"]);
    assert_eq!(bench.diary.pages().sizes, [(64, 48), (64, 48), (64, 48), (32, 24), (32, 24), (32, 24)]);
    assert_eq!(source.format().width, 32);
    source.stop();
    bench.assert_closed();
}

#[test]
fn a_source_that_changes_again_and_again_is_followed_and_not_searched_for() {
    let bench = Bench::new(ScriptedCamera { tells_of_source: true, ..yuyv() });
    let source = bench.open();
    bench.camera.run(3);
    let sizes = [(32, 24), (64, 48), (32, 24), (64, 48), (32, 24), (64, 48)];
    // All within the five seconds in which a fault would go on up the ladder.
    for (openings, (width, height)) in (2..).zip(sizes) {
        bench.camera.change(|camera| camera.modes = vec![(crate::format::Fourcc::YUYV, width, height)]);
        bench.camera.change_source();
        bench.pass_until(|| bench.camera.calls(Call::Open) == openings && bench.camera.queued() > 0);
        bench.camera.run(3);
        assert_eq!(bench.diary.pages().sizes.last(), Some(&(width, height)));
    }
    let steps = bench.diary.steps();
    assert!(steps.chunks(3).all(|steps| steps == ["reconfiguring", "reopening", "resumed"]), "{steps:?}");
    assert_eq!(steps.len(), 3 * sizes.len());
    // A fault that follows is met at the bottom of the ladder.
    bench.pass_until(|| bench.diary.has("restarting"));
    assert_sums(&source.statistics());
    source.stop();
    bench.assert_closed();
}

#[test]
fn a_source_that_changes_for_ever_spins_nothing() {
    // With a frame between two changes, and without one.
    for with_frames in [true, false] {
        let bench = Bench::new(ScriptedCamera { tells_of_source: true, ..yuyv() });
        let source = bench.open_with(bench.keep(RecoveryPolicy::new().patience(None)));
        bench.camera.run(3);
        let begun = bench.kernel.now();
        let passed = || Duration::from_nanos(bench.kernel.now() - begun);
        while passed() < 30 * SECOND {
            if bench.camera.queued() > 0 {
                if with_frames {
                    bench.camera.next(Frame::good());
                }
                bench.camera.change_source();
            }
            bench.kernel.advance(Duration::from_millis(10));
            std::thread::sleep(Duration::from_micros(200));
        }
        let openings = bench.camera.calls(Call::Open);
        let most = if with_frames { 301 } else { 35 };
        assert!((20..=most).contains(&openings), "{openings} openings in half a minute");
        assert!(!bench.diary.has("searching"), "{:?}", bench.diary.steps());
        source.stop();
        bench.assert_closed();
    }
}

#[test]
fn frames_that_are_all_too_short_are_another_format() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(3);
    for _ in 0..8 {
        bench.camera.next(Frame::good().bytesused(100));
    }
    eventually(|| bench.camera.calls(Call::Open) == 2);
    eventually(|| bench.camera.queued() > 0);
    bench.camera.run(2);
    assert_eq!(bench.diary.steps(), ["reconfiguring", "reopening", "resumed"]);
    assert_sums(&source.statistics());
    assert_eq!(source.statistics().short, 8);
}

#[test]
fn no_bandwidth_on_the_bus_steps_down_a_mode() {
    let bench = Bench::new(yuyv());
    bench.camera.change(|camera| camera.modes.push((crate::format::Fourcc::YUYV, 32, 24)));
    bench.camera.fail(Call::StreamOn, Errno::ENOSPC, 1);
    let smaller = |refused: &CameraRequest| {
        (refused.width > 32).then(|| CameraRequest { width: 32, height: 24, ..refused.clone() })
    };
    let keep = Keep { smaller: Box::new(smaller), ..bench.keep(RecoveryPolicy::new()) };
    let source = bench.open_with(keep);
    bench.camera.run(2);
    assert_eq!(bench.diary.pages().sizes, [(32, 24), (32, 24)]);
    let steps = bench.diary.pages().events.clone();
    let RecoveryStep::SteppedDown(error) = &steps[0].step else { panic!("{steps:?}") };
    assert!(error.message().contains("not about disk space"), "{error}");
    assert_eq!(source.format().width, 32);
}

#[test]
fn another_mode_is_a_mute_and_frames_of_another_size_and_a_refused_one_changes_nothing() {
    let bench = Bench::new(yuyv());
    bench.camera.change(|camera| camera.modes.push((crate::format::Fourcc::YUYV, 32, 24)));
    let source = bench.open();
    bench.camera.run(2);
    let small = CameraRequest { width: 32, height: 24, ..request(None) };
    source.reconfigure(small.clone(), Box::new(|_| Ok(()))).unwrap();
    bench.camera.run(2);
    bench.camera.fail(Call::StreamOn, Errno::EIO, 1);
    let refused = source.reconfigure(request(None), Box::new(|_| Ok(()))).unwrap_err();
    assert_eq!(refused.errno(), Some(Errno::EIO as i32));
    bench.camera.run(2);
    assert_eq!(bench.diary.steps(), ["reconfiguring", "resumed", "reconfiguring", "resumed"]);
    assert_eq!(bench.diary.pages().sizes, [(64, 48), (64, 48), (32, 24), (32, 24), (32, 24), (32, 24)]);
    assert_eq!(bench.diary.pages().sequences, [0, 1, 2, 3, 4, 5]);
    source.stop();
    bench.assert_closed();
}
