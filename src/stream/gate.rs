//! What a track lets through: not every frame of a decimated one, of a smaller one what is made of it, and black or silence
//! while it is disabled.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::black::black;
use super::decimator::Decimator;
use super::fitting::{Fitting, PassedFrame};
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
    fn pass(&self, captured: &M::Captured, enabled: bool, offer: impl FnOnce(&M::Passed));
    /// Makes ready what a disabled track shows of a device that gives this format.
    fn cover(&self, format: &Format<M>);
    /// The device gives something else from here on: what was made ready is of no use any more.
    fn adapt(&self, settings: &M::Settings);
    /// The track has ended.
    fn close(&self);
    /// How many could not be made into what the track gives.
    fn unreadable(&self) -> u64 {
        0
    }
}

/// Of a camera's track.
pub struct VideoGate {
    decimator: Mutex<Option<Decimator>>,
    /// What the rest was made ready for.
    mode: Mutex<Option<Mode>>,
    black: Mutex<Option<(Lease, [Payload; MAX_PLANES])>>,
    fit: Mutex<Fit>,
    unreadable: Arc<AtomicU64>,
}

/// Pixel format, size and rate, those of the camera and those of the track.
type Mode = [(Option<Fourcc>, (u32, u32), Option<FrameRate>); 2];

/// What is made of the camera's pictures.
#[derive(Default)]
struct Fit {
    /// The size to make of them; `None` for their own.
    size: Option<(u32, u32)>,
    /// For the format that came last.
    last: Option<(Arc<VideoFormat>, Option<Arc<Fitting>>)>,
}

impl VideoGate {
    pub(super) fn new(native: Option<FrameRate>, delivered: Option<FrameRate>) -> Self {
        let decimator = Mutex::new(decimator(native, delivered));
        Self {
            decimator,
            mode: Mutex::new(None),
            black: Mutex::new(None),
            fit: Mutex::default(),
            unreadable: Arc::default(),
        }
    }

    /// What is made of pictures of this format. Found out once for each: a restart may bring another one before it is told.
    fn fitting(&self, native: &Arc<VideoFormat>) -> Option<Arc<Fitting>> {
        let mut fit = self.fit.lock().unwrap_or_else(PoisonError::into_inner);
        let size = fit.size?;
        if let Some((format, fitting)) = &fit.last
            && Arc::ptr_eq(format, native)
        {
            return fitting.clone();
        }
        let fitting = Fitting::new(
            native,
            size,
            #[cfg(feature = "convert")]
            &self.unreadable,
        );
        let fitting = fitting.map(Arc::new);
        fit.last = Some((native.clone(), fitting.clone()));
        fitting
    }
}

fn decimator(native: Option<FrameRate>, delivered: Option<FrameRate>) -> Option<Decimator> {
    Decimator::new(native?, delivered?)
}

impl Gate<VideoFrame> for VideoGate {
    fn pass(&self, frame: &CapturedFrame, enabled: bool, offer: impl FnOnce(&PassedFrame)) {
        let mut decimator = self.decimator.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(decimator) = &mut *decimator
            && !decimator.keep(frame.info.sequence)
        {
            return;
        }
        drop(decimator);
        let fitting = self.fitting(frame.lease.format());
        if enabled {
            return match &fitting {
                Some(fitting) => offer(&Fitting::fit(fitting, frame)),
                None => offer(&frame.clone().into()),
            };
        }
        let cover = self.black.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Nothing is shown where black cannot be painted (H.264): never the picture itself.
        if let Some((lease, payloads)) = cover {
            let mut info = frame.info;
            info.payloads = payloads;
            (info.copied, info.raw) = (false, None);
            let cover = CapturedFrame { lease, info };
            match &fitting {
                Some(fitting) => offer(&Fitting::painted(fitting, cover)),
                None => offer(&cover.into()),
            }
        }
    }

    fn cover(&self, format: &Arc<VideoFormat>) {
        let fitting = self.fitting(format);
        let mut cover = self.black.lock().unwrap_or_else(PoisonError::into_inner);
        if cover.is_none() {
            let canvas = fitting.as_ref().map_or(format, |fitting| fitting.canvas());
            *cover = black(canvas).map(|(lease, payloads)| (lease.into_lease(), payloads));
        }
    }

    fn adapt(&self, settings: &VideoSettings) {
        let VideoSettings { fourcc, width, height, frame_rate, .. } = *settings;
        let VideoSettings { native_fourcc, native_width, native_height, native_frame_rate, .. } = *settings;
        let native = (native_fourcc, (native_width, native_height), native_frame_rate);
        let mode = Some([native, (fourcc, (width, height), frame_rate)]);
        let before = std::mem::replace(&mut *self.mode.lock().unwrap_or_else(PoisonError::into_inner), mode);
        if before == mode {
            // Only its controls were set: what is shown goes on without a gap.
            return;
        }
        *self.decimator.lock().unwrap_or_else(PoisonError::into_inner) =
            decimator(settings.native_frame_rate, settings.frame_rate);
        let size = settings.is_resized().then_some((width, height));
        *self.fit.lock().unwrap_or_else(PoisonError::into_inner) = Fit { size, last: None };
        self.close();
    }

    fn close(&self) {
        self.black.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
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
