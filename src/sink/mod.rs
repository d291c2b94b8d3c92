//! What consumes a stream's frames: files and pictures. Nothing here knows how a frame was captured.

#[cfg(any(feature = "record", feature = "picture"))]
pub(crate) mod colorimetry;
#[cfg(feature = "picture")]
pub(crate) mod picture;
