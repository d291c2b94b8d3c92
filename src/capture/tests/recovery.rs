//! The ladder on the scripted kernel: what is tried, what is told, and what goes on.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use nix::errno::Errno;

use super::bench::{assert_sums, eventually, request, yuyv};
use crate::capture::{
    CameraRequest, CapturedFrame, Engine, HeldFrames, Keep, Outlet, RecoveryEvent, RecoveryPolicy, RecoveryStep,
    Source, SourceEnd,
};
use crate::seam::scripted::{
    Call, CameraScript, FOREVER, Frame, ScriptedCamera, ScriptedKernel, ScriptedPcms, ScriptedWorld,
};
use crate::seam::{InputStatus, Kernel};

const SECOND: Duration = Duration::from_secs(1);

/// Notes what comes and what happens.
#[derive(Default)]
struct Diary(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    sequences: Vec<u64>,
    timestamps: Vec<u64>,
    sizes: Vec<(u32, u32)>,
    events: Vec<RecoveryEvent>,
    ends: Vec<SourceEnd>,
    held: Vec<CapturedFrame>,
    hold: usize,
}

impl Diary {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap()
    }

    fn steps(&self) -> Vec<String> {
        let pages = self.pages();
        let steps = pages.events.iter().map(|event| match &event.step {
            RecoveryStep::Muted(reason) => reason.to_string(),
            RecoveryStep::ReasonChanged(reason) => format!("still muted: {reason}"),
            step => step.as_str().to_owned(),
        });
        steps.collect()
    }

    fn has(&self, step: &str) -> bool {
        self.steps().iter().any(|other| other == step)
    }
}

impl Outlet<CapturedFrame> for Diary {
    fn give(&self, frame: &CapturedFrame, _now: u64) {
        let mut pages = self.pages();
        pages.sequences.push(frame.info.sequence);
        pages.timestamps.push(frame.info.timestamp);
        let format = frame.lease.format();
        pages.sizes.push((format.width, format.height));
        if pages.held.len() < pages.hold {
            pages.held.push(frame.clone());
        }
    }

    fn ended(&self, end: SourceEnd) {
        self.pages().ends.push(end);
    }

    fn event(&self, event: &RecoveryEvent) {
        self.pages().events.push(event.clone());
    }
}

struct Bench {
    kernel: Arc<ScriptedKernel>,
    camera: CameraScript,
    world: Arc<ScriptedWorld>,
    engine: Arc<Engine>,
    diary: Arc<Diary>,
    /// Where the camera is said to be.
    place: Arc<Mutex<Option<String>>>,
}

impl Bench {
    fn new(camera: ScriptedCamera) -> Self {
        let kernel = ScriptedKernel::new();
        let camera = kernel.plug("/dev/video0", camera);
        let (world, pcms) = (ScriptedWorld::new(&kernel), ScriptedPcms::new(&kernel));
        let engine = Engine::start(kernel.clone(), world.clone(), pcms, HeldFrames::default()).unwrap();
        let place = Arc::new(Mutex::new(Some("/dev/video0".to_owned())));
        Self { kernel, camera, world, engine, diary: Arc::default(), place }
    }

    fn keep(&self, policy: RecoveryPolicy) -> Keep<CameraRequest> {
        let place = self.place.clone();
        Keep { policy, locate: Box::new(move || place.lock().unwrap().clone()), ..Keep::not() }
    }

    fn open(&self) -> Source<CapturedFrame> {
        self.open_with(self.keep(RecoveryPolicy::new()))
    }

    fn open_with(&self, keep: Keep<CameraRequest>) -> Source<CapturedFrame> {
        self.engine.open(request(None), Box::new(|_| Ok(())), keep, self.diary.clone()).unwrap()
    }

    fn be_at(&self, path: Option<&str>) {
        *self.place.lock().unwrap() = path.map(str::to_owned);
    }

    /// Lets time pass in small steps, the control thread's turns between them, until it has come to pass.
    #[track_caller]
    fn pass_until(&self, what: impl Fn() -> bool) -> Duration {
        let (step, mut passed) = (Duration::from_millis(20), Duration::ZERO);
        while !what() {
            assert!(passed < 600 * SECOND, "it never came to pass: {:?}", self.diary.steps());
            self.kernel.advance(step);
            passed += step;
            std::thread::sleep(Duration::from_micros(300));
        }
        passed
    }

    fn assert_closed(&self) {
        assert_eq!(self.kernel.misuse(), Vec::<String>::new());
        assert_eq!(self.camera.open_count(), 0, "the device is still open");
    }
}

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
fn an_unplugged_camera_goes_on_under_another_name() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(5);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    assert_eq!(bench.diary.steps(), ["unplugged"]);
    bench.kernel.advance(5 * SECOND);
    assert!(bench.diary.pages().ends.is_empty());
    let again = bench.kernel.plug("/dev/video7", yuyv());
    bench.be_at(Some("/dev/video7"));
    bench.world.tell("/dev/video7");
    // At once, or a tenth of a second after the last attempt.
    let waited = bench.pass_until(|| again.queued() > 0);
    assert!(waited <= Duration::from_millis(200), "{waited:?}");
    again.run(5);
    assert_eq!(bench.diary.steps(), ["unplugged", "searching", "resumed"]);
    assert_eq!(bench.diary.pages().sequences, (0..10).collect::<Vec<_>>());
    let statistics = source.statistics();
    assert_sums(&statistics);
    assert_eq!((statistics.lost_in_driver, statistics.reopenings, statistics.recoveries), (0, 1, 1));
    source.stop();
    bench.assert_closed();
    assert_eq!((again.open_count(), bench.world.watches().0), (0, 0));
}

#[test]
fn a_camera_pulled_again_before_its_first_frame_is_one_mute() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(5);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    let mut again = bench.camera.clone();
    for number in 1..4 {
        let path = format!("/dev/video{number}");
        again = bench.kernel.plug(&path, yuyv());
        bench.be_at(Some(&path));
        bench.world.tell(&path);
        bench.pass_until(|| again.queued() > 0);
        if number < 3 {
            bench.be_at(None);
            again.unplug();
            eventually(|| again.open_count() == 0);
        }
    }
    again.run(5);
    assert_eq!(bench.diary.steps(), ["unplugged", "searching", "searching", "searching", "resumed"]);
    let statistics = source.statistics();
    assert_sums(&statistics);
    assert_eq!((statistics.reopenings, statistics.recoveries), (3, 1));
    // From the first pull on.
    let pages = bench.diary.pages();
    let Some(RecoveryStep::Resumed { after }) = pages.events.last().map(|event| event.step.clone()) else { panic!() };
    assert_eq!(after.as_nanos(), u128::from(pages.events[4].at - pages.events[0].at));
    drop(pages);
    source.stop();
    bench.assert_closed();
}

#[test]
fn a_muted_camera_that_has_another_trouble_now_says_so_and_is_not_muted_again() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(5);
    bench.pass_until(|| bench.camera.calls(Call::StreamOn) == 2);
    // Started anew after a stall, and gone before its first frame.
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    assert_eq!(bench.diary.steps(), ["stalled", "restarting", "still muted: unplugged"]);
    source.stop();
    bench.assert_closed();
}

#[test]
fn where_nobody_tells_of_devices_a_camera_is_back_within_a_second() {
    let bench = Bench::new(yuyv());
    bench.world.deafen();
    let source = bench.open();
    bench.camera.run(5);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    bench.pass_until(|| bench.kernel.waits() > 60);
    let again = bench.kernel.plug("/dev/video7", yuyv());
    bench.be_at(Some("/dev/video7"));
    let waited = bench.pass_until(|| again.queued() > 0);
    assert!(waited <= SECOND, "{waited:?}");
    source.stop();
    bench.assert_closed();
}

#[test]
fn a_camera_whose_permissions_come_later_goes_on_when_they_do() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(5);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    let again = bench.kernel.plug("/dev/video1", yuyv());
    again.fail(Call::Open, Errno::EACCES, FOREVER);
    bench.be_at(Some("/dev/video1"));
    bench.world.tell("/dev/video1");
    bench.pass_until(|| bench.diary.has("failed"));
    again.mend();
    bench.world.tell("/dev/video1");
    bench.pass_until(|| again.queued() > 0);
    again.run(1);
    assert_eq!(bench.diary.steps().last().unwrap(), "resumed");
    source.stop();
    bench.assert_closed();
}

#[test]
fn patience_has_an_end_and_the_end_has_its_reason() {
    let bench = Bench::new(yuyv());
    let source = bench.open_with(bench.keep(RecoveryPolicy::new().patience(3 * SECOND)));
    bench.camera.run(5);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    let waited = bench.pass_until(|| !bench.diary.pages().ends.is_empty());
    assert!((Duration::from_millis(2900)..=Duration::from_millis(3100)).contains(&waited), "{waited:?}");
    assert_eq!(bench.diary.pages().ends, [SourceEnd::Unplugged]);
    bench.kernel.advance(60 * SECOND);
    assert_eq!(bench.diary.pages().ends.len(), 1);
    source.stop();
    bench.assert_closed();
}

#[test]
fn nothing_spins_while_a_device_is_gone() {
    let bench = Bench::new(yuyv());
    let source = bench.open_with(bench.keep(RecoveryPolicy::new().patience(None)));
    bench.camera.run(5);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    bench.kernel.advance(10 * SECOND);
    let before = bench.kernel.waits();
    for _ in 0..600 {
        bench.kernel.advance(Duration::from_millis(100));
        std::thread::sleep(Duration::from_micros(200));
    }
    // The script's own nudges, one for each step and one for each deadline, wake nobody.
    let turns = bench.kernel.waits() - before;
    assert!(turns <= 600, "{turns} turns in a minute");
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
        eventually(|| bench.camera.open_count() == 0);
        bench.assert_closed();
    }
}

#[test]
fn frames_that_are_held_outlive_a_reopening() {
    let bench = Bench::new(yuyv());
    bench.diary.pages().hold = 4;
    let source = bench.open();
    bench.camera.run(4);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    let again = bench.kernel.plug("/dev/video1", yuyv());
    bench.be_at(Some("/dev/video1"));
    bench.pass_until(|| again.queued() > 0);
    again.run(10);
    for (number, frame) in (0..).zip(std::mem::take(&mut bench.diary.pages().held)) {
        let bytes = frame.lease.bytes(0, 0, 64 * 48 * 2).unwrap();
        assert!(bytes.iter().all(|&byte| byte == crate::seam::scripted::mark(number)));
    }
    eventually(|| bench.camera.mappings() == 0);
    source.stop();
    bench.assert_closed();
}

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
