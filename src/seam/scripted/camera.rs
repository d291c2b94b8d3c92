//! What a scripted camera is: plain data.

use std::time::Duration;

use super::control::ScriptedControl;
use crate::format::Fourcc;
use crate::format::layout::layout;
use crate::seam::{CapabilityFlags, Fraction, InputStatus, MAX_PLANES, PixelFormat, PlaneFormat};

/// A camera and how its driver answers. Change what a test is about; everything else is a well-behaved webcam.
#[derive(Debug, Clone)]
pub(crate) struct ScriptedCamera {
    pub driver: String,
    pub card: String,
    /// V4L2_CAP_VIDEO_CAPTURE_MPLANE in place of V4L2_CAP_VIDEO_CAPTURE.
    pub multiplanar: bool,
    /// What it lists, and the first of them what it makes of a request for anything else.
    pub modes: Vec<(Fourcc, u32, u32)>,
    /// What S_FMT answers whatever was asked.
    pub answers: Option<PixelFormat>,
    /// Its interval; `None` where S_PARM and G_PARM are refused.
    pub interval: Option<Fraction>,
    /// Whether S_PARM changes the interval.
    pub settable: bool,
    /// How many buffers REQBUFS gives, whatever was asked.
    pub granted: Option<u32>,
    /// V4L2_CID_MIN_BUFFERS_FOR_CAPTURE, where it has that control.
    pub min_buffers: Option<i32>,
    /// V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS.
    pub orphans: bool,
    /// Whether it takes frames, too.
    pub output: bool,
    /// V4L2_BUF_CAP_SUPPORTS_MMAP_CACHE_HINTS.
    pub cache_hints: bool,
    /// Whether it has VIDIOC_EXPBUF.
    pub exports: bool,
    /// Whether it has V4L2_EVENT_SOURCE_CHANGE.
    pub tells_of_source: bool,
    /// What VIDIOC_ENUMINPUT says of its input; `None` where it has no inputs.
    pub input: Option<InputStatus>,
    pub controls: Vec<ScriptedControl>,
    /// What S_CTRL was asked for, in its order: control and value.
    pub written: Vec<(u32, i32)>,
}

impl ScriptedCamera {
    /// A webcam with one mode at 30 fps, whose buffers may outlive REQBUFS(0).
    pub(crate) fn new(fourcc: &[u8; 4], width: u32, height: u32) -> Self {
        Self {
            driver: "scripted".to_owned(),
            card: "Scripted camera".to_owned(),
            multiplanar: false,
            modes: vec![(Fourcc(*fourcc), width, height)],
            answers: None,
            interval: Some(Fraction { numerator: 1, denominator: 30 }),
            settable: true,
            granted: None,
            min_buffers: None,
            orphans: true,
            output: false,
            cache_hints: false,
            exports: true,
            tells_of_source: false,
            input: None,
            controls: Vec::new(),
            written: Vec::new(),
        }
    }

    /// A v4l2loopback of any format, with as many buffers as it is asked for.
    pub(crate) fn loopback() -> Self {
        let camera = Self::new(b"YUYV", 640, 480);
        Self { driver: "v4l2 loopback".to_owned(), card: "Dummy video device".to_owned(), output: true, ..camera }
    }

    /// What QUERYCAP says it can do.
    pub(super) fn capabilities(&self) -> CapabilityFlags {
        let queue =
            if self.multiplanar { CapabilityFlags::VIDEO_CAPTURE_MPLANE } else { CapabilityFlags::VIDEO_CAPTURE };
        let output = if self.output { CapabilityFlags::VIDEO_OUTPUT } else { CapabilityFlags::empty() };
        queue | output | CapabilityFlags::STREAMING
    }

    /// What S_FMT makes of a request: the mode itself where it is listed, the first one of that format, or the first.
    pub(super) fn answer(&self, fourcc: Fourcc, width: u32, height: u32) -> PixelFormat {
        if let Some(answer) = self.answers {
            return answer;
        }
        let listed = self.modes.iter().find(|mode| **mode == (fourcc, width, height));
        let near = listed.or_else(|| self.modes.iter().find(|mode| mode.0 == fourcc)).or(self.modes.first());
        near.map_or(PixelFormat::request(fourcc, 0, 0), |&(fourcc, width, height)| pixels(fourcc, width, height))
    }

    /// From one frame to the next.
    pub(super) fn period(&self) -> Duration {
        let interval = self.interval.unwrap_or(Fraction { numerator: 1, denominator: 30 });
        Duration::from_secs(u64::from(interval.numerator)) / interval.denominator.max(1)
    }
}

/// A format as a driver fills it in: rows without padding, compressed pictures with a byte per pixel to spare.
pub(crate) fn pixels(fourcc: Fourcc, width: u32, height: u32) -> PixelFormat {
    let mut pixels = PixelFormat::request(fourcc, width, height);
    let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    match layout(fourcc, width, height, &[]) {
        Some(layout) => {
            pixels.plane_count = size(layout.memory_count());
            for memory in 0..layout.memory_count().min(MAX_PLANES) {
                let first = layout.planes().iter().find(|plane| plane.memory == memory);
                pixels.planes[memory] = PlaneFormat {
                    bytesperline: size(first.map_or(0, |plane| plane.stride)),
                    sizeimage: size(layout.memory_size(memory)),
                };
            }
        }
        None => {
            pixels.plane_count = 1;
            pixels.planes[0] = PlaneFormat { bytesperline: 0, sizeimage: width * height };
        }
    }
    pixels
}
