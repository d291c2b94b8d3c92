//! How an open device is found again, and what it is asked for where its mode does not fit any more.

use std::sync::Arc;

use super::microphone::node;
use super::offer::Offer;
use super::opening::{Opening, explain};
use crate::capture::{CameraRequest, Keep, MicrophoneRequest};
use crate::constraints::MediaStreamConstraints;
use crate::devices::{FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, VideoMode};
use crate::format::layout::layout;
use crate::format::{Fourcc, FrameRate};
use crate::resolve::{AudioSettings, VideoSettings, resolve};

impl Opening<'_> {
    /// How a camera that was resolved to `wanted`, of what it offers, is kept.
    pub(super) fn keep_camera(&self, wanted: &VideoSettings, offer: Arc<Offer>) -> Keep<CameraRequest> {
        let (machine, id) = (self.machine.clone(), wanted.device_id.clone());
        let (explaining, label) = (self.machine.clone(), wanted.label.clone());
        let (constraints, options) =
            (MediaStreamConstraints::new().video(self.constraints.video.clone()), *self.options);
        Keep {
            policy: self.recovery,
            locate: Box::new(move || machine.locate(MediaDeviceKind::VideoInput, &id)),
            explain: Box::new(move |error, path| explain(&explaining, error, (&label, path), path, "another camera")),
            smaller: Box::new(move |refused| {
                let device = less_than(offer.get(), refused)?;
                let resolved = resolve(&constraints, &[device], &options).ok()?.video?;
                Some(CameraRequest {
                    fourcc: resolved.native_fourcc,
                    width: resolved.native_width,
                    height: resolved.native_height,
                    frame_rate: resolved.native_frame_rate.or(resolved.frame_rate),
                    ..refused.clone()
                })
            }),
        }
    }

    /// How a microphone that was resolved to `wanted` is kept.
    pub(super) fn keep_microphone(&self, wanted: &AudioSettings) -> Keep<MicrophoneRequest> {
        let (machine, id) = (self.machine.clone(), wanted.device_id.clone());
        let (explaining, label) = (self.machine.clone(), wanted.label.clone());
        Keep {
            policy: self.recovery,
            locate: Box::new(move || machine.locate(MediaDeviceKind::AudioInput, &id)),
            explain: Box::new(move |error, path| {
                explain(&explaining, error, (&label, path), &node(path), "another microphone")
            }),
            smaller: Box::new(|_| None),
        }
    }
}

/// The camera with those of its modes that need less of a bus than the one that was refused; `None` where there is none.
fn less_than(device: &MediaDeviceInfo, refused: &CameraRequest) -> Option<MediaDeviceInfo> {
    let limit = demand(refused.fourcc?, refused.width, refused.height, refused.frame_rate?);
    let mut device = device.clone();
    device.modes = device.modes.iter().filter_map(|mode| below(mode, limit)).collect();
    (!device.modes.is_empty()).then_some(device)
}

/// The mode at those of its rates that need less. Ranges are left out: a camera on USB lists its sizes and rates.
fn below(mode: &VideoMode, limit: f64) -> Option<VideoMode> {
    let (&Span::Fixed(width), &Span::Fixed(height)) = (&mode.width, &mode.height) else { return None };
    let FrameRates::List(rates) = &mode.frame_rates else { return None };
    let rates: Vec<FrameRate> =
        rates.iter().copied().filter(|&rate| demand(mode.fourcc, width, height, rate) < limit).collect();
    (!rates.is_empty())
        .then(|| VideoMode::new(mode.fourcc, Span::Fixed(width), Span::Fixed(height), FrameRates::List(rates)))
}

/// What a mode asks of the bus, in bytes per second, roughly: a camera compresses to about two bits per pixel.
fn demand(fourcc: Fourcc, width: u32, height: u32, rate: FrameRate) -> f64 {
    let pixels = f64::from(width) * f64::from(height);
    let picture = layout(fourcc, width, height, &[]).map_or(pixels / 4.0, |layout| {
        (0..layout.memory_count()).map(|memory| layout.memory_size(memory) as f64).sum()
    });
    picture * f64::from(rate.numerator()) / f64::from(rate.denominator().max(1))
}
