//! A camera pulled out a thousand times at random moments, and each time its frames come again, on the same track.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use usermedia::constraints::MediaStreamConstraints;
use usermedia::{
    Fourcc, MediaDevices, MediaStreamTrackProcessor, MediaStreamTrackState, RecoveryPolicy, RecoveryStep, VideoFrame,
    VideoTrack,
};

use super::capture::{check_sums, exactly, format, on};
use super::soak_ledger::{Dice, Ledger, soak_count};
use crate::agent;
use crate::devices::eventually;
use crate::harness::{LabTest, lab_test};
use crate::usb::models::{webcam, webcam_camera};
use crate::usb::{Plugged, SECOND, UsbDevice, jpeg, now};

pub const TESTS: &[LabTest] = &[lab_test!(soak_a_thousand_unplugs).soak_minutes(30)];

/// Cycles, unless `USERMEDIA_SOAK_UNPLUGS` says otherwise.
const CYCLES: u64 = 1_000;
/// A fifth of them while this many processors hold frames.
const PROCESSORS: usize = 4;
/// After this part of the cycles everything that is ever needed was needed once.
const WARM: u64 = 10;
/// How often it is noted what the process holds.
const NOTES: u64 = 50;

/// The vivids are away: who looks for a camera lists them all, and each vivid has thousands of modes.
struct WithoutVivid;

impl WithoutVivid {
    const DRIVER: &str = "/sys/bus/platform/drivers/vivid";

    fn new() -> WithoutVivid {
        fs::write(Path::new(Self::DRIVER).join("unbind"), "vivid.0").expect("nobody uses them");
        WithoutVivid
    }
}

impl Drop for WithoutVivid {
    fn drop(&mut self) {
        let _ = fs::write(Path::new(Self::DRIVER).join("bind"), "vivid.0");
        agent::as_udev_would();
    }
}

/// Everything that a track said it did to keep its camera.
#[derive(Default)]
struct Diary(Arc<Mutex<Vec<RecoveryStep>>>);

/// A failing test shows the last page.
impl Drop for Diary {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("since the last frame: {:#?}", self.0.lock());
        }
    }
}

impl Diary {
    fn keep(track: &VideoTrack) -> Diary {
        let diary = Diary::default();
        let pages = Arc::clone(&diary.0);
        track.on_recovery_event(move |event| pages.lock().unwrap().push(event.step.clone()));
        diary
    }

    /// One story: muted once, for whatever reasons, until frames came again; pulled once more before the first frame came,
    /// it is muted still.
    #[track_caller]
    fn assert_one_story(&self, cycle: u64) -> usize {
        let ended = || matches!(self.0.lock().unwrap().last(), Some(RecoveryStep::Resumed { .. })).then_some(());
        eventually("the last event", ended);
        let steps = std::mem::take(&mut *self.0.lock().unwrap());
        let mut muted = false;
        for step in &steps {
            match step {
                RecoveryStep::Muted(_) => {
                    assert!(!muted, "cycle {cycle}, muted twice: {steps:?}");
                    muted = true;
                }
                _ => assert!(muted, "cycle {cycle}: {steps:?}"),
            }
            if matches!(step, RecoveryStep::Resumed { .. }) {
                muted = false;
            }
        }
        steps.iter().filter(|step| matches!(step, RecoveryStep::Resumed { .. })).count()
    }
}

/// The first frame from the time on, and when it was there. Older ones may wait in the queue.
#[track_caller]
fn frame_after(processor: &mut MediaStreamTrackProcessor<VideoFrame>, time: u64) -> (VideoFrame, u64) {
    loop {
        let frame = processor.next().expect("the track goes on");
        let frame = frame.unwrap_or_else(|error| panic!("{error}: {error:?}"));
        if frame.timestamp() >= time {
            return (frame, now());
        }
    }
}

fn pull(plugged: Plugged, dice: &mut Dice) -> u64 {
    if dice.below(2) == 0 { plugged.unplug() } else { plugged.yank() }
}

fn soak_a_thousand_unplugs() {
    let cycles = soak_count("USERMEDIA_SOAK_UNPLUGS", CYCLES);
    let mut dice = Dice::from_environment();
    let _away = WithoutVivid::new();
    // Without its microphone: the same wire, at a third of what it takes.
    let device = UsbDevice { microphone: None, ..webcam().with_camera(webcam_camera()) };
    let mut plugged = device.plug(0);
    let video = on(&plugged.camera()).width(exactly(320)).height(exactly(240)).pixel_format(format(Fourcc::MJPG));
    // As an appliance waits: a camera that is pulled again within five seconds has not been well in between, and its
    // track's patience goes on where it was.
    let devices = MediaDevices::new().with_recovery(RecoveryPolicy::new().patience(None));
    let stream = devices.get_user_media(&MediaStreamConstraints::new().video(video)).expect("a camera");
    let track = &stream.video_tracks()[0];
    let diary = Diary::keep(track);
    let mut processors: Vec<_> = (0..PROCESSORS).map(|_| track.processor(2)).collect();
    let mut ledger = Ledger::of(NOTES as usize + 1);
    let (mut recoveries, mut slowest, mut early) = (0, 0, 0);
    frame_after(&mut processors[0], 0);

    for cycle in 0..cycles {
        // Held while the camera goes, while it is away, and while frames come again.
        let holds = (cycles * 2 / 5..cycles * 3 / 5).contains(&cycle);
        let held: Vec<VideoFrame> = match holds {
            true => processors.iter_mut().map(|processor| frame_after(processor, 0).0).collect(),
            false => Vec::new(),
        };
        let before: Vec<Vec<u8>> = held.iter().map(|frame| frame.memory(0).expect("its bytes").to_vec()).collect();
        thread::sleep(Duration::from_micros(dice.below(200_000)));
        pull(plugged, &mut dice);
        thread::sleep(Duration::from_micros(dice.below(600_000)));
        plugged = device.plug(dice.below(4) as u8);
        while dice.below(8) == 0 {
            // Pulled again before it is found, while it is opened, or with its first frame.
            thread::sleep(Duration::from_micros(dice.below(1_200_000)));
            pull(plugged, &mut dice);
            plugged = device.plug(dice.below(4) as u8);
            early += 1;
        }
        let back = now();
        let (frame, came) = frame_after(&mut processors[0], back);
        assert!(frame.memory(0).and_then(jpeg::number).is_some(), "cycle {cycle}: one of the camera's own pictures");
        drop(frame);
        slowest = slowest.max(came - back);
        assert_eq!((track.ready_state(), track.muted()), (MediaStreamTrackState::Live, false), "cycle {cycle}");
        recoveries += diary.assert_one_story(cycle);
        for (frame, before) in held.iter().zip(&before) {
            assert_eq!(frame.memory(0), Some(&before[..]), "cycle {cycle}: a held frame is what it was");
        }
        drop(held);
        if cycle >= cycles / WARM && cycle % cycles.div_ceil(NOTES) == 0 && !holds {
            // Frames of the plugging before are pushed out of every queue.
            thread::sleep(Duration::from_millis(200));
            ledger.note();
        }
    }
    println!("{cycles} cycles, {early} pulled again at once; first frame after {} ms at most", slowest / 1_000_000);
    let statistics = track.statistics();
    println!("{statistics:?}");
    check_sums(&statistics);
    assert_eq!(statistics.recoveries, recoveries as u64, "each was told");
    assert!(slowest < 2 * SECOND, "{slowest} ns");
    let span = statistics.last_timestamp - statistics.first_timestamp - statistics.muted;
    // uvcvideo gives the buffers of a camera that was pulled back as damaged ones: they come in no time.
    let (whole, slack) = (span as f64 * 30.0 / SECOND as f64, 1.0 + recoveries as f64);
    let (expected, error) = (statistics.expected as f64, statistics.error as f64);
    assert!(expected - error <= whole + slack && whole - slack <= expected, "{whole} frames: {statistics:?}");
    // Sixty-four bytes a cycle would be seen.
    ledger.assert_level(128.0, 4096.0);
}
