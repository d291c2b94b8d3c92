//! What consumes a stream: its frames become files and pictures, its counters metrics. Nothing here knows how a frame was
//! captured.

#[cfg(feature = "record")]
pub(crate) mod container;
#[cfg(feature = "serde")]
mod document;
#[cfg(all(test, feature = "record"))]
mod ffmpeg;
#[cfg(feature = "record")]
pub(crate) mod file;
#[cfg(feature = "record")]
mod h264;
mod loopback;
#[cfg(feature = "record")]
mod matroska;
mod metrics;
#[cfg(feature = "record")]
mod output;
#[cfg(feature = "record")]
mod packing;
#[cfg(feature = "record")]
mod pcm;
#[cfg(feature = "picture")]
pub(crate) mod picture;
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
mod stamp;
#[cfg(feature = "record")]
mod syncer;
#[cfg(feature = "record")]
mod wav;
#[cfg(feature = "record")]
mod y4m;

pub use loopback::{LoopbackProgress, LoopbackStatistics, LoopbackWriter};
pub use metrics::Metrics;
#[cfg(feature = "record")]
pub use progress::{RecordedFile, RecordingProgress};
#[cfg(feature = "record")]
pub use recorder::Recorder;
#[cfg(feature = "record")]
pub use segments::Segments;
#[cfg(feature = "picture")]
pub use snapshot::Snapshot;
