//! USB microphones: snd-usb-audio with a device of our own behind it.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};

use super::capture::{open, vga};
use super::usb::assert_consecutive;
use crate::devices::{succeed, usermedia};
use crate::harness::{LabTest, lab_test};
use crate::usb::Plugged;
use crate::usb::models::webcam;
use crate::usb::specification::MicrophoneSpec;

pub const TESTS: &[LabTest] = &[
    lab_test!(a_microphones_tone_has_its_frequency),
    lab_test!(a_clock_that_runs_fast_shows_between_two_ticks),
    lab_test!(camera_and_microphone_of_one_device_stream_at_once),
    lab_test!(a_clock_that_runs_fast_is_told_in_ppm).timeout_secs(90),
];

/// Channels of a recording by arecord.
fn record(plugged: &Plugged, microphone: MicrophoneSpec, seconds: u32) -> Vec<Vec<i16>> {
    let file = "/tmp/usb.s16";
    let (rate, channels) = (microphone.rate.to_string(), microphone.channels.to_string());
    let mut command = Command::new("arecord");
    command.args(["-q", "-t", "raw", "-f", "S16_LE", "-r", &rate, "-c", &channels, "-d", &seconds.to_string()]);
    succeed(command.args(["-D", &plugged.microphone(), file]));
    let bytes = fs::read(file).unwrap();
    let samples: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let channels = usize::from(microphone.channels);
    let recorded: Vec<Vec<i16>> =
        (0..channels).map(|channel| samples.iter().copied().skip(channel).step_by(channels).collect()).collect();
    assert_eq!(recorded[0].len(), (microphone.rate * seconds) as usize, "as long as was asked for");
    recorded
}

/// Were a sample missing or there twice, the tone would jump.
#[track_caller]
fn assert_smooth(samples: &[i16]) {
    let steepest = samples.windows(2).map(|pair| pair[1].abs_diff(pair[0])).max();
    assert!(steepest.is_some_and(|step| step < 400), "{steepest:?} from one sample to the next");
}

/// The frequency of a tone, by its upward crossings of zero, each placed between two samples.
pub(super) fn frequency(samples: &[i16], rate: u32) -> f64 {
    let crossing = |n: usize| {
        let (before, after) = (f64::from(samples[n - 1]), f64::from(samples[n]));
        n as f64 - after / (after - before)
    };
    let crossings: Vec<f64> =
        (1..samples.len()).filter(|&n| samples[n - 1] < 0 && samples[n] >= 0).map(crossing).collect();
    (crossings.len() - 1) as f64 * f64::from(rate) / (crossings[crossings.len() - 1] - crossings[0])
}

fn a_microphones_tone_has_its_frequency() {
    let microphone = MicrophoneSpec::tone(48_000, 440.0).stereo();
    let plugged = webcam().with_microphone(microphone).plug(0);
    let channels = record(&plugged, microphone, 3);
    for channel in &channels {
        let heard = frequency(channel, microphone.rate);
        assert!((heard - microphone.tone).abs() < 0.05, "{heard} Hz");
    }
    assert!(channels[0].iter().zip(&channels[1]).all(|(left, right)| left / 2 == *right), "left is left");
    assert_smooth(&channels[0]);
}

fn a_clock_that_runs_fast_shows_between_two_ticks() {
    let microphone = MicrophoneSpec::tone(48_000, 440.0).with_clock_offset_ppm(1_000.0).with_tick();
    let plugged = webcam().with_microphone(microphone).plug(0);
    let sound = record(&plugged, microphone, 4).remove(0);
    // The tone alone comes to 6000.
    let is_loud = |n: &usize| sound[*n].unsigned_abs() > 7_000;
    let quiet_before = |n: &usize| !(n - 4_800..*n).any(|n| is_loud(&n));
    let ticks: Vec<usize> = (4_800..sound.len()).filter(|n| is_loud(n) && quiet_before(n)).collect();
    assert!(ticks.len() >= 3, "{ticks:?}");
    for pair in ticks.windows(2) {
        // A second, as a clock sees it that is 1000 ppm too fast.
        assert!((pair[1] - pair[0]).abs_diff(48_048) <= 1, "{ticks:?}");
    }
}

fn a_clock_that_runs_fast_is_told_in_ppm() {
    let microphone = MicrophoneSpec::tone(48_000, 440.0).with_clock_offset_ppm(100.0);
    let plugged = webcam().with_microphone(microphone).plug(0);
    let mut command = usermedia();
    command.args(["capture", "--json", "--audio", "--duration", "28s", "--microphone", &plugged.microphone()]);
    let document: serde_json::Value = serde_json::from_slice(&succeed(&mut command).stdout).unwrap();
    let source = &document["audio"]["source"];
    assert_eq!(source["clockSource"], "driver", "{source}");
    for window in ["ppm", "recentPpm"] {
        let ppm = source["clockDrift"][window].as_f64().unwrap_or_else(|| panic!("{source}"));
        assert!((ppm - 100.0).abs() < 15.0, "{window}: {source}");
    }
    println!("{}", source["clockDrift"]);
}

fn camera_and_microphone_of_one_device_stream_at_once() {
    let microphone = MicrophoneSpec::tone(48_000, 440.0);
    let plugged = webcam().with_microphone(microphone).plug(0);
    let stream = open(vga(&plugged.camera()));
    let track = &stream.video_tracks()[0];
    let numbers = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&numbers);
    track.on_frame(move |frame| seen.lock().unwrap().extend(frame.synthetic_frame_number()));
    let sound = record(&plugged, microphone, 3).remove(0);
    stream.stop();
    assert_smooth(&sound);
    assert!((frequency(&sound, microphone.rate) - microphone.tone).abs() < 0.05);
    let numbers = numbers.lock().unwrap();
    // Three seconds, and what the machine did not keep up with.
    assert!(numbers.len() >= 60, "{} frames", numbers.len());
    assert_consecutive(&numbers);
}
