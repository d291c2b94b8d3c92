//! A look at a frame, or at a part of one, without a copy.

use super::source::Source;
use crate::error::{Error, ErrorName, Result};
use crate::format::pixels::pixels;
use crate::format::{Fourcc, Rect, VideoColorSpace, VideoMatrixCoefficients};

use super::PixelFormat;

/// Borrowed pixels: a frame's, or those of a part of it ([`crop`](Self::crop)), or any others that lie in memory as
/// V4L2 says. Copying one copies no pixels.
///
/// It was checked when it was made, so that whatever reads it finds every row.
#[derive(Debug, Clone, Copy)]
pub struct VideoFrameView<'a> {
    fourcc: Fourcc,
    visible: Rect,
    content: Content<'a>,
}

#[derive(Debug, Clone, Copy)]
#[expect(clippy::large_enum_variant, reason = "a view lives on the stack, for as long as one conversion")]
pub(crate) enum Content<'a> {
    /// The visible part.
    Raw(Source<'a>),
    /// All of it: what is visible is known once it is decoded.
    Jpeg { bytes: &'a [u8], width: u32, height: u32 },
}

impl<'a> VideoFrameView<'a> {
    /// A picture of `width` x `height` pixels in `planes`: each colour plane's bytes and stride in bytes, in the
    /// format's order (`NV12`: Y, then chroma pairs). The last row of a plane need not have its padding. A JPEG is one
    /// plane, its stride is not looked at, and its color space is always BT.601 in full range.
    ///
    /// ```
    /// use usermedia::convert::{PixelFormat, VideoFrameView};
    /// use usermedia::{Fourcc, VideoColorSpace, VideoMatrixCoefficients};
    ///
    /// let white = [235, 128, 235, 128];
    /// let color_space = VideoColorSpace::new(VideoMatrixCoefficients::Bt601, false);
    /// let view = VideoFrameView::new(Fourcc::YUYV, 2, 1, &[(&white, 4)], color_space)?;
    /// let mut rgb = [0; 6];
    /// view.convert_to(PixelFormat::Rgb, &mut rgb, 0)?;
    /// assert_eq!(rgb, [255; 6]);
    /// # Ok::<(), usermedia::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorName::NotSupportedError`] for a format that is not converted; [`ErrorName::NotReadableError`] for planes
    /// too short for the size.
    pub fn new(
        fourcc: Fourcc,
        width: u32,
        height: u32,
        planes: &[(&'a [u8], usize)],
        color_space: VideoColorSpace,
    ) -> Result<Self> {
        let visible = Rect::new(0, 0, width, height);
        if fourcc.is_jpeg() {
            let bytes = planes.first().map_or(&[][..], |(bytes, _)| bytes);
            return Ok(Self { fourcc, visible, content: Content::Jpeg { bytes, width, height } });
        }
        let pixels = pixels(fourcc).ok_or_else(|| {
            Error::new(ErrorName::NotSupportedError, format!("{fourcc} frames cannot be converted"))
                .with_remedy("ask for MJPG, YUYV, NV12 or YU12, for example with --fourcc YUYV")
        })?;
        let source = Source::new(fourcc, pixels, (width, height), planes, color_space).ok_or_else(|| {
            let message = format!("the frame is shorter than a {fourcc} frame of {width}x{height}");
            Error::new(ErrorName::NotReadableError, message)
        })?;
        Ok(Self { fourcc, visible, content: Content::Raw(source) })
    }

    /// The pixel format.
    pub fn fourcc(&self) -> Fourcc {
        self.fourcc
    }

    /// The part of the frame it shows.
    pub fn visible_rect(&self) -> Rect {
        self.visible
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.visible.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.visible.height
    }

    /// What the samples stand for.
    pub fn color_space(&self) -> VideoColorSpace {
        match self.content {
            Content::Raw(source) => source.color_space,
            Content::Jpeg { .. } => VideoColorSpace::new(VideoMatrixCoefficients::Bt601, true),
        }
    }

    /// What the samples stand for once converted to `format`. RGB is always of full range. I420 and NV12 keep the
    /// frame's matrix and range; made from RGB they are of limited range.
    pub fn color_space_as(&self, format: PixelFormat) -> VideoColorSpace {
        let from = self.color_space();
        let from_rgb = matches!(self.content, Content::Raw(source) if source.is_rgb());
        VideoColorSpace { full_range: format.rgb_order().is_some() || (from.full_range && !from_rgb), ..from }
    }

    /// The columns and rows between which a part may start: 2 and 2 for 4:2:0, where four pixels share their chroma; 2
    /// and 1 for 4:2:2; 1 and 1 for 4:4:4, RGB, grey and JPEG.
    pub fn crop_alignment(&self) -> (u32, u32) {
        let Content::Raw(source) = self.content else { return (1, 1) };
        let (columns, rows) = source.chroma_block();
        // At most 4 each: the table of formats is our own.
        (columns as u32, rows as u32)
    }

    /// A part of it, without a copy: `rect` counts from this view's own top left.
    ///
    /// Like WebCodecs' `visibleRect`, it starts where a chroma sample does: see
    /// [`crop_alignment`](Self::crop_alignment). It may end anywhere. A JPEG is decoded whole, whatever part of it is
    /// asked for.
    ///
    /// # Errors
    ///
    /// [`ErrorName::TypeError`] for an empty part, one that is not inside, and one that starts between chroma samples;
    /// the remedy names the nearest start.
    pub fn crop(&self, rect: Rect) -> Result<Self> {
        let inside = |start: u32, length: u32, whole: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= whole)
        };
        if !inside(rect.x, rect.width, self.width()) || !inside(rect.y, rect.height, self.height()) {
            let Rect { x, y, width, height } = rect;
            let message = format!(
                "{width}x{height} pixels at {x},{y} are not a part of a picture of {}x{}",
                self.width(),
                self.height()
            );
            return Err(Error::new(ErrorName::TypeError, message).with_remedy("choose a part that lies inside"));
        }
        let (columns, rows) = self.crop_alignment();
        if !rect.x.is_multiple_of(columns) || !rect.y.is_multiple_of(rows) {
            let message = format!("a part of a {} frame cannot start at {},{}", self.fourcc, rect.x, rect.y);
            let remedy = format!(
                "start at {},{}: every {columns} columns and {rows} rows of pixels share their chroma",
                rect.x / columns * columns,
                rect.y / rows * rows
            );
            return Err(Error::new(ErrorName::TypeError, message).with_remedy(remedy));
        }
        let content = match self.content {
            Content::Raw(source) => {
                let [x, y, width, height] = [rect.x, rect.y, rect.width, rect.height].map(to_usize);
                Content::Raw(source.crop(x, y, width, height))
            }
            jpeg @ Content::Jpeg { .. } => jpeg,
        };
        let visible = Rect { x: self.visible.x + rect.x, y: self.visible.y + rect.y, ..rect };
        Ok(Self { visible, content, ..*self })
    }

    /// Writes the picture in `format` to `out`, whose rows are `stride` bytes apart, 0 for no padding.
    ///
    /// [`PixelFormat::buffer_size`] says how long `out` must be, and how I420 and NV12 lie in it. Nothing is allocated,
    /// except to decode a JPEG: a [`Converter`](super::Converter) keeps what that needs from frame to frame.
    ///
    /// # Errors
    ///
    /// [`ErrorName::TypeError`] for a buffer or a stride that is too short, [`ErrorName::NotReadableError`] for a JPEG
    /// that is cut short or damaged. `out` may then hold a part of the picture.
    pub fn convert_to(&self, format: PixelFormat, out: &mut [u8], stride: usize) -> Result<()> {
        super::Converter::new().convert(self, format, out, stride)
    }

    pub(crate) fn content(&self) -> Content<'a> {
        self.content
    }
}

/// Of a position inside a picture that is in memory, so it fits.
pub(super) fn to_usize(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
