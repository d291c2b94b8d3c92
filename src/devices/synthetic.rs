//! The built-in camera and microphone: what they offer. They are never listed unasked.

use super::model::{AudioModes, FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, Values, VideoMode};
use super::modes::RESOLUTION_TABLE;
use crate::format::{Fourcc, FrameRate};

/// The `groupId` of both, and the driver's name.
const SYNTHETIC: &str = "synthetic";

/// Packed red, green, blue, a byte each.
const RGB3: Fourcc = Fourcc(*b"RGB3");

/// The built-in camera: every size of the resolution table in four formats.
pub(crate) fn camera() -> MediaDeviceInfo {
    let mut info = device(MediaDeviceKind::VideoInput, "synthetic-camera", "Synthetic camera");
    let rates = FrameRates::List([30, 60, 25, 15, 10, 5].map(FrameRate::whole).to_vec());
    for fourcc in [Fourcc::YUYV, Fourcc::NV12, Fourcc::YU12, RGB3] {
        for (width, height) in RESOLUTION_TABLE {
            info.modes.push(VideoMode::new(fourcc, Span::Fixed(width), Span::Fixed(height), rates.clone()));
        }
    }
    info
}

/// The built-in microphone.
pub(crate) fn microphone() -> MediaDeviceInfo {
    let mut info = device(MediaDeviceKind::AudioInput, "synthetic-microphone", "Synthetic microphone");
    info.audio = AudioModes {
        sample_rate: Some(Values::List(vec![44_100, 48_000])),
        channel_count: Some(Values::Range { min: 1, max: 2 }),
        sample_formats: vec!["S16_LE".to_owned()],
        latency: Some((0.005, 0.1)),
    };
    info
}

fn device(kind: MediaDeviceKind, device_id: &str, label: &str) -> MediaDeviceInfo {
    let mut info = MediaDeviceInfo::new(kind, device_id);
    info.group_id = SYNTHETIC.to_owned();
    info.label = label.to_owned();
    info.path = device_id.to_owned();
    info.driver = SYNTHETIC.to_owned();
    info.synthetic = true;
    info
}
