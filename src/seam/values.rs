//! What the kernel is asked and answers, as values that were checked.

use std::fmt;

use bitflags::bitflags;

use crate::format::Fourcc;

/// The most memory planes a buffer can have (`VIDEO_MAX_PLANES`).
pub(crate) const MAX_PLANES: usize = 8;

bitflags! {
    /// `V4L2_CAP_*`, of VIDIOC_QUERYCAP. Unknown bits are kept.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct CapabilityFlags: u32 {
        const VIDEO_CAPTURE = 0x0000_0001;
        const VIDEO_OUTPUT = 0x0000_0002;
        const VIDEO_OVERLAY = 0x0000_0004;
        const VBI_CAPTURE = 0x0000_0010;
        const VBI_OUTPUT = 0x0000_0020;
        const SLICED_VBI_CAPTURE = 0x0000_0040;
        const SLICED_VBI_OUTPUT = 0x0000_0080;
        const VIDEO_CAPTURE_MPLANE = 0x0000_1000;
        const VIDEO_OUTPUT_MPLANE = 0x0000_2000;
        const VIDEO_M2M_MPLANE = 0x0000_4000;
        const VIDEO_M2M = 0x0000_8000;
        const TUNER = 0x0001_0000;
        const RADIO = 0x0004_0000;
        const MODULATOR = 0x0008_0000;
        const SDR_CAPTURE = 0x0010_0000;
        const SDR_OUTPUT = 0x0040_0000;
        const META_CAPTURE = 0x0080_0000;
        const READWRITE = 0x0100_0000;
        const STREAMING = 0x0400_0000;
        const META_OUTPUT = 0x0800_0000;
        const TOUCH = 0x1000_0000;
        const IO_MC = 0x2000_0000;
        const DEVICE_CAPS = 0x8000_0000;
    }
}

bitflags! {
    /// `V4L2_BUF_FLAG_*` of a dequeued buffer. Unknown bits are kept.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct BufferFlags: u32 {
        const ERROR = 0x0000_0040;
        const TIMESTAMP_MASK = 0x0000_e000;
        const TIMESTAMP_MONOTONIC = 0x0000_2000;
        const TIMESTAMP_COPY = 0x0000_4000;
        const SOURCE_START_OF_EXPOSURE = 0x0001_0000;
        const LAST = 0x0010_0000;
    }
}

bitflags! {
    /// `V4L2_BUF_CAP_*`, of VIDIOC_REQBUFS. Unknown bits are kept.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct PoolFlags: u32 {
        const ORPHANED_BUFFERS = 0x0000_0010;
        const MMAP_CACHE_HINTS = 0x0000_0040;
    }
}

bitflags! {
    /// `V4L2_MEMORY_FLAG_*`, of VIDIOC_REQBUFS. Unknown bits are kept.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct MemoryFlags: u8 {
        const NON_COHERENT = 0x01;
    }
}

bitflags! {
    /// `DMA_BUF_SYNC_*`, of DMA_BUF_IOCTL_SYNC (include/uapi/linux/dma-buf.h). The start of an access is 0.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct SyncFlags: u64 {
        const READ = 0x1;
        const END = 0x4;
    }
}

bitflags! {
    /// `V4L2_IN_ST_*`, of VIDIOC_ENUMINPUT. Unknown bits are kept.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct InputStatus: u32 {
        const NO_POWER = 0x0000_0001;
        const NO_SIGNAL = 0x0000_0002;
        const NO_SYNC = 0x0001_0000;
    }
}

/// `V4L2_BUF_TYPE_*`: which of the two capture queues a node has, and the output queue of v4l2loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "V4L2's own")]
pub(crate) enum BufferType {
    /// `V4L2_BUF_TYPE_VIDEO_CAPTURE`: one piece of memory per frame.
    VideoCapture,
    /// `V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE`: one to eight.
    VideoCaptureMplane,
    /// `V4L2_BUF_TYPE_VIDEO_OUTPUT`: one piece of memory per frame, filled by the program.
    VideoOutput,
}

/// What v4l2loopback calls itself in [`Capability::driver`].
pub(crate) const LOOPBACK_DRIVER: &str = "v4l2 loopback";

/// VIDIOC_QUERYCAP. Names are made valid UTF-8, whatever the kernel cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capability {
    pub driver: String,
    pub card: String,
    pub bus_info: String,
    /// Of the whole device.
    pub capabilities: CapabilityFlags,
    /// Of this node; valid only with [`CapabilityFlags::DEVICE_CAPS`].
    pub device_caps: CapabilityFlags,
}

impl Capability {
    /// What this node can do: `device_caps` where the driver fills it in, else the device's capabilities.
    pub(crate) fn effective(&self) -> CapabilityFlags {
        if self.capabilities.contains(CapabilityFlags::DEVICE_CAPS) { self.device_caps } else { self.capabilities }
    }
}

/// VIDIOC_ENUM_FRAMESIZES, one entry, as the driver said it: unchecked numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameSize {
    Discrete { width: u32, height: u32 },
    Stepwise { width: (u32, u32, u32), height: (u32, u32, u32) },
    Unknown,
}

/// A fraction as the driver said it: either part may be zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fraction {
    pub numerator: u32,
    pub denominator: u32,
}

/// VIDIOC_ENUM_FRAMEINTERVALS, one entry: seconds per frame, unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameInterval {
    Discrete(Fraction),
    Stepwise { min: Fraction, max: Fraction },
    Unknown,
}

/// One memory plane of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PlaneFormat {
    /// Bytes from one line to the next; 0 for compressed formats.
    pub bytesperline: u32,
    /// The most bytes a frame takes in this plane.
    pub sizeimage: u32,
}

/// `v4l2_pix_format` and `v4l2_pix_format_mplane` in one: what S_FMT takes and gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelFormat {
    pub fourcc: Fourcc,
    pub width: u32,
    pub height: u32,
    pub field: u32,
    pub colorspace: u32,
    pub ycbcr_encoding: u32,
    pub quantization: u32,
    pub transfer_function: u32,
    /// How many of `planes` count, as the driver said it: check against [`MAX_PLANES`].
    pub plane_count: u32,
    pub planes: [PlaneFormat; MAX_PLANES],
}

impl PixelFormat {
    /// A request for a size, everything else left to the driver.
    pub(crate) fn request(fourcc: Fourcc, width: u32, height: u32) -> Self {
        Self {
            fourcc,
            width,
            height,
            // V4L2_FIELD_ANY
            field: 0,
            colorspace: 0,
            ycbcr_encoding: 0,
            quantization: 0,
            transfer_function: 0,
            plane_count: 0,
            planes: [PlaneFormat::default(); MAX_PLANES],
        }
    }
}

/// VIDIOC_G_PARM and VIDIOC_S_PARM for capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    /// Whether the driver heeds the interval (`V4L2_CAP_TIMEPERFRAME`).
    pub settable: bool,
    /// Seconds per frame.
    pub time_per_frame: Fraction,
}

bitflags! {
    /// `V4L2_CTRL_FLAG_*`, of VIDIOC_QUERY_EXT_CTRL. Unknown bits are kept.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct ControlFlags: u32 {
        const DISABLED = 0x0000_0001;
        const GRABBED = 0x0000_0002;
        const READ_ONLY = 0x0000_0004;
        const INACTIVE = 0x0000_0010;
        const WRITE_ONLY = 0x0000_0040;
        const VOLATILE = 0x0000_0080;
    }
}

/// `V4L2_CTRL_TYPE_*`, as far as a camera's controls have a value in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlType {
    Integer,
    Boolean,
    /// Named items, of which any may be missing.
    Menu,
    /// Items that stand for numbers, of which any may be missing.
    IntegerMenu,
    /// Buttons, strings, arrays, classes and whatever comes.
    Other,
}

/// VIDIOC_QUERY_EXT_CTRL, as the driver said it: unchecked numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ControlDescription {
    pub kind: ControlType,
    /// The driver's own name, made valid UTF-8.
    pub name: String,
    pub minimum: i64,
    pub maximum: i64,
    pub step: u64,
    pub default: i64,
    pub flags: ControlFlags,
}

/// VIDIOC_REQBUFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestedBuffers {
    /// How many there are: fewer or more than asked.
    pub count: u32,
    pub flags: PoolFlags,
}

/// VIDIOC_QUERYBUF: where a buffer's memory planes are mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BufferMemory {
    /// How many of `planes` count, as the driver said it.
    pub plane_count: u32,
    /// Length in bytes, and the offset that `mmap` takes.
    pub planes: [(u32, u32); MAX_PLANES],
}

/// One memory plane of a dequeued buffer, as the driver said it: unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PlaneUse {
    pub bytesused: u32,
    pub data_offset: u32,
}

/// VIDIOC_DQBUF, as the driver said it: unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dequeued {
    pub index: u32,
    pub flags: BufferFlags,
    pub sequence: u32,
    /// Nanoseconds on the clock that `flags` names; negative times are 0.
    pub timestamp: u64,
    pub plane_count: u32,
    pub planes: [PlaneUse; MAX_PLANES],
}

/// The scheduling policies of sched(7) for real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RealTimePolicy {
    /// `SCHED_FIFO`: until the thread waits, or one of a higher priority wants to run.
    Fifo,
    /// `SCHED_RR`: as that, taking turns with threads of the same priority.
    RoundRobin,
}

impl fmt::Display for RealTimePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fifo => "SCHED_FIFO",
            Self::RoundRobin => "SCHED_RR",
        })
    }
}
