//! A V4L2 camera: opened, configured, started and stopped on the control thread, read on the reactor.

mod camera;
mod controls;
mod descriptor;
mod failure;
mod reader;

pub(super) use camera::V4l2Camera;
pub(super) use reader::Reading;
