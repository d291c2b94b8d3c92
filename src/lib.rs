//! `navigator.getUserMedia` for Linux, without a browser.

mod capture;
pub mod devices;
pub mod error;
pub mod format;
mod seam;

pub use devices::{MediaDeviceInfo, MediaDeviceKind};
pub use error::{Error, ErrorCode, ErrorName, Result};
pub use format::{Fourcc, FrameRate};
