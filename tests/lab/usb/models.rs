//! Devices to plug in: a Logitech C920 after its dump among the fixtures, and a webcam of the lab's own.

use super::UsbDevice;
use super::specification::{CameraSpec, Coding, Format, FrameSize, Identity, MicrophoneSpec, Rate, Rates};

/// What `v4l2-ctl --list-formats-ext` says of a C920.
pub const C920_FORMATS: &str = include_str!("../../fixtures/logitech-c920.txt");

/// The camera of a C920: every mode in its fixture, beyond what a high-speed bus carries too (they come slower).
pub fn c920_camera() -> CameraSpec {
    CameraSpec::new(formats(C920_FORMATS))
}

/// A C920 with its microphone: a composite device. The kernel knows the model, and gives it two seconds to come to its
/// senses (USB_QUIRK_DELAY_INIT).
pub fn c920() -> UsbDevice {
    let identity = Identity {
        vendor: 0x046d,
        product: 0x082d,
        serial: Some("6EF5AA2F".to_owned()),
        name: "HD Pro Webcam C920".to_owned(),
    };
    UsbDevice::new(identity).with_camera(c920_camera()).with_microphone(MicrophoneSpec::tone(32_000, 440.0).stereo())
}

/// The serial number of [`webcam`].
pub const WEBCAM_SERIAL: &str = "LAB0001";

/// A webcam that is plugged in quickly: VGA and half of it in every coding, a microphone.
pub fn webcam() -> UsbDevice {
    // The numbers of Linux's own webcam gadget.
    let identity = Identity {
        vendor: 0x1d6b,
        product: 0x0102,
        serial: Some(WEBCAM_SERIAL.to_owned()),
        name: "Lab webcam".to_owned(),
    };
    UsbDevice::new(identity).with_camera(webcam_camera()).with_microphone(MicrophoneSpec::tone(48_000, 440.0))
}

/// The camera of [`webcam`].
pub fn webcam_camera() -> CameraSpec {
    let formats = [Coding::Yuyv, Coding::Mjpg, Coding::H264].map(|coding| {
        let size = |width, height| FrameSize::new(width, height, &[30, 15].map(Rate::per_second));
        Format { coding, sizes: vec![size(640, 480), size(320, 240)] }
    });
    CameraSpec::new(formats.to_vec())
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
            let size = FrameSize::new(side(width), side(height), &[]);
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
            if let Rates::Each(rates) = &mut sizes.last_mut().expect("intervals belong to a size").rates {
                rates.push(rate);
            }
        }
    }
    formats
}
