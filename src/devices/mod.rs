//! What the machine has: cameras and microphones with their identity and modes.

mod model;

pub use model::{
    AudioModes, FacingMode, FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, Unusable, UnusableReason, Values,
    VideoMode,
};
