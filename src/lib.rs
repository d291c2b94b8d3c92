//! `navigator.getUserMedia` for Linux, without a browser.

mod capture;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod constraints;
pub mod devices;
pub mod error;
pub mod format;
#[cfg(feature = "json")]
mod json;
pub mod resolve;
mod seam;
#[cfg(any(feature = "record", feature = "picture"))]
mod sink;
mod stream;

pub use capture::{SourceStatistics, TimestampSource};
pub use constraints::{MediaStreamConstraints, MediaTrackConstraints};
pub use devices::{MediaDeviceInfo, MediaDeviceKind};
pub use error::{Error, ErrorCode, ErrorName, Result};
pub use format::{Fourcc, FrameRate};
#[cfg(feature = "picture")]
pub use sink::Snapshot;
#[cfg(feature = "record")]
pub use sink::{Recorder, RecordingProgress};
pub use stream::{
    Attachment, AudioTrack, ConsumerStatistics, Flow, FrameCallback, LocalMediaStream, MediaDevices,
    MediaStreamTrackProcessor, MediaStreamTrackState, Navigator, NavigatorUserMediaError, Outcome, Plane,
    PollableProcessor, Sink, TrackMetadata, VideoFrame, VideoTrack, get_user_media, navigator,
};
