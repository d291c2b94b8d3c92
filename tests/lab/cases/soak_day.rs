//! A day of camera and microphone with faults in virtual time, and ten minutes of it in real time: every second accounted
//! for, and picture and sound in step at the end.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use usermedia::constraints::MediaStreamConstraints;
use usermedia::{MediaDevices, MediaStreamTrackState, Recorder, RecordingProgress, RecoveryPolicy, VideoTrack};

use super::audio;
use super::capture::check_sums;
use super::soak_ledger::{Dice, Ledger, soak_count};
use super::soak_microphone::{BLOCK, RATE, TRUE_RATE};
use super::soak_seconds::Seconds;
use super::soak_vivid::Vivid;
use super::soak_webcam::Webcam;
use crate::harness::{LabTest, lab_test};
use crate::usb::{SECOND, now};

pub const TESTS: &[LabTest] =
    &[lab_test!(soak_a_day).soak_minutes(120), lab_test!(soak_ten_minutes_of_a_webcam).soak_minutes(60).on_both_legs()];

/// Claps at the end, one in a second.
pub const CLAPS: u64 = 30;
/// What picture and sound may be apart at the end, in seconds.
const IN_STEP: f64 = 0.020;
/// From one fault to the next at most, in nanoseconds; sixteen in a short day at least.
const PAUSE: u64 = 900 * SECOND;
/// What a fault has for its consequences, in nanoseconds: recoveries among them, which are no steady state. In a short day
/// half of that.
const SETTLING: u64 = 20 * SECOND;
/// How often it is noted what the process holds.
const NOTES: u64 = 400;

/// What is captured, and what goes wrong with it. The microphone is the soaks'.
pub trait Scene {
    /// In words.
    const FAULTS: &'static [&'static str];
    /// By how many a second's pictures may differ from thirty.
    const SLACK: f64;
    /// Which part of the claps, the best ones, has to be in step.
    const COUNTED: f64;
    /// By how much resident memory may grow in the second half of it, in KiB.
    const RESIDENT: f64;

    /// Camera and microphone.
    fn constraints(&self) -> MediaStreamConstraints;

    fn recorder(&self) -> Recorder;

    /// Has a fault happen.
    fn strike(&mut self, fault: usize, dice: &mut Dice);

    /// Something is seen and heard at once, [`CLAPS`] times, while a track of this camera streams.
    fn clap(&mut self, camera: &VideoTrack);

    /// How far apart that is in what was recorded, in seconds.
    fn skews(&self) -> Vec<f64>;

    /// How many bytes the recorder remembers of what it has written so far, at most.
    fn remembered(&self, progress: &RecordingProgress) -> usize;
}

fn soak_a_day() {
    live_through(Vivid::new(), 60 * soak_count("USERMEDIA_SOAK_HOURS", 24));
}

fn soak_ten_minutes_of_a_webcam() {
    live_through(Webcam::new(), soak_count("USERMEDIA_SOAK_MINUTES", 10));
}

fn live_through<S: Scene>(mut scene: S, minutes: u64) {
    let length = minutes * 60 * SECOND;
    let mut dice = Dice::from_environment();
    let devices = MediaDevices::new().with_recovery(RecoveryPolicy::new().patience(None));
    let stream = devices.get_user_media(&scene.constraints()).unwrap_or_else(|error| panic!("{error}: {error:?}"));
    let (camera, microphone) = (&stream.video_tracks()[0], &stream.audio_tracks()[0]);
    let pictures = Arc::new(Mutex::new(Seconds::of(30.0, S::SLACK)));
    let sounds = Arc::new(Mutex::new(Seconds::of(TRUE_RATE, f64::from(BLOCK))));
    let (noted, heard) = (Arc::clone(&pictures), Arc::clone(&sounds));
    camera.on_frame(move |frame| noted.lock().unwrap().picture(frame));
    microphone.on_data(move |block| heard.lock().unwrap().sound(block));
    let recorder = scene.recorder();
    let progress = recorder.progress();
    let recording = stream.attach(recorder).unwrap();

    let begun = now();
    // The last events and the last segments are remembered: that many there are by then.
    let warm = begun + length / 2;
    let every = (length / NOTES).max(5 * SECOND);
    let mut noted = begun;
    let mut ledger = Ledger::of(NOTES as usize);
    let mut happened = vec![0; S::FAULTS.len()];
    while now() < begun + length {
        let moment = now() + dice.below(PAUSE.min(length / 16));
        while now() < moment {
            thread::sleep(Duration::from_nanos((moment - now()).min(every)));
            // Once everything that is ever needed was needed once.
            if now() > warm && now() > noted + every && happened.iter().all(|&count| count > 0) {
                ledger.note();
                noted = now();
            }
        }
        assert_eq!(camera.ready_state(), MediaStreamTrackState::Live, "{:?}", camera.recovery_events());
        assert_eq!(microphone.ready_state(), MediaStreamTrackState::Live, "{:?}", microphone.recovery_events());
        let some = dice.below(S::FAULTS.len() as u64) as usize;
        let fault = happened.iter().position(|&count| count == 0).unwrap_or(some);
        happened[fault] += 1;
        scene.strike(fault, &mut dice);
        thread::sleep(Duration::from_nanos(SETTLING.min(length / 60).max(SETTLING / 2)));
    }
    println!("{minutes} minutes, {} times something went wrong:", happened.iter().sum::<u64>());
    S::FAULTS.iter().zip(&happened).for_each(|(fault, times)| println!("{times:5} {fault}"));
    scene.clap(camera);
    stream.stop();
    recording.wait().result.unwrap();

    let remembered = scene.remembered(&progress);
    let (source, sound) = (camera.statistics(), microphone.statistics());
    println!("{source:?}\n{sound:?}");
    let (span, heard) = (sound.last_timestamp - sound.first_timestamp, sound.frames_between as f64 / f64::from(RATE));
    println!("the microphone's clock is {:.3} s behind by now", span as f64 / 1e9 - heard);
    check_sums(&source);
    audio::check_sums(&sound);
    let seen = pictures.lock().unwrap().assert_accounted("pictures", source.recoveries);
    let heard = sounds.lock().unwrap().assert_accounted("samples", sound.recoveries);
    // Where no number accounts for a time, the track was muted, and says for how long. A start within a frame's time
    // leaves no such time.
    assert!(seen.silences <= source.recoveries && source.recoveries > 0, "{seen:?}");
    assert!((seen.silent - source.muted as f64 / 1e9).abs() < 0.04 * source.recoveries as f64, "{seen:?}");
    // Sound keeps its place, so that a muting is missing in its numbers.
    assert!(heard.silences == 0 && sound.recoveries > 0, "{heard:?}");
    let missing = sound.lost_in_driver as f64 + sound.muted as f64 / 1e9 * f64::from(RATE);
    assert!((heard.missing as f64 - missing).abs() <= 1.0 + sound.recoveries as f64, "{heard:?}");
    assert_in_step(scene.skews(), S::COUNTED);
    // In half a day, with ninety faults: sixty-four bytes for each would be seen.
    ledger.assert_level(S::RESIDENT, 4096.0 + remembered as f64);
}

#[track_caller]
fn assert_in_step(mut skews: Vec<f64>, counted: f64) {
    skews.sort_by(f64::total_cmp);
    assert!(skews.len() as u64 >= CLAPS / 2, "{skews:?}");
    let (middle, worst) = (skews[skews.len() / 2], skews[skews.len() - 1]);
    let claps = skews.len();
    println!("{claps} claps, {:.1} ms apart at most, half of them {:.1}", worst * 1e3, middle * 1e3);
    let last = ((claps - 1) as f64 * counted) as usize;
    assert!(skews[last] < IN_STEP, "{skews:?}");
}
