//! The built-in camera as the reactor serves it: frames at exact times, drawn into buffers nobody holds.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use nix::sys::epoll::EpollFlags;

use super::beat::{Grid, is_flash};
use super::pattern::{Painted, Painter};
use crate::capture::buffer::LeaseMut;
use crate::capture::format::VideoFormat;
use crate::capture::inspect::Payload;
use crate::capture::reactor::{EventSource, Next};
use crate::capture::source::{CameraRequest, CapturedFrame, FrameInfo, Outlet};
use crate::capture::spares::Spares;
use crate::capture::statistics::{SourceCounters, add};
use crate::capture::timeline::Timeline;
use crate::error::{Error, ErrorName, Result};
use crate::format::{Fourcc, FrameRate};
use crate::seam::{MAX_PLANES, PixelFormat, PlaneFormat};

/// As many as a driver's buffers and the copies beside them: a sink's queue and what it works on fit in.
const BUFFERS: u32 = 12;
/// V4L2_COLORSPACE_SMPTE170M: what the pattern's numbers are in.
const SMPTE170M: u32 = 1;

/// The built-in camera.
pub(in crate::capture) struct SyntheticCamera {
    painter: Painter,
    format: Arc<VideoFormat>,
    buffers: Spares,
    /// What each buffer shows already.
    painted: Vec<Option<Painted>>,
    grid: Grid,
    /// The number on the grid of the first frame.
    first: u64,
    /// The number of the next frame, from 0.
    next: u64,
    timeline: Timeline,
    counters: Arc<SourceCounters>,
    outlet: Arc<dyn Outlet<CapturedFrame>>,
}

impl SyntheticCamera {
    /// A camera whose first frame is due at `start` or right after: on the grid that has a frame on each whole second.
    ///
    /// # Errors
    /// [`ErrorName::OverconstrainedError`] for a format or size it does not offer.
    pub(in crate::capture) fn new(
        request: &CameraRequest,
        start: u64,
        counters: Arc<SourceCounters>,
        outlet: Arc<dyn Outlet<CapturedFrame>>,
    ) -> Result<Self> {
        let (fourcc, width, height) = (request.fourcc.unwrap_or(Fourcc::YUYV), request.width, request.height);
        let refused = || {
            let message = format!("the synthetic camera does not offer {fourcc} {width}x{height}");
            Error::new(ErrorName::OverconstrainedError, message).with_constraint("")
        };
        let painter = Painter::new(fourcc, width, height).ok_or_else(refused)?;
        let rate = request.frame_rate.unwrap_or(FrameRate::whole(30));
        let mut pixels = PixelFormat::request(fourcc, width, height);
        pixels.colorspace = SMPTE170M;
        pixels.plane_count = 1;
        pixels.planes[0] = PlaneFormat {
            bytesperline: u32::try_from(painter.stride()).map_err(|_| refused())?,
            sizeimage: u32::try_from(painter.size()).map_err(|_| refused())?,
        };
        let format = Arc::new(VideoFormat::from_driver(&pixels, Some(rate)).ok_or_else(refused)?);
        let grid = Grid::new(rate.numerator(), rate.denominator());
        counters.expect(Some(rate));
        let count = request.buffers.unwrap_or(BUFFERS).clamp(1, 32) as usize;
        Ok(Self {
            buffers: Spares::new(count, &[painter.size()], format.clone()),
            painted: vec![None; count],
            painter,
            timeline: Timeline::new(Some(rate.interval_ns())),
            format,
            grid,
            first: grid.next_from(start),
            next: 0,
            counters,
            outlet,
        })
    }

    /// What it gives.
    pub(in crate::capture) fn format(&self) -> &Arc<VideoFormat> {
        &self.format
    }

    /// When a frame is due.
    fn time_of(&self, frame: u64) -> u64 {
        self.grid.time_of(self.first + frame)
    }

    fn draw(&mut self, new: Painted) -> Option<LeaseMut> {
        let (mut lease, number) = self.buffers.take(|| self.outlet.demand().most)?;
        self.painted.resize(self.buffers.len(), None);
        let painted = self.painted.get_mut(number)?;
        let out = lease.memory_mut(0);
        if painted.is_none() {
            self.painter.paint_background(out);
        }
        self.painter.paint(out, painted.replace(new), new);
        Some(lease)
    }
}

impl EventSource for SyntheticCamera {
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, EpollFlags)> {
        Vec::new()
    }

    fn ready(&mut self, _descriptor: usize, _flags: EpollFlags, _now: u64) -> Next {
        Next::Stay
    }

    fn deadline(&self) -> Option<u64> {
        Some(self.time_of(self.next))
    }

    fn due(&mut self, now: u64) -> Next {
        // A reactor that was held up skips what it missed, as a sensor does: the gap is counted.
        while self.time_of(self.next + 1) <= now {
            self.next += 1;
        }
        // The pattern's number and V4L2's sequence numbers wrap alike.
        let number = self.next as u32;
        let time = self.time_of(self.next);
        let placed = self.timeline.place(number, time, now);
        self.next += 1;
        self.counters.place(&placed);
        let Some(lease) = self.draw(Painted { number, flash: is_flash(time) }) else {
            add(&self.counters.starved, 1);
            return Next::Stay;
        };
        let mut payloads = [Payload::default(); MAX_PLANES];
        payloads[0] = Payload { offset: 0, length: self.format.sizeimage[0] };
        let info = FrameInfo::new(&placed, payloads);
        self.counters.accept(u64::from(self.format.sizeimage[0]));
        self.outlet.give(&CapturedFrame { lease: lease.into_lease(), info }, now);
        Next::Stay
    }
}
