//! `navigator.getUserMedia` for Linux, without a browser.

pub mod devices;
pub mod error;
pub mod format;
mod seam;
#[cfg(any(feature = "record", feature = "picture"))]
mod sink;

pub use devices::{MediaDeviceInfo, MediaDeviceKind};
pub use error::{Error, ErrorCode, ErrorName, Result};
pub use format::{Fourcc, FrameRate};
