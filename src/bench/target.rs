//! What is captured, the same for everybody.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::{fmt, fs};

use nix::errno::Errno;
use serde_json::{Value, json};

use super::program::words;
use crate::format::{Fourcc, FrameRate};
use crate::resolve::VideoSettings;
use crate::seam::{BufferType, CapabilityFlags, Kernel, LOOPBACK_DRIVER, LinuxKernel, retry};

/// As few as a loopback should have: with its two, the device is measured and not who reads it.
const LOOPBACK_BUFFERS: u32 = 8;

/// A node and the mode and the number of buffers it is captured with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    pub(crate) path: String,
    pub(crate) label: String,
    pub(crate) driver: Option<String>,
    pub(crate) fourcc: Fourcc,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rate: FrameRate,
    pub(crate) buffers: u32,
    /// Built into our own process: no other program can open it.
    pub(crate) synthetic: bool,
}

impl Target {
    /// A camera in the mode that a request got; `None` where the driver keeps its format or its rate to itself.
    pub(crate) fn new(settings: &VideoSettings, driver: Option<&str>, buffers: u32) -> Option<Self> {
        Some(Self {
            path: settings.path.clone(),
            label: settings.label.clone(),
            driver: driver.map(str::to_owned),
            fourcc: settings.fourcc?,
            width: settings.width,
            height: settings.height,
            rate: settings.native_frame_rate?,
            buffers,
            synthetic: settings.synthetic,
        })
    }

    /// The arguments by which our own command gets just this.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let (fourcc, width, height) = (self.fourcc, self.width, self.height);
        let mut arguments =
            words(&format!("--width {width} --height {height} --fps {} --buffers {}", self.rate, self.buffers));
        arguments.extend(["--fourcc".to_owned(), fourcc.to_string()]);
        if self.synthetic {
            arguments.push("--synthetic".to_owned());
        } else {
            arguments.extend(["--device".to_owned(), self.path.clone()]);
        }
        arguments
    }

    /// Whether another program writes what is captured, and may have stamped it.
    pub(crate) fn is_loopback(&self) -> bool {
        self.driver.as_deref() == Some(LOOPBACK_DRIVER)
    }

    /// Compares what the node is set to now with what was asked for: a program may have changed it, or never set it.
    ///
    /// # Errors
    /// In words: what it has in place of that.
    pub(crate) fn read_back(&self) -> Result<(), String> {
        if self.synthetic {
            return Ok(());
        }
        let (fourcc, width, height, rate) =
            current(Path::new(&self.path)).map_err(|errno| format!("{}: {errno}", self.path))?;
        let rate_holds = rate.is_none_or(|rate| (rate.as_f64() / self.rate.as_f64() - 1.0).abs() < 0.001);
        if (fourcc, width, height) == (self.fourcc, self.width, self.height) && rate_holds {
            return Ok(());
        }
        let rate = rate.map_or_else(|| "an unknown rate".to_owned(), |rate| rate.to_string());
        Err(format!("it ran in another mode: {fourcc} {width}x{height} at {rate}"))
    }

    /// A word on a v4l2loopback with too few buffers, and the line that mends it.
    pub(crate) fn warning(&self) -> Option<String> {
        if !self.is_loopback() {
            return None;
        }
        let node = Path::new(&self.path).file_name()?.to_str()?.to_owned();
        let text = fs::read_to_string("/sys/module/v4l2loopback/parameters/max_buffers").ok()?;
        let buffers: u32 = text.trim().parse().ok().filter(|&buffers| buffers < LOOPBACK_BUFFERS)?;
        Some(format!(
            "{node} is a v4l2loopback with max_buffers={buffers}: its ring is measured more than who reads it. Better: sudo rmmod v4l2loopback; sudo \
             modprobe v4l2loopback max_buffers={LOOPBACK_BUFFERS}"
        ))
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "path": self.path, "label": self.label, "driver": self.driver, "fourcc": self.fourcc.to_string(),
            "width": self.width, "height": self.height, "frameRate": self.rate.to_string(), "buffers": self.buffers,
            "synthetic": self.synthetic,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fourcc, width, height, rate, buffers, .. } = self;
        let rate = rate.to_string();
        write!(f, "{fourcc} {width}x{height} at {} fps, {buffers} buffers", rate.trim_end_matches("/1"))
    }
}

type Mode = (Fourcc, u32, u32, Option<FrameRate>);

/// The mode that a node is set to.
fn current(path: &Path) -> Result<Mode, Errno> {
    let kernel = LinuxKernel;
    let fd = retry(|| kernel.open(path))?;
    let mode = mode_of(&kernel, &fd);
    kernel.close(fd);
    mode
}

fn mode_of(kernel: &LinuxKernel, fd: &OwnedFd) -> Result<Mode, Errno> {
    let capability = retry(|| kernel.query_capability(fd.as_fd()))?;
    let kind = match capability.effective().contains(CapabilityFlags::VIDEO_CAPTURE_MPLANE) {
        true => BufferType::VideoCaptureMplane,
        false => BufferType::VideoCapture,
    };
    let format = retry(|| kernel.get_format(fd.as_fd(), kind))?;
    let interval = retry(|| kernel.get_interval(fd.as_fd(), kind)).ok();
    let rate = interval.and_then(|interval| {
        FrameRate::from_interval(interval.time_per_frame.numerator, interval.time_per_frame.denominator)
    });
    Ok((format.fourcc, format.width, format.height, rate))
}
