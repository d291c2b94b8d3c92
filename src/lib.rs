//! `navigator.getUserMedia` for Linux, without a browser.

mod capture;
pub mod constraints;
pub mod devices;
pub mod error;
pub mod format;
#[cfg(feature = "json")]
mod json;
pub mod resolve;
mod seam;

pub use constraints::{MediaStreamConstraints, MediaTrackConstraints};
pub use devices::{MediaDeviceInfo, MediaDeviceKind};
pub use error::{Error, ErrorCode, ErrorName, Result};
pub use format::{Fourcc, FrameRate};
