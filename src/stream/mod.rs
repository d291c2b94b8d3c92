//! What the caller holds: streams, tracks, frames, and the ways to consume them.
//!
//! A request goes through [`MediaDevices`] (or [`navigator`], the 2012 form) to a [`LocalMediaStream`] of tracks. A
//! [`VideoTrack`] gives its frames to any number of consumers: a [`MediaStreamTrackProcessor`] for a thread of the
//! caller's own, [`VideoTrack::on_frame`] on the capture thread, or a [`Sink`] with a thread of its own. All share one
//! camera and its buffers; each has its own bound and drops its own frames.

mod ages;
mod black;
mod consumer;
mod decimator;
mod frame;
mod id;
mod inline;
mod media_devices;
mod media_stream;
mod navigator;
mod outlet;
mod processor;
mod running;
mod session;
mod sink;
#[cfg(all(test, not(loom)))]
mod tests;
mod track;

use id::random_id;

pub use consumer::ConsumerStatistics;
pub use frame::{Plane, VideoFrame};
pub use inline::FrameCallback;
pub use media_devices::{MediaDevices, get_user_media};
pub use media_stream::LocalMediaStream;
pub use navigator::{Navigator, NavigatorUserMediaError, navigator};
pub use processor::{MediaStreamTrackProcessor, PollableProcessor};
pub use sink::{Attachment, Flow, Outcome, Sink, TrackMetadata};
pub use track::VideoTrack;

/// Whether a track still gives frames: `MediaStreamTrackState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaStreamTrackState {
    /// It does, or will again.
    Live,
    /// It never will again.
    Ended,
}

/// A microphone as the caller holds it. Sound is not captured yet: there are no values of this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioTrack {}
