//! `navigator.getUserMedia` for Linux, without a browser.

mod capture;
pub mod constraints;
pub mod devices;
pub mod error;
pub mod format;
pub mod resolve;
mod seam;
#[cfg(any(feature = "record", feature = "picture"))]
mod sink;
mod stream;

pub use capture::{SourceStatistics, TimestampSource};
pub use devices::{MediaDeviceInfo, MediaDeviceKind};
pub use error::{Error, ErrorCode, ErrorName, Result};
pub use format::{Fourcc, FrameRate};
pub use stream::{
    Attachment, AudioTrack, ConsumerStatistics, Flow, FrameCallback, LocalMediaStream, MediaDevices,
    MediaStreamTrackProcessor, MediaStreamTrackState, Navigator, NavigatorUserMediaError, Outcome, Plane,
    PollableProcessor, Sink, TrackMetadata, VideoFrame, VideoTrack, get_user_media, navigator,
};
