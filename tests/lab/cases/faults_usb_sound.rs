//! What goes wrong with a USB microphone.

use std::time::Duration;

use usermedia::AudioData;
use usermedia::{MediaStreamConstraints, get_user_media};

use super::usb_stream::microphone;
use crate::harness::{LabTest, lab_test};
use crate::usb::UsbDevice;
use crate::usb::models::webcam;
use crate::usb::specification::MicrophoneSpec;

pub const TESTS: &[LabTest] =
    &[lab_test!(a_microphone_that_stops_answering_for_a_second_loses_that_second).timeout_secs(90)];

const RATE: u32 = 48_000;

/// A device with a microphone and nothing else.
pub(super) fn only_a_microphone() -> UsbDevice {
    UsbDevice::new(webcam().identity).with_microphone(MicrophoneSpec::tone(RATE, 440.0))
}

fn a_microphone_that_stops_answering_for_a_second_loses_that_second() {
    let mut plugged = only_a_microphone().plug(0);
    let stream = get_user_media(&MediaStreamConstraints::new().audio(microphone(&plugged))).unwrap();
    let track = &stream.audio_tracks()[0];
    let mut blocks = track.processor(200);
    let mut take = |count: usize| -> Vec<AudioData> {
        (0..count).map(|_| blocks.next().expect("it goes on").unwrap_or_else(|error| panic!("{error}"))).collect()
    };
    let before = take(10);
    plugged.mute(Duration::from_secs(1));
    let after = take(60);
    let lost: u64 = after.iter().map(AudioData::lost).sum();
    println!("{lost} lost, {:?}", track.statistics());
    // By the clock: the stamps of both sides, to a period each.
    let (first, last) = (&before[0], &after[after.len() - 1]);
    let elapsed = (last.timestamp() - first.timestamp()) as f64 / 1e9;
    assert!(elapsed > 1.9, "70 blocks of 20 ms and a second of nothing: {elapsed} s");
    let told = (last.position() - first.position()) as f64 / f64::from(RATE);
    assert!((elapsed - told).abs() < 0.05, "{told} s of {elapsed} s are told of; {lost} lost");
    assert!(lost.abs_diff(u64::from(RATE)) < u64::from(RATE) / 10, "{lost} frames lost");
}
