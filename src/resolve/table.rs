//! The candidate list of the 2012 dialect: a camera's own discrete sizes, or the resolution table.
//!
//! A camera that enumerates nothing has the whole table, at 30 frames per second. One that gives ranges has the table's
//! sizes that lie in them, at the rates the ranges allow: at most 30, unless a `minFrameRate` asks for more. One that
//! lists discrete sizes has its own list, in its own order.

use super::libjingle::whole;
use super::pixels::{Class, Named, class, is_taken, usual_class};
use super::rate::{DEFAULT_RATE, Rates, in_range};
use crate::devices::{MediaDeviceInfo, RESOLUTION_TABLE, Span, VideoMode};
use crate::format::{Fourcc, FrameRate};

/// One entry of the list, as the filters see and change it.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'a> {
    pub fourcc: Option<Fourcc>,
    pub width: u32,
    pub height: u32,
    /// The camera's rate; `None` where the driver does not say, which counts as no frames per second.
    native: Option<FrameRate>,
    /// The rate that a `maxFrameRate` lowered it to.
    lowered: Option<FrameRate>,
    /// The rates it could have instead.
    rates: Rates<'a>,
    /// Whether a `minFrameRate` may raise its rate: of table entries and of ranges of rates.
    flexible: bool,
    /// Whether its format is in the list only because the request names it.
    pub unusual: bool,
}

impl Candidate<'_> {
    /// The frame interval in nanoseconds, rounded down; 0 where it is not known.
    pub(super) fn interval_ns(&self) -> u64 {
        self.delivered().map_or(0, FrameRate::interval_ns)
    }

    /// Whole frames per second: a camera of 29.97 counts as 29.
    pub(super) fn fps(&self) -> i64 {
        self.delivered().map_or(0, whole_fps)
    }

    /// The rate that comes out.
    pub(super) fn delivered(&self) -> Option<FrameRate> {
        self.lowered.or(self.native)
    }

    /// Lowers the rate to that many frames per second.
    pub(super) fn lower(&mut self, fps: i64) -> bool {
        let lowered = whole(fps);
        // To the same interval means no change: 30000/1001 stays what it is only where 29 was not asked for.
        let same = lowered.map(FrameRate::interval_ns) == self.native.map(FrameRate::interval_ns);
        self.lowered = if same { None } else { lowered };
        true
    }

    /// Raises the rate to at least that many frames per second, where the camera can.
    pub(super) fn raise(&mut self, fps: i64) -> bool {
        if !self.flexible || self.lowered.is_some() {
            return false;
        }
        match raised(self.rates, fps) {
            Some(rate) => {
                self.native = Some(rate);
                true
            }
            None => false,
        }
    }

    /// The rate the camera is to run at: the delivered one where it has it, its own otherwise.
    pub(super) fn native_for_delivery(&self) -> Option<FrameRate> {
        let Some(lowered) = self.lowered else { return self.native };
        match self.rates {
            Rates::List(list) if list.contains(&lowered) => Some(lowered),
            Rates::Range(slowest, fastest) if (slowest..=fastest).contains(&lowered) => Some(lowered),
            _ => self.native,
        }
    }
}

/// Frames per second as libjingle counts them: from the interval in whole nanoseconds, rounded down.
pub(super) fn whole_fps(rate: FrameRate) -> i64 {
    match rate.interval_ns() {
        // Above a billion frames per second.
        0 => i64::from(i32::MAX),
        interval => i64::try_from(1_000_000_000 / interval).unwrap_or(i64::MAX),
    }
}

/// The slowest rate that counts as at least that many frames per second.
fn raised(rates: Rates<'_>, fps: i64) -> Option<FrameRate> {
    match rates {
        Rates::Unknown => None,
        Rates::List(list) => list.iter().copied().filter(|rate| whole_fps(*rate) >= fps).min(),
        Rates::Range(slowest, fastest) if whole_fps(fastest) >= fps => {
            Some(whole(fps).map_or(slowest, |rate| rate.clamp(slowest, fastest)))
        }
        Rates::Range(..) => None,
    }
}

/// The candidates of a camera. `minimum` is the highest mandatory `minFrameRate`; `recording` prefers MJPG among equals.
pub(super) fn candidates<'a>(
    device: &'a MediaDeviceInfo,
    named: &Named,
    minimum: Option<i64>,
    recording: bool,
) -> Vec<Candidate<'a>> {
    if device.modes.is_empty() {
        return RESOLUTION_TABLE
            .iter()
            .map(|&(width, height)| Candidate {
                fourcc: None,
                width,
                height,
                native: Some(FrameRate::whole(30)),
                lowered: None,
                rates: Rates::Unknown,
                flexible: false,
                unusual: false,
            })
            .collect();
    }
    let usual = usual_class(device);
    let every_format = recording || !named.is_empty();
    let mut list = List { entries: Vec::new(), minimum, ranges: Vec::new(), every_format };
    let taken = |mode: &&VideoMode| is_taken(mode.fourcc, usual, named);
    let modes = device.modes.iter().filter(taken);
    list.ranges = modes.clone().filter(|mode| !is_discrete(mode)).collect();
    for mode in modes.clone() {
        let class = class(mode.fourcc);
        let unusual = Some(class) != usual || class == Class::Bayer;
        match (mode.width, mode.height) {
            (Span::Fixed(width), Span::Fixed(height)) => {
                // Of a range that is listed size by size where its rates differ, the table's sizes count, below.
                if !list.in_a_range(mode.fourcc, width, height) {
                    list.add(mode.fourcc, (width, height), (&mode.frame_rates).into(), false, unusual);
                }
            }
            (width_span, height_span) => {
                for (width, height) in RESOLUTION_TABLE {
                    let fits = width_span.contains(width) && height_span.contains(height);
                    if fits && !list.is_listed(mode.fourcc, width, height) {
                        let own = modes.clone().find(|own| {
                            own.fourcc == mode.fourcc
                                && own.width == Span::Fixed(width)
                                && own.height == Span::Fixed(height)
                        });
                        let rates = &own.unwrap_or(mode).frame_rates;
                        list.add(mode.fourcc, (width, height), rates.into(), true, unusual);
                    }
                }
            }
        }
    }
    list.entries
}

fn is_discrete(mode: &VideoMode) -> bool {
    matches!((mode.width, mode.height), (Span::Fixed(_), Span::Fixed(_)))
}

/// The list while it is made.
struct List<'a> {
    entries: Vec<Candidate<'a>>,
    minimum: Option<i64>,
    ranges: Vec<&'a VideoMode>,
    /// Whether the format of an entry matters. If not, only the first of equal entries can win.
    every_format: bool,
}

impl<'a> List<'a> {
    fn in_a_range(&self, fourcc: Fourcc, width: u32, height: u32) -> bool {
        self.ranges
            .iter()
            .any(|range| range.fourcc == fourcc && range.width.contains(width) && range.height.contains(height))
    }

    fn is_listed(&self, fourcc: Fourcc, width: u32, height: u32) -> bool {
        let size = (Some(fourcc), width, height);
        self.entries.iter().any(|entry| entry.flexible && (entry.fourcc, entry.width, entry.height) == size)
    }

    /// Adds a size at each of its rates, or, where it is of the table, at those that count.
    fn add(&mut self, fourcc: Fourcc, (width, height): (u32, u32), rates: Rates<'a>, of_table: bool, unusual: bool) {
        let same = |entry: &Candidate<'_>| {
            entry.flexible && (entry.width, entry.height) == (width, height) && entry.rates == rates
        };
        if of_table && !self.every_format && self.entries.iter().any(same) {
            return;
        }
        let mut add = |native: Option<FrameRate>, flexible: bool| {
            self.entries.push(Candidate {
                fourcc: Some(fourcc),
                width,
                height,
                native,
                lowered: None,
                rates,
                flexible,
                unusual,
            });
        };
        match rates {
            Rates::Unknown => add(None, of_table),
            Rates::Range(slowest, fastest) => {
                let usual = in_range(DEFAULT_RATE, slowest, fastest);
                let asked = self.minimum.filter(|minimum| whole_fps(usual) < *minimum);
                add(Some(asked.and_then(|minimum| raised(rates, minimum)).unwrap_or(usual)), true);
            }
            Rates::List(list) if of_table => {
                let most = match self.minimum.and_then(|minimum| raised(rates, minimum)) {
                    Some(rate) => rate.max(FrameRate::whole(30)),
                    None => FrameRate::whole(30),
                };
                // A camera that has nothing so slow runs at its slowest.
                let slowest = list.iter().copied().min().unwrap_or(most);
                for rate in list.iter().copied().filter(|rate| *rate <= most.max(slowest)) {
                    add(Some(rate), true);
                }
            }
            Rates::List(list) => list.iter().for_each(|rate| add(Some(*rate), false)),
        }
    }
}
