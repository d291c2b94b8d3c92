//! What the driver agreed to: the format of every frame of one generation of buffers.

use crate::devices::ControlSettings;
use crate::format::layout::{Layout, layout};
use crate::format::{Delivery, Fourcc, FrameRate, VideoColorSpace};
use crate::seam::{MAX_PLANES, PixelFormat};

/// The negotiated format, as read back from the driver.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoFormat {
    pub(crate) fourcc: Fourcc,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Bytes from one line to the next, per memory plane; 0 for compressed formats.
    pub(crate) bytesperline: [u32; MAX_PLANES],
    /// The most bytes a frame takes, per memory plane.
    pub(crate) sizeimage: [u32; MAX_PLANES],
    /// Memory planes in use: 1 to 8.
    pub(crate) memory_count: usize,
    /// V4L2's `colorspace`, `ycbcr_enc`, `quantization` and `xfer_func`, carried as they came.
    pub(crate) colorspace: u32,
    pub(crate) ycbcr_encoding: u32,
    pub(crate) quantization: u32,
    pub(crate) transfer_function: u32,
    /// The camera's rate, where it is known.
    pub(crate) frame_rate: Option<FrameRate>,
    /// Where the colour planes lie; `None` for compressed and unknown formats, and where the driver splits the memory
    /// otherwise than the kernel's documents say.
    pub(crate) layout: Option<Layout>,
    /// How frames of it reach their consumers.
    pub(crate) delivery: Delivery,
    /// What the camera's controls were set to when this was agreed. They may change while frames of it flow: a frame says
    /// nothing about them.
    pub(crate) controls: ControlSettings,
}

impl VideoFormat {
    /// Whether who reads one need not know of the other: pictures of one kind and size, laid out alike.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        let colours =
            |format: &Self| (format.colorspace, format.ycbcr_encoding, format.quantization, format.transfer_function);
        (self.fourcc, self.width, self.height) == (other.fourcc, other.width, other.height)
            && self.layout == other.layout
            && colours(self) == colours(other)
    }

    /// From the driver's answer; `None` where that cannot be true: no pixels, no planes or too many.
    pub(crate) fn from_driver(pixels: &PixelFormat, frame_rate: Option<FrameRate>) -> Option<Self> {
        let memory_count = usize::try_from(pixels.plane_count).ok()?;
        if pixels.width == 0 || pixels.height == 0 || !(1..=MAX_PLANES).contains(&memory_count) {
            return None;
        }
        let bytesperline = pixels.planes.map(|plane| plane.bytesperline);
        let layout = layout(pixels.fourcc, pixels.width, pixels.height, &bytesperline[..memory_count])
            .filter(|layout| layout.memory_count() == memory_count);
        Some(Self {
            fourcc: pixels.fourcc,
            width: pixels.width,
            height: pixels.height,
            bytesperline,
            sizeimage: pixels.planes.map(|plane| plane.sizeimage),
            memory_count,
            colorspace: pixels.colorspace,
            ycbcr_encoding: pixels.ycbcr_encoding,
            quantization: pixels.quantization,
            transfer_function: pixels.transfer_function,
            frame_rate,
            layout,
            delivery: Delivery::Lent,
            controls: ControlSettings::default(),
        })
    }

    /// What the samples stand for, V4L2's defaults filled in.
    pub(crate) fn color_space(&self) -> VideoColorSpace {
        VideoColorSpace::from_v4l2(self.fourcc, self.height, self.colorspace, self.ycbcr_encoding, self.quantization)
    }

    /// `colorspace`, `ycbcr_enc`, `quantization` and `xfer_func`.
    pub(crate) fn colour_numbers(&self) -> [u32; 4] {
        [self.colorspace, self.ycbcr_encoding, self.quantization, self.transfer_function]
    }
}
