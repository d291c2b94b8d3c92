//! What a track lets through: not every frame of a decimated one, and black or silence while it is disabled.

use std::sync::{Arc, Mutex, PoisonError};

use super::black::black;
use super::decimator::Decimator;
use super::frame::VideoFrame;
use super::medium::{Format, Medium};
use crate::AudioData;
use crate::capture::{Block, CapturedAudio, CapturedFrame, Lease, Payload, VideoFormat};
use crate::format::{Fourcc, FrameRate};
use crate::resolve::{AudioSettings, VideoSettings};
use crate::seam::MAX_PLANES;

/// One track's say in what its consumers get. Asked on the reactor's thread: nothing here may block.
pub trait Gate<M: Medium>: Send + Sync {
    /// Hands on what is captured, or what is shown instead, or nothing.
    fn pass(&self, captured: &M::Captured, enabled: bool, offer: impl FnOnce(&M::Captured));
    /// Makes ready what a disabled track shows.
    fn cover(&self, format: &Format<M>);
    /// The device gives something else from here on: what was made ready is of no use any more.
    fn adapt(&self, settings: &M::Settings);
    /// The track has ended.
    fn close(&self);
}

/// Of a camera's track.
pub struct VideoGate {
    decimator: Mutex<Option<Decimator>>,
    /// What the rest was made ready for.
    mode: Mutex<Option<Mode>>,
    black: Mutex<Option<(Lease, [Payload; MAX_PLANES])>>,
}

/// Pixel format, size, and the rates of the camera and of the track.
type Mode = (Option<Fourcc>, (u32, u32), [Option<FrameRate>; 2]);

impl VideoGate {
    pub(super) fn new(native: Option<FrameRate>, delivered: Option<FrameRate>) -> Self {
        let decimator = Mutex::new(decimator(native, delivered));
        Self { decimator, mode: Mutex::new(None), black: Mutex::new(None) }
    }
}

fn decimator(native: Option<FrameRate>, delivered: Option<FrameRate>) -> Option<Decimator> {
    Decimator::new(native?, delivered?)
}

impl Gate<VideoFrame> for VideoGate {
    fn pass(&self, frame: &CapturedFrame, enabled: bool, offer: impl FnOnce(&CapturedFrame)) {
        let mut decimator = self.decimator.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(decimator) = &mut *decimator
            && !decimator.keep(frame.info.sequence)
        {
            return;
        }
        drop(decimator);
        if enabled {
            return offer(frame);
        }
        let cover = self.black.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Nothing is shown where black cannot be painted (H.264): never the picture itself.
        if let Some((lease, payloads)) = cover {
            let mut info = frame.info;
            info.payloads = payloads;
            info.copied = false;
            offer(&CapturedFrame { lease, info });
        }
    }

    fn cover(&self, format: &Arc<VideoFormat>) {
        let mut cover = self.black.lock().unwrap_or_else(PoisonError::into_inner);
        if cover.is_none() {
            *cover = black(format).map(|(lease, payloads)| (lease.into_lease(), payloads));
        }
    }

    fn adapt(&self, settings: &VideoSettings) {
        let VideoSettings { fourcc, width, height, native_frame_rate, frame_rate, .. } = *settings;
        let mode = Some((fourcc, (width, height), [native_frame_rate, frame_rate]));
        let before = std::mem::replace(&mut *self.mode.lock().unwrap_or_else(PoisonError::into_inner), mode);
        if before == mode {
            // Only its controls were set: what is shown goes on without a gap.
            return;
        }
        *self.decimator.lock().unwrap_or_else(PoisonError::into_inner) =
            decimator(settings.native_frame_rate, settings.frame_rate);
        self.close();
    }

    fn close(&self) {
        self.black.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Of a microphone's track.
#[derive(Default)]
pub struct AudioGate {
    silence: Mutex<Option<Block>>,
}

impl Gate<AudioData> for AudioGate {
    fn pass(&self, sound: &CapturedAudio, enabled: bool, offer: impl FnOnce(&CapturedAudio)) {
        if enabled {
            return offer(sound);
        }
        let silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // No block is longer than a period; were one, nothing would be heard rather than the microphone.
        if let Some(block) = silence.filter(|block| block.bytes().len() >= sound.samples().len()) {
            offer(&CapturedAudio { block, ..sound.clone() });
        }
    }

    fn cover(&self, format: &Format<AudioData>) {
        let mut silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        if silence.is_none() {
            let length = format.period_frames as usize * format.frame_bytes();
            *silence = Some(Block::filled(length, format.sample_format.silence()));
        }
    }

    fn adapt(&self, _settings: &AudioSettings) {
        self.close();
    }

    fn close(&self) {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
