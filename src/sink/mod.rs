//! What consumes a stream's frames: files and pictures. Nothing here knows how a frame was captured.

pub(crate) mod colorimetry;
#[cfg(feature = "record")]
pub(crate) mod container;
#[cfg(all(test, feature = "record"))]
mod ffmpeg;
#[cfg(feature = "record")]
pub(crate) mod file;
#[cfg(feature = "record")]
mod h264;
#[cfg(feature = "record")]
mod matroska;
#[cfg(feature = "record")]
mod output;
#[cfg(feature = "record")]
mod packing;
#[cfg(feature = "record")]
mod pcm;
#[cfg(feature = "picture")]
pub(crate) mod picture;
mod pixels;
#[cfg(feature = "record")]
mod progress;
#[cfg(feature = "record")]
mod raw;
#[cfg(feature = "record")]
mod recorder;
#[cfg(feature = "record")]
mod recording;
#[cfg(feature = "record")]
mod ring;
#[cfg(feature = "record")]
mod segments;
#[cfg(feature = "record")]
mod shelf;
#[cfg(feature = "picture")]
mod snapshot;
#[cfg(feature = "record")]
mod syncer;
#[cfg(feature = "record")]
mod wav;
#[cfg(feature = "record")]
mod y4m;

#[cfg(feature = "record")]
pub use progress::{RecordedFile, RecordingProgress};
#[cfg(feature = "record")]
pub use recorder::Recorder;
#[cfg(feature = "record")]
pub use segments::Segments;
#[cfg(feature = "picture")]
pub use snapshot::Snapshot;
