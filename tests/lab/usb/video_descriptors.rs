//! A camera's descriptors: USB Video Class 1.1 (UVC 1.1, sections 3.7 to 3.10, and the payload specifications).

use super::descriptors::{Interfaces, association, interface, isochronous_endpoint, with_total_length};
use super::specification::{CameraSpec, Coding, Format, FrameSize, Rates};

/// The class-specific descriptors of an interface.
pub const CLASS_INTERFACE: u8 = 0x24;
/// The endpoint frames come from.
pub const ENDPOINT: u8 = 1;
/// The processing unit, which has a brightness.
pub const PROCESSING_UNIT: u8 = 2;
/// Bytes in a microframe, by the streaming interface's settings 1, 2 and 3.
pub const PACKET_SIZES: [usize; 3] = [1024, 2048, 3072];

const VIDEO: u8 = 0x0e;
const CONTROL: u8 = 1;
const STREAMING: u8 = 2;
const COLLECTION: u8 = 3;
const INPUT: u8 = 0x80;
const CAMERA_TERMINAL: u8 = 1;
const OUTPUT_TERMINAL: u8 = 3;

/// Appends all of them.
pub fn append(out: &mut Vec<u8>, interfaces: Interfaces, camera: &CameraSpec) {
    association(out, interfaces, VIDEO, COLLECTION);
    interface(out, interfaces.control, 0, 0, VIDEO, CONTROL);
    let mut control = vec![13, CLASS_INTERFACE, 1, 0x10, 0x01, 0, 0];
    control.extend(6_000_000u32.to_le_bytes());
    control.extend([1, interfaces.streaming]);
    // A camera without lens controls, a processing unit with a brightness, the way to the host.
    control.extend([18, CLASS_INTERFACE, 2, CAMERA_TERMINAL, 0x01, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
    control.extend([12, CLASS_INTERFACE, 5, PROCESSING_UNIT, CAMERA_TERMINAL, 0, 0, 2, 0x01, 0x00, 0, 0]);
    control.extend([9, CLASS_INTERFACE, 3, OUTPUT_TERMINAL, 0x01, 0x01, 0, PROCESSING_UNIT, 0]);
    with_total_length(out, 5, &mut control);

    interface(out, interfaces.streaming, 0, 0, VIDEO, STREAMING);
    let count = u8::try_from(camera.formats.len()).expect("a few formats");
    let mut streaming =
        vec![13 + count, CLASS_INTERFACE, 1, count, 0, 0, INPUT | ENDPOINT, 0, OUTPUT_TERMINAL, 0, 0, 0, 1];
    streaming.extend(vec![0; usize::from(count)]);
    for (index, format) in (1..).zip(&camera.formats) {
        append_format(&mut streaming, index, format);
    }
    with_total_length(out, 4, &mut streaming);
    for (setting, &packet_size) in (1..).zip(&PACKET_SIZES) {
        interface(out, interfaces.streaming, setting, 1, VIDEO, STREAMING);
        isochronous_endpoint(out, INPUT | ENDPOINT, packet_size, 1, &[]);
    }
}

fn append_format(out: &mut Vec<u8>, index: u8, format: &Format) {
    let count = u8::try_from(format.sizes.len()).expect("a few sizes");
    match format.coding {
        Coding::Yuyv | Coding::Unknown => {
            out.extend([27, CLASS_INTERFACE, 4, index, count]);
            out.extend(guid(if format.coding == Coding::Yuyv { *b"YUY2" } else { *b"?!?!" }));
            out.extend([16, 1, 0, 0, 0, 0]);
        }
        Coding::Mjpg => out.extend([11, CLASS_INTERFACE, 6, index, count, 1, 1, 0, 0, 0, 0]),
        Coding::H264 => {
            out.extend([28, CLASS_INTERFACE, 0x10, index, count]);
            out.extend(guid(*b"H264"));
            out.extend([0, 1, 0, 0, 0, 0, 1]);
        }
    }
    for (index, size) in (1..).zip(&format.sizes) {
        append_size(out, index, format.coding, size);
    }
    // BT.709 primaries and transfer, BT.601 matrix: what a camera without this descriptor has.
    out.extend([6, CLASS_INTERFACE, 0x0d, 1, 1, 4]);
}

fn append_size(out: &mut Vec<u8>, index: u8, coding: Coding, size: &FrameSize) {
    let bytes = frame_bytes_field(size);
    // Of steps there are none in number, but three numbers.
    let (count, intervals) = match &size.rates {
        Rates::Each(rates) => {
            let count = u8::try_from(rates.len()).expect("a few rates");
            (count, rates.iter().map(|rate| rate.interval()).collect())
        }
        &Rates::Steps { shortest, longest, step } => (0, vec![shortest, longest, step]),
    };
    let length = 26 + 4 * u8::try_from(intervals.len()).expect("a few rates");
    let subtype = match coding {
        Coding::Yuyv | Coding::Unknown => 5,
        Coding::Mjpg => 7,
        Coding::H264 => 0x11,
    };
    out.extend([length, CLASS_INTERFACE, subtype, index, 0]);
    out.extend(size.width.to_le_bytes());
    out.extend(size.height.to_le_bytes());
    let bits_at = |rate: u32| u32::try_from(u64::from(bytes) * 8 * u64::from(rate)).unwrap_or(u32::MAX);
    out.extend(bits_at(1).to_le_bytes());
    out.extend(bits_at(30).to_le_bytes());
    let default_interval = size.rates.preferred().interval();
    if coding == Coding::H264 {
        out.extend(default_interval.to_le_bytes());
        // Lines of no fixed length.
        out.extend([count, 0, 0, 0, 0]);
    } else {
        out.extend(bytes.to_le_bytes());
        out.extend(default_interval.to_le_bytes());
        out.push(count);
    }
    for interval in intervals {
        out.extend(interval.to_le_bytes());
    }
}

/// The most bytes a frame of this size can have in any coding.
pub fn frame_bytes(size: &FrameSize) -> usize {
    usize::from(size.width) * usize::from(size.height) * 2
}

/// The same in the 32 bits a descriptor has for it: of the largest sizes there are, a part of the number.
pub fn frame_bytes_field(size: &FrameSize) -> u32 {
    (frame_bytes(size) & u32::MAX as usize) as u32
}

/// A format's GUID: its four characters, then the same for all.
fn guid(code: [u8; 4]) -> [u8; 16] {
    let mut guid = [0, 0, 0, 0, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71];
    guid[..4].copy_from_slice(&code);
    guid
}
