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
mod inline;
mod media_devices;
mod media_stream;
mod navigator;
mod outlet;
mod processor;
mod running;
mod session;
mod sink;
mod track;

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

/// A random UUID (RFC 9562, version 4), of the kernel's making.
fn random_id() -> String {
    use std::hash::{BuildHasher, Hasher};
    let word = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    let bits = (u128::from(word()) << 64 | u128::from(word())) & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::random_id;

    #[test]
    fn ids_are_version_4_uuids_and_differ() {
        let (one, other) = (random_id(), random_id());
        assert_ne!(one, other);
        for id in [one, other] {
            assert_eq!(id.len(), 36);
            assert_eq!(&id[14..15], "4");
            assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"));
        }
    }
}
