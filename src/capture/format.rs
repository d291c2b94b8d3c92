//! What the driver agreed to: the format of every frame of one generation of buffers.

use crate::devices::ControlSettings;
use crate::format::layout::{Layout, layout};
use crate::format::{Delivery, Fourcc, FrameRate, Rect, VideoColorSpace};
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

    /// That of a part of its pictures, in the same memory: the same strides, from other offsets. `None` where that is no part
    /// of them, or starts between samples of chroma.
    pub(crate) fn part(&self, part: Rect) -> Option<Self> {
        let layout = self.layout?.part(self.fourcc, part)?;
        let Rect { width, height, .. } = part;
        Some(Self { width, height, layout: Some(layout), ..self.in_colours(self.color_space()) })
    }

    /// That of pictures which are made of its own, in memory of their own without padding.
    #[cfg(feature = "convert")]
    pub(crate) fn remade(&self, fourcc: Fourcc, (width, height): (u32, u32)) -> Option<Self> {
        let layout = layout(fourcc, width, height, &[]).filter(|layout| layout.memory_count() == 1)?;
        let (mut bytesperline, mut sizeimage) = ([0; MAX_PLANES], [0; MAX_PLANES]);
        bytesperline[0] = u32::try_from(layout.planes().first()?.stride).ok()?;
        sizeimage[0] = u32::try_from(layout.memory_size(0)).ok()?;
        // RGB is of full range whatever it is made of; all else keeps its range.
        let is_rgb = matches!(crate::format::pixels::pixels(fourcc), Some(crate::format::pixels::Pixels::Rgb(_)));
        let own = self.color_space();
        let colours = self.in_colours(VideoColorSpace { full_range: own.full_range || is_rgb, ..own });
        Some(Self { fourcc, width, height, bytesperline, sizeimage, memory_count: 1, layout: Some(layout), ..colours })
    }

    /// The same, its colours said outright: what V4L2's defaults stand for depends on the format and the size.
    fn in_colours(&self, color_space: VideoColorSpace) -> Self {
        let (ycbcr_encoding, quantization) = color_space.to_v4l2();
        Self { ycbcr_encoding, quantization, ..self.clone() }
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
