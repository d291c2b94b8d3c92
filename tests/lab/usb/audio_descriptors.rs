//! A microphone's descriptors: USB Audio Class 1.0 (chapter 4), and its formats (Type I PCM).

use super::descriptors::{Interfaces, association, interface, isochronous_endpoint, with_total_length};
use super::specification::MicrophoneSpec;

/// The endpoint sound comes from.
pub const ENDPOINT: u8 = 2;

const CLASS_INTERFACE: u8 = 0x24;
const CLASS_ENDPOINT: u8 = 0x25;
const AUDIO: u8 = 1;
const CONTROL: u8 = 1;
const STREAMING: u8 = 2;
const INPUT: u8 = 0x80;
const MICROPHONE_TERMINAL: u8 = 1;
const OUTPUT_TERMINAL: u8 = 2;

/// Appends all of them.
pub fn append(out: &mut Vec<u8>, interfaces: Interfaces, microphone: &MicrophoneSpec) {
    let channels = microphone.channels;
    // Left and right in front; a single channel has no place.
    let places = if channels == 2 { 0x03 } else { 0x00 };
    association(out, interfaces, AUDIO, STREAMING);
    interface(out, interfaces.control, 0, 0, AUDIO, CONTROL);
    let mut control = vec![9, CLASS_INTERFACE, 1, 0x00, 0x01, 0, 0, 1, interfaces.streaming];
    control.extend([12, CLASS_INTERFACE, 2, MICROPHONE_TERMINAL, 0x01, 0x02, 0, channels, places, 0, 0, 0]);
    control.extend([9, CLASS_INTERFACE, 3, OUTPUT_TERMINAL, 0x01, 0x01, 0, MICROPHONE_TERMINAL, 0]);
    with_total_length(out, 5, &mut control);

    interface(out, interfaces.streaming, 0, 0, AUDIO, STREAMING);
    interface(out, interfaces.streaming, 1, 1, AUDIO, STREAMING);
    out.extend([7, CLASS_INTERFACE, 1, OUTPUT_TERMINAL, 1, 0x01, 0x00]);
    let [low, middle, high, _] = microphone.rate.to_le_bytes();
    out.extend([11, CLASS_INTERFACE, 2, 1, channels, 2, 16, 1, low, middle, high]);
    // Every 8 microframes: a millisecond. Audio's endpoints have two bytes more than others.
    isochronous_endpoint(out, INPUT | ENDPOINT, packet_size(microphone), 4, &[0, 0]);
    out.extend([7, CLASS_ENDPOINT, 1, 0, 0, 0, 0]);
}

/// Room for a millisecond, and for the samples that a clock far too fast adds.
pub fn packet_size(microphone: &MicrophoneSpec) -> usize {
    (microphone.rate.div_ceil(1000) as usize + 2) * microphone.frame_size()
}
