//! A camera's formats, sizes and intervals, as ranges: VIDIOC_ENUM_FMT, ENUM_FRAMESIZES and ENUM_FRAMEINTERVALS.
//!
//! No VIDIOC_TRY_FMT: on a USB camera each costs a control transfer of many milliseconds. What a driver answers is
//! bounded here in every direction, so that no driver can make a listing endless.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;

use super::model::{FrameRates, Span, VideoMode};
use crate::format::{Fourcc, FrameRate};
use crate::seam::{BufferType, Fraction, FrameInterval, FrameSize, Kernel, retry};

/// The sizes that the 2012 dialect's resolution looks for, largest first. Where a camera gives ranges, its intervals
/// are asked for at these.
pub(crate) const RESOLUTION_TABLE: [(u32, u32); 7] =
    [(1920, 1080), (1280, 720), (960, 720), (640, 360), (640, 480), (320, 240), (320, 180)];

/// The most pixel formats of a node, sizes of a format, and intervals of a size. Real drivers stay well below: vivid
/// has about 90 formats, USB descriptors hold at most 255 of anything.
const MOST_FORMATS: u32 = 256;
const MOST_SIZES: u32 = 1024;
const MOST_INTERVALS: u32 = 256;

/// The most answers of one node in all, so that the three bounds above do not multiply. vivid gives about 6,000.
const MOST_ANSWERS: u32 = 65_536;

/// So many equal answers in a row are taken for a driver that does not look at the index. Some list an entry twice.
const MOST_REPEATS: u32 = 8;

/// What a node enumerates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    /// In the driver's order; empty where it enumerates nothing.
    pub modes: Vec<VideoMode>,
    /// Every pixel format the driver names, each once; not those after the last of `only`.
    pub formats: Vec<Fourcc>,
    /// Whether VIDIOC_G_FMT gives a format that could be captured.
    pub has_current: bool,
}

/// Lists a node's modes.
///
/// A driver that names formats but no sizes (an HDMI input without a scaler, whose size is the signal's) has one mode
/// per format: the current size, at the current interval. One that names no format at all enumerates nothing.
///
/// Of the formats in `only`, if it has any of them, and of no others: who names a format does not wait for eighty.
///
/// # Errors
///
/// `ENODEV`: the device went away meanwhile. Any other refusal ends the list it happened in.
pub(super) fn list(
    kernel: &dyn Kernel,
    fd: BorrowedFd<'_>,
    queue: BufferType,
    only: &[Fourcc],
) -> Result<Listing, Errno> {
    let mut asker = Asker { kernel, fd, queue, answers_left: MOST_ANSWERS, default_size: None };
    let current = retry(|| kernel.get_format(fd, queue));
    if current == Err(Errno::ENODEV) {
        return Err(Errno::ENODEV);
    }
    let current = current.ok().map(|format| (format.width, format.height));
    asker.default_size = current.filter(|&(width, height)| width > 0 && height > 0);

    let formats = asker.formats(only)?;
    let has_any = formats.iter().any(|fourcc| only.contains(fourcc));
    let mut modes = Vec::new();
    for &fourcc in formats.iter().filter(|fourcc| !has_any || only.contains(fourcc)) {
        let mut of_format = asker.modes_of(fourcc)?;
        if of_format.is_empty() {
            of_format.extend(asker.current_mode(fourcc)?);
        }
        modes.append(&mut of_format);
    }
    Ok(Listing { modes, formats, has_current: asker.default_size.is_some() })
}

/// One node being asked.
struct Asker<'a> {
    kernel: &'a dyn Kernel,
    fd: BorrowedFd<'a>,
    queue: BufferType,
    answers_left: u32,
    /// The size the node is set to now.
    default_size: Option<(u32, u32)>,
}

impl Asker<'_> {
    /// Asks for index 0, 1, 2, ... until the driver refuses, a bound is met, the driver repeats itself, or `take` has
    /// enough (returns false).
    fn enumerate<T: PartialEq + Copy>(
        &mut self,
        most: u32,
        ask: impl Fn(&dyn Kernel, BorrowedFd<'_>, u32) -> Result<T, Errno>,
        mut take: impl FnMut(T) -> bool,
    ) -> Result<(), Errno> {
        let (mut last, mut repeats) = (None, 0);
        for index in 0..most {
            let Some(left) = self.answers_left.checked_sub(1) else { break };
            self.answers_left = left;
            let answer = match retry(|| ask(self.kernel, self.fd, index)) {
                Ok(answer) => answer,
                Err(Errno::ENODEV) => return Err(Errno::ENODEV),
                Err(_) => break,
            };
            repeats = if last == Some(answer) { repeats + 1 } else { 0 };
            last = Some(answer);
            if repeats == MOST_REPEATS || !take(answer) {
                break;
            }
        }
        Ok(())
    }

    /// Every pixel format, or as many as it takes to know that `only` are among them and that it is no raw sensor.
    fn formats(&mut self, only: &[Fourcc]) -> Result<Vec<Fourcc>, Errno> {
        let (queue, mut formats) = (self.queue, Vec::new());
        let is_enough = |formats: &[Fourcc]| {
            let all = !only.is_empty() && only.iter().all(|wanted| formats.contains(wanted));
            all && !formats.iter().all(|fourcc| fourcc.is_bayer())
        };
        self.enumerate(
            MOST_FORMATS,
            |kernel, fd, index| kernel.enum_format(fd, queue, index),
            |fourcc| {
                if !formats.contains(&fourcc) {
                    formats.push(fourcc);
                }
                !is_enough(&formats)
            },
        )?;
        Ok(formats)
    }

    /// The modes of one format; none where the driver does not enumerate sizes.
    fn modes_of(&mut self, fourcc: Fourcc) -> Result<Vec<VideoMode>, Errno> {
        let mut sizes: Vec<(Span, Span)> = Vec::new();
        self.enumerate(
            MOST_SIZES,
            |kernel, fd, index| kernel.enum_frame_size(fd, fourcc, index),
            |size| {
                if let Some(spans) = spans(size)
                    && !sizes.contains(&spans)
                {
                    sizes.push(spans);
                }
                // A stepwise or continuous answer is the only one.
                matches!(size, FrameSize::Discrete { .. })
            },
        )?;
        let mut modes = Vec::new();
        for (width, height) in sizes {
            if let (Span::Fixed(fixed_width), Span::Fixed(fixed_height)) = (width, height) {
                let rates = self.rates(fourcc, (fixed_width, fixed_height))?;
                modes.push(VideoMode::new(fourcc, width, height, rates));
            } else {
                self.range_modes(fourcc, width, height, &mut modes)?;
            }
        }
        Ok(modes)
    }

    /// The modes of a range of sizes: one where every size that is asked has the same rates. Otherwise those sizes one
    /// by one, then the whole range with the rates that all of them share.
    fn range_modes(
        &mut self,
        fourcc: Fourcc,
        width: Span,
        height: Span,
        modes: &mut Vec<VideoMode>,
    ) -> Result<(), Errno> {
        let ends = [(width.max(), height.max()), (width.min(), height.min())];
        let mut known: Vec<((u32, u32), FrameRates)> = Vec::new();
        for size in self.default_size.into_iter().chain(RESOLUTION_TABLE).chain(ends) {
            let fits = width.contains(size.0) && height.contains(size.1);
            if !fits || known.iter().any(|(asked, _)| *asked == size) {
                continue;
            }
            let rates = self.rates(fourcc, size)?;
            if rates != FrameRates::Unknown {
                known.push((size, rates));
            }
        }
        let shared = known.iter().map(|(_, rates)| rates.clone()).reduce(|a, b| shared_rates(&a, &b));
        let shared = shared.unwrap_or(FrameRates::Unknown);
        if known.iter().any(|(_, rates)| *rates != shared) {
            modes.extend(known.into_iter().map(|((width, height), rates)| {
                VideoMode::new(fourcc, Span::Fixed(width), Span::Fixed(height), rates)
            }));
        }
        modes.push(VideoMode::new(fourcc, width, height, shared));
        Ok(())
    }

    /// The mode a driver is set to, where it names no sizes.
    fn current_mode(&mut self, fourcc: Fourcc) -> Result<Option<VideoMode>, Errno> {
        let Some((width, height)) = self.default_size else { return Ok(None) };
        let mut rates = self.rates(fourcc, (width, height))?;
        if rates == FrameRates::Unknown {
            match retry(|| self.kernel.get_interval(self.fd, self.queue)) {
                Ok(interval) => {
                    rates = rate(interval.time_per_frame).map_or(rates, |rate| FrameRates::List(vec![rate]))
                }
                Err(Errno::ENODEV) => return Err(Errno::ENODEV),
                Err(_) => {}
            }
        }
        Ok(Some(VideoMode::new(fourcc, Span::Fixed(width), Span::Fixed(height), rates)))
    }

    fn rates(&mut self, fourcc: Fourcc, size: (u32, u32)) -> Result<FrameRates, Errno> {
        let (mut list, mut range) = (Vec::new(), None);
        self.enumerate(
            MOST_INTERVALS,
            |kernel, fd, index| kernel.enum_frame_interval(fd, fourcc, size, index),
            |interval| match interval {
                FrameInterval::Discrete(interval) => {
                    if let Some(rate) = rate(interval).filter(|rate| !list.contains(rate)) {
                        list.push(rate);
                    }
                    true
                }
                FrameInterval::Stepwise { min, max } => {
                    range = rate(max).zip(rate(min));
                    false
                }
                FrameInterval::Unknown => false,
            },
        )?;
        Ok(match (list.is_empty(), range) {
            (false, _) => FrameRates::List(list),
            (true, Some((a, b))) => rate_range(a.min(b), a.max(b)),
            (true, None) => FrameRates::Unknown,
        })
    }
}

/// The size as spans; `None` for a size of nothing and for a kind that is not known.
fn spans(size: FrameSize) -> Option<(Span, Span)> {
    match size {
        FrameSize::Discrete { width, height } if width > 0 && height > 0 => {
            Some((Span::Fixed(width), Span::Fixed(height)))
        }
        FrameSize::Stepwise { width, height } => Some((span(width)?, span(height)?)),
        FrameSize::Discrete { .. } | FrameSize::Unknown => None,
    }
}

/// A range without the size 0, which no frame has: it starts one step up.
fn span((min, max, step): (u32, u32, u32)) -> Option<Span> {
    let (min, max) = (min.min(max), min.max(max));
    let min = if min == 0 { step.max(1) } else { min };
    (min <= max).then(|| Span::range(min, max, step))
}

/// The rate of an interval, in lowest terms; `None` for an interval that is none.
fn rate(Fraction { numerator, denominator }: Fraction) -> Option<FrameRate> {
    let (mut a, mut b) = (numerator, denominator);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    FrameRate::from_interval(numerator.checked_div(a)?, denominator.checked_div(a)?)
}

fn rate_range(min: FrameRate, max: FrameRate) -> FrameRates {
    if min == max { FrameRates::List(vec![max]) } else { FrameRates::Range { min, max } }
}

/// The rates that are in both; unknown where there are none.
fn shared_rates(a: &FrameRates, b: &FrameRates) -> FrameRates {
    let list = |rates: Vec<FrameRate>| if rates.is_empty() { FrameRates::Unknown } else { FrameRates::List(rates) };
    match (a, b) {
        (FrameRates::Unknown, _) | (_, FrameRates::Unknown) => FrameRates::Unknown,
        (FrameRates::List(a), FrameRates::List(b)) => list(a.iter().filter(|rate| b.contains(rate)).copied().collect()),
        (FrameRates::List(rates), FrameRates::Range { min, max })
        | (FrameRates::Range { min, max }, FrameRates::List(rates)) => {
            list(rates.iter().filter(|rate| (min..=max).contains(rate)).copied().collect())
        }
        (FrameRates::Range { min: a_min, max: a_max }, FrameRates::Range { min: b_min, max: b_max }) => {
            let (min, max) = (*a_min.max(b_min), *a_max.min(b_max));
            if min <= max { rate_range(min, max) } else { FrameRates::Unknown }
        }
    }
}
