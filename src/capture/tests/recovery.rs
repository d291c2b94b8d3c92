//! The ladder on the scripted kernel: what is tried, what is told, and what goes on.

use std::time::Duration;

use nix::errno::Errno;

use super::bench::{assert_sums, eventually, yuyv};
use super::recovery_bench::{Bench, SECOND};
use crate::capture::{RecoveryPolicy, SourceEnd};
use crate::seam::InputStatus;
use crate::seam::scripted::{Call, FOREVER, Frame, ScriptedCamera};

#[test]
fn a_stall_is_cured_by_starting_the_stream_anew() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(10);
    // Not one frame; the driver says nothing.
    let silent = bench.pass_until(|| bench.diary.has("stalled"));
    assert!((Duration::from_millis(1980)..=2 * SECOND + Duration::from_millis(40)).contains(&silent), "{silent:?}");
    eventually(|| bench.camera.calls(Call::StreamOn) == 2);
    eventually(|| bench.camera.run(1) == 1);
    bench.camera.run(9);
    assert_eq!(bench.diary.steps(), ["stalled", "restarting", "resumed"]);
    assert_eq!((bench.camera.calls(Call::Open), bench.camera.calls(Call::StreamOff)), (1, 1));
    let statistics = source.statistics();
    assert_sums(&statistics);
    assert_eq!((statistics.stalls, statistics.restarts, statistics.reopenings, statistics.recoveries), (1, 1, 0, 1));
    assert_eq!(statistics.lost_in_driver, 0, "none was expected while it was muted");
    // Every second is a second of frames or a muted one.
    let pages = bench.diary.pages();
    let span = pages.timestamps.last().unwrap() - pages.timestamps[0];
    let frames = u64::try_from(pages.sequences.len() - 1).unwrap() * 33_333_333;
    assert!(span.abs_diff(statistics.muted + frames) < 1_000_000, "{span} {statistics:?}");
    assert!(pages.sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{:?}", pages.sequences);
    drop(pages);
    source.stop();
    bench.assert_closed();
}

#[test]
fn a_process_that_was_stopped_for_long_takes_what_came_meanwhile_and_sees_no_stall() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(10);
    bench.kernel.stop_process(5 * SECOND);
    assert!(bench.camera.give(Frame::good()));
    assert_eq!(bench.camera.run(5), 5);
    assert_eq!(bench.diary.steps(), Vec::<String>::new());
    let statistics = source.statistics();
    assert_sums(&statistics);
    assert_eq!((statistics.accepted, statistics.stalls), (16, 0));
    source.stop();
    bench.assert_closed();
}

#[test]
fn a_camera_that_a_restart_does_not_cure_is_opened_anew_and_then_looked_for() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(3);
    bench.camera.fail(Call::StreamOn, Errno::EIO, 4);
    bench.pass_until(|| bench.diary.has("searching"));
    bench.pass_until(|| bench.camera.queued() > 0 && bench.camera.run(1) == 1);
    bench.camera.run(5);
    let steps = bench.diary.steps();
    assert_eq!(steps[..5], ["stalled", "restarting", "failed", "reopening", "failed"], "{steps:?}");
    assert_eq!(steps.last().unwrap(), "resumed");
    source.stop();
    bench.assert_closed();
}

#[test]
fn a_stop_in_the_middle_of_every_rung_closes_the_device() {
    for call in [Call::StreamOff, Call::StreamOn, Call::Open, Call::SetFormat, Call::RequestBuffers] {
        let bench = Bench::new(yuyv());
        let source = bench.open();
        bench.camera.run(3);
        let before = bench.camera.calls(call);
        if call != Call::StreamOff {
            bench.camera.fail(Call::StreamOff, Errno::EIO, 1);
        }
        bench.camera.block(call);
        bench.pass_until(|| bench.camera.calls(call) > before);
        source.stop();
        bench.camera.unblock();
        // What was being opened has to be open before it is closed.
        let closed = || bench.camera.calls(Call::Open) == bench.camera.calls(Call::Close);
        eventually(|| closed() && bench.camera.open_count() == 0);
        bench.assert_closed();
    }
}

#[test]
fn buffers_that_all_come_back_damaged_do_not_keep_a_core_busy() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(3);
    for _ in 0..64 {
        bench.camera.give(Frame::good().error());
    }
    eventually(|| bench.diary.has("failing"));
    eventually(|| bench.camera.calls(Call::StreamOn) == 2);
    bench.camera.run(2);
    assert_eq!(bench.diary.steps(), ["failing", "restarting", "resumed"]);
    assert_sums(&source.statistics());
}

#[test]
fn a_camera_that_gives_only_damaged_frames_at_its_rate_is_failing_and_not_stalled() {
    let bench = Bench::new(yuyv());
    let source = bench.open_with(bench.keep(RecoveryPolicy::new().patience(10 * SECOND)));
    bench.camera.run(3);
    let flood = || {
        if bench.camera.queued() > 0 {
            bench.camera.next(Frame::good().error());
        }
    };
    // The stall's two seconds are over before there are 64 of them in a row.
    bench.pass_until(|| {
        flood();
        !bench.diary.steps().is_empty()
    });
    assert_eq!(bench.diary.steps()[0], "failing");
    assert!(source.statistics().error < 64, "{:?}", source.statistics());
    // Nothing helps: patience ends it, and the end knows what there was.
    bench.pass_until(|| {
        flood();
        !bench.diary.pages().ends.is_empty()
    });
    assert_eq!(bench.diary.pages().ends, [SourceEnd::Damaged]);
    assert!(!bench.diary.steps().iter().any(|step| step.contains("stalled")), "{:?}", bench.diary.steps());
    assert_eq!(source.statistics().stalls, 0);
    source.stop();
    bench.assert_closed();
}

#[test]
fn a_camera_that_falls_silent_after_damaged_frames_is_stalled() {
    let bench = Bench::new(yuyv());
    let _source = bench.open();
    bench.camera.run(3);
    for _ in 0..20 {
        bench.camera.next(Frame::good().error());
    }
    bench.pass_until(|| !bench.diary.steps().is_empty());
    assert_eq!(bench.diary.steps()[0], "stalled");
}

#[test]
fn an_input_without_signal_says_so() {
    let bench = Bench::new(ScriptedCamera { input: Some(InputStatus::NO_SIGNAL), ..yuyv() });
    let _source = bench.open();
    bench.camera.run(3);
    // Each start stalls again; the reason is what it was.
    bench.pass_until(|| bench.camera.calls(Call::StreamOn) == 4);
    let mut steps = bench.diary.steps();
    assert_eq!(steps.drain(..2).collect::<Vec<_>>(), ["stalled", "still muted: no-signal"]);
    assert_eq!(steps, ["restarting", "reopening", "searching"]);
    // It streams with a signal and without frames: now that is the reason.
    bench.camera.change(|camera| camera.input = Some(InputStatus::empty()));
    bench.pass_until(|| bench.diary.has("still muted: stalled"));
}

#[test]
fn an_error_for_ever_ends_when_patience_does_without_a_busy_moment() {
    let bench = Bench::new(yuyv());
    let source = bench.open_with(bench.keep(RecoveryPolicy::new().patience(10 * SECOND)));
    bench.camera.run(3);
    bench.camera.fail(Call::DequeueBuffer, Errno::EIO, FOREVER);
    let before = bench.camera.calls(Call::Open);
    bench.pass_until(|| !bench.diary.pages().ends.is_empty());
    assert_eq!(bench.diary.pages().ends, [SourceEnd::Failed(Errno::EIO)]);
    let openings = bench.camera.calls(Call::Open) - before;
    assert!((5..=20).contains(&openings), "{openings} openings in ten seconds");
    source.stop();
    bench.assert_closed();
}

#[test]
fn a_buffer_that_cannot_be_queued_does_not_go_unnoticed() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(3);
    bench.camera.fail(Call::QueueBuffer, Errno::EIO, FOREVER);
    while bench.camera.run(1) == 1 && bench.diary.steps().is_empty() {}
    bench.pass_until(|| bench.diary.has("failing") || bench.diary.has("stalled"));
    bench.camera.mend();
    bench.pass_until(|| bench.camera.queued() > 0 && bench.camera.run(1) == 1 && bench.diary.has("resumed"));
    assert_sums(&source.statistics());
}
