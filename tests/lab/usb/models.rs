//! Devices there are: a Logitech C920 after its dump among the fixtures.

use super::UsbDevice;
use super::specification::{CameraSpec, Coding, Format, FrameSize, Identity, MicrophoneSpec, Rate};

/// What `v4l2-ctl --list-formats-ext` says of a C920.
const C920_FORMATS: &str = include_str!("../../fixtures/logitech-c920.txt");

/// The camera of a C920: every mode in its fixture, beyond what a high-speed bus carries too (they come slower).
pub fn c920_camera() -> CameraSpec {
    CameraSpec::new(formats(C920_FORMATS))
}

/// A C920 with its microphone: a composite device.
pub fn c920() -> UsbDevice {
    let identity = Identity {
        vendor: 0x046d,
        product: 0x082d,
        serial: Some("6EF5AA2F".to_owned()),
        name: "HD Pro Webcam C920".to_owned(),
    };
    UsbDevice::new(identity).with_camera(c920_camera()).with_microphone(MicrophoneSpec::tone(32_000, 440.0).stereo())
}

/// A camera that lists little, for tests that look elsewhere: VGA in both codings at 30 and 15.
pub fn small_camera() -> CameraSpec {
    let sizes = || {
        let rates = vec![Rate::per_second(30), Rate::per_second(15)];
        vec![FrameSize { width: 640, height: 480, rates: rates.clone() }, FrameSize { width: 320, height: 240, rates }]
    };
    CameraSpec::new(vec![
        Format { coding: Coding::Yuyv, sizes: sizes() },
        Format { coding: Coding::Mjpg, sizes: sizes() },
    ])
}

/// The formats in the words of v4l2-ctl.
fn formats(text: &str) -> Vec<Format> {
    let mut formats: Vec<Format> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some((_, rest)) = line.split_once("]: '") {
            let coding = match &rest[..4] {
                "YUYV" => Coding::Yuyv,
                "MJPG" => Coding::Mjpg,
                "H264" => Coding::H264,
                other => panic!("the lab's cameras have no {other}"),
            };
            formats.push(Format { coding, sizes: Vec::new() });
        } else if let Some(size) = line.strip_prefix("Size: Discrete ") {
            let (width, height) = size.split_once('x').expect("a size is WxH");
            let side = |text: &str| text.parse().expect("a number of pixels");
            let size = FrameSize { width: side(width), height: side(height), rates: Vec::new() };
            formats.last_mut().expect("sizes belong to a format").sizes.push(size);
        } else if let Some((_, rate)) = line.split_once('(').filter(|_| line.starts_with("Interval: ")) {
            let rate: f64 = rate.trim_end_matches(" fps)").parse().expect("frames per second");
            // All of them are whole or halves.
            let halves = (rate * 2.0).round() as u32;
            let rate = if halves.is_multiple_of(2) {
                Rate::per_second(halves / 2)
            } else {
                Rate { numerator: halves, denominator: 2 }
            };
            let sizes = &mut formats.last_mut().expect("intervals belong to a format").sizes;
            sizes.last_mut().expect("intervals belong to a size").rates.push(rate);
        }
    }
    formats
}
