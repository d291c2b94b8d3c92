//! What the caller holds: streams, tracks, frames, and the ways to consume them.
//!
//! A request goes through [`MediaDevices`] (or [`navigator`], the 2012 form) to a [`LocalMediaStream`] of tracks. A
//! [`MediaStreamTrack`] gives its frames, or its sound, to any number of consumers: a [`MediaStreamTrackProcessor`] for a
//! thread of the caller's own, [`VideoTrack::on_frame`] and [`AudioTrack::on_data`] on the capture thread, or a [`Sink`]
//! with a thread of its own. All share one device and its buffers; each has its own bound and drops its own frames.

mod ages;
mod apply;
mod audio_data;
mod bell;
mod black;
mod camera;
mod consumer;
mod decimator;
mod device_watch;
mod dma_buf;
#[cfg(feature = "serde")]
mod document;
mod early;
mod feed;
mod fitting;
mod frame;
mod gate;
mod id;
mod inline;
mod keeping;
mod lane;
#[cfg(feature = "convert")]
mod making;
mod media_devices;
mod media_stream;
mod medium;
mod microphone;
mod navigator;
mod offer;
mod opening;
mod outlet;
#[cfg(feature = "convert")]
mod pixels;
mod processor;
#[cfg(feature = "async")]
mod processor_stream;
mod queue;
mod raw;
mod running;
mod session;
mod sink;
mod statistics;
#[cfg(all(test, not(loom)))]
mod tests;
mod track;

use id::random_id;

pub use audio_data::AudioData;
pub use consumer::ConsumerStatistics;
#[cfg(feature = "cli")]
pub(crate) use device_watch::DeviceNotices;
pub use device_watch::DeviceWatch;
pub use dma_buf::{DmaBuf, DmaBufRead};
pub use frame::{Plane, VideoFrame};
pub use inline::FrameCallback;
pub use media_devices::{MediaDevices, get_user_media};
pub use media_stream::LocalMediaStream;
pub use medium::Medium;
pub use navigator::{Navigator, NavigatorUserMediaError, navigator};
pub use processor::{MediaStreamTrackProcessor, PollableProcessor};
#[cfg(feature = "async")]
pub use processor_stream::ProcessorStream;
pub use queue::DropPolicy;
pub use raw::{RawFrame, Torn};
pub(crate) use sink::TrackFormat;
pub use sink::{Attachment, Backlog, Flow, Outcome, Sink, TrackMetadata, TrackSettings};
pub use statistics::{StreamStatistics, TrackStatistics};
pub use track::{AudioTrack, MediaStreamTrack, VideoTrack};

/// Whether a track still gives frames: `MediaStreamTrackState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaStreamTrackState {
    /// It does, or will again.
    Live,
    /// It never will again.
    Ended,
}
