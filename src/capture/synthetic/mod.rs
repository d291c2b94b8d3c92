//! The built-in camera: a source like any other, without a device.

mod camera;
pub(crate) mod pattern;

pub(super) use camera::SyntheticCamera;
