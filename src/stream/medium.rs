//! What flows on a track: frames of video, or blocks of sound.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::audio_data::AudioData;
use super::fitting::{Fitting, PassedFrame};
use super::frame::VideoFrame;
use super::gate::{AudioGate, Gate, VideoGate};
use super::media_stream::Tracks;
use super::sink::{Flow, Sink, TrackFormat, TrackMetadata, TrackSettings};
use super::track::MediaStreamTrack;
use crate::capture::sync::AtomicUsize;
use crate::capture::{AudioFormat, Captured, CapturedAudio, CapturedFrame, Item};
use crate::error::Result;
use crate::resolve::{AudioSettings, VideoSettings};

/// What a track yields: [`VideoFrame`] or [`AudioData`], and nothing else.
///
/// Tracks, processors and callbacks are the same for both: [`VideoTrack`](crate::VideoTrack) is
/// [`MediaStreamTrack<VideoFrame>`](crate::MediaStreamTrack), [`AudioTrack`](crate::AudioTrack) is `MediaStreamTrack<AudioData>`.
pub trait Medium: fmt::Debug + Sized + Send + sealed::Sealed + 'static {
    /// `"video"` or `"audio"`: `MediaStreamTrack.kind`.
    const KIND: &'static str;
    /// `getSettings()` of its tracks.
    type Settings: Clone + PartialEq + fmt::Debug + Send + Sync + 'static;
    /// What is counted at the device.
    type Statistics: Copy + Default + Send;

    #[doc(hidden)]
    const HOLD_LIMIT: usize;
    #[doc(hidden)]
    type Captured: Captured<Statistics = Self::Statistics>;
    /// What a track makes of that.
    #[doc(hidden)]
    type Passed: Item;
    #[doc(hidden)]
    type Gate: Gate<Self>;
    /// Hands it to a sink, as of the track with this index.
    #[doc(hidden)]
    fn hand_to(&self, sink: &mut dyn Sink, track: usize) -> Result<Flow>;
    /// The stream's tracks of this kind.
    #[doc(hidden)]
    fn tracks(stream: &Tracks) -> &Mutex<Vec<Arc<MediaStreamTrack<Self>>>>;
    #[doc(hidden)]
    fn lend(passed: Self::Passed, hold: Option<Arc<AtomicUsize>>) -> Self;
    #[doc(hidden)]
    fn gate(settings: &Self::Settings) -> Self::Gate;
    /// The settings that the driver's answer makes of what was wanted.
    #[doc(hidden)]
    fn negotiated(wanted: &Self::Settings, format: &<Self::Captured as Captured>::Format) -> Self::Settings;
    #[doc(hidden)]
    fn device_id(settings: &Self::Settings) -> &str;
    #[doc(hidden)]
    fn label(settings: &Self::Settings) -> &str;
    /// What a sink learns of a track of it.
    #[doc(hidden)]
    fn metadata(settings: Self::Settings, format: <Self::Captured as Captured>::Format) -> TrackMetadata;
    /// Its format.
    #[doc(hidden)]
    fn format(&self) -> <Self::Captured as Captured>::Format;
    /// The device's format, of which that was made.
    #[doc(hidden)]
    fn device_format(&self) -> <Self::Captured as Captured>::Format;
    /// What a track with these settings gives of a device that gives this format.
    #[doc(hidden)]
    fn given(
        settings: &Self::Settings,
        device: &<Self::Captured as Captured>::Format,
    ) -> <Self::Captured as Captured>::Format;
    /// Whether who reads one format need not know of the other.
    #[doc(hidden)]
    fn is_alike(one: &<Self::Captured as Captured>::Format, other: &<Self::Captured as Captured>::Format) -> bool;
    /// Nanoseconds from one frame or block to the next, where that is known.
    #[doc(hidden)]
    fn interval(settings: &Self::Settings, format: &<Self::Captured as Captured>::Format) -> Option<u64>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::VideoFrame {}
    impl Sealed for super::AudioData {}
}

/// The format of what a medium's tracks yield.
pub(super) type Format<M> = <<M as Medium>::Captured as Captured>::Format;

impl Medium for VideoFrame {
    const KIND: &'static str = "video";
    /// Each is a driver's buffer, of which there are few.
    const HOLD_LIMIT: usize = 4;
    type Settings = VideoSettings;
    type Statistics = crate::capture::SourceStatistics;
    type Captured = CapturedFrame;
    type Passed = PassedFrame;
    type Gate = VideoGate;

    fn hand_to(&self, sink: &mut dyn Sink, track: usize) -> Result<Flow> {
        sink.video_frame(track, self)
    }

    fn tracks(stream: &Tracks) -> &Mutex<Vec<Arc<MediaStreamTrack<Self>>>> {
        &stream.video
    }

    fn lend(passed: PassedFrame, hold: Option<Arc<AtomicUsize>>) -> Self {
        Self::new(passed, hold)
    }

    fn negotiated(wanted: &VideoSettings, format: &Format<Self>) -> VideoSettings {
        super::camera::negotiated(wanted, format)
    }

    fn metadata(settings: VideoSettings, format: Format<Self>) -> TrackMetadata {
        let (settings, format) = (TrackSettings::Video(settings), TrackFormat::Video(format));
        TrackMetadata { label: settings.label().to_owned(), settings, format }
    }

    fn format(&self) -> Format<Self> {
        self.shared_format()
    }

    fn device_format(&self) -> Format<Self> {
        self.native_format()
    }

    fn given(settings: &VideoSettings, device: &Format<Self>) -> Format<Self> {
        let fitted = Fitting::plan(device, (settings.width, settings.height));
        fitted.map_or_else(|| device.clone(), |(_, format)| Arc::new(format))
    }

    fn is_alike(one: &Format<Self>, other: &Format<Self>) -> bool {
        Arc::ptr_eq(one, other) || one.is_alike(other)
    }

    fn gate(settings: &VideoSettings) -> VideoGate {
        let gate = VideoGate::new(settings.native_frame_rate, settings.frame_rate);
        gate.adapt(settings);
        gate
    }

    fn device_id(settings: &VideoSettings) -> &str {
        &settings.device_id
    }

    fn label(settings: &VideoSettings) -> &str {
        &settings.label
    }

    fn interval(settings: &VideoSettings, _format: &Format<Self>) -> Option<u64> {
        settings.native_frame_rate.or(settings.frame_rate).map(|rate| rate.interval_ns())
    }
}

impl Medium for AudioData {
    const KIND: &'static str = "audio";
    /// Each is a few kilobytes of a pool that grows.
    const HOLD_LIMIT: usize = 64;
    type Settings = AudioSettings;
    type Statistics = crate::capture::AudioStatistics;
    type Captured = CapturedAudio;
    type Passed = CapturedAudio;
    type Gate = AudioGate;

    fn hand_to(&self, sink: &mut dyn Sink, track: usize) -> Result<Flow> {
        sink.audio_data(track, self)
    }

    fn tracks(stream: &Tracks) -> &Mutex<Vec<Arc<MediaStreamTrack<Self>>>> {
        &stream.audio
    }

    fn lend(captured: CapturedAudio, hold: Option<Arc<AtomicUsize>>) -> Self {
        Self::new(captured, hold)
    }

    fn negotiated(wanted: &AudioSettings, format: &Format<Self>) -> AudioSettings {
        super::microphone::negotiated(wanted, format)
    }

    fn metadata(settings: AudioSettings, format: Format<Self>) -> TrackMetadata {
        let (settings, format) = (TrackSettings::Audio(settings), TrackFormat::Audio(format));
        TrackMetadata { label: settings.label().to_owned(), settings, format }
    }

    fn format(&self) -> Format<Self> {
        self.shared_format()
    }

    fn device_format(&self) -> Format<Self> {
        self.shared_format()
    }

    fn given(_settings: &AudioSettings, device: &Format<Self>) -> Format<Self> {
        *device
    }

    /// Periods of another length are blocks of another length, as every gap makes them.
    fn is_alike(one: &Format<Self>, other: &Format<Self>) -> bool {
        AudioFormat { period_frames: 0, ..*one } == AudioFormat { period_frames: 0, ..*other }
    }

    fn gate(_settings: &AudioSettings) -> AudioGate {
        AudioGate::default()
    }

    fn device_id(settings: &AudioSettings) -> &str {
        &settings.device_id
    }

    fn label(settings: &AudioSettings) -> &str {
        &settings.label
    }

    fn interval(_settings: &AudioSettings, format: &Format<Self>) -> Option<u64> {
        Some(format.duration_ns(format.period_frames.into()))
    }
}
