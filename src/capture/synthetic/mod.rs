//! The built-in camera and microphone: sources like any other, without a device.

mod beat;
mod camera;
mod microphone;
pub(crate) mod pattern;

pub(super) use camera::SyntheticCamera;
pub(super) use microphone::SyntheticMicrophone;
