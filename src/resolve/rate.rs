//! Frame rates: the best of a list or of a range.

use super::fitness::{Bounds, Numeric, rank};
use crate::devices::FrameRates;
use crate::format::FrameRate;

/// Frames per second wished for among equals.
pub(super) const DEFAULT_RATE: f64 = 30.0;

/// The rates of a mode, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rates<'a> {
    Unknown,
    List(&'a [FrameRate]),
    Range(FrameRate, FrameRate),
}

impl<'a> From<&'a FrameRates> for Rates<'a> {
    fn from(rates: &'a FrameRates) -> Self {
        match rates {
            FrameRates::Unknown => Self::Unknown,
            // A list of no rates says nothing either.
            FrameRates::List(list) if list.is_empty() => Self::Unknown,
            FrameRates::List(list) => Self::List(list),
            FrameRates::Range { min, max } => Self::Range(*min.min(max), *max.max(min)),
        }
    }
}

/// A rate with its distance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    /// `None` where the rate is not known.
    pub rate: Option<FrameRate>,
    /// Its part of the fitness distance.
    pub cost: f64,
}

impl Choice {
    /// How far the rate is from 30 frames per second, in billionths; unknown ones are farthest.
    pub(super) fn default_distance(&self) -> u64 {
        // Below 2^32 * 1e9 < 2^63.
        self.rate.map_or(u64::MAX, |rate| ((rate.as_f64() - DEFAULT_RATE).abs() * 1e9).round() as u64)
    }
}

/// The number that a constraint's number stands for: 29.97 means 30000/1001.
pub(super) fn exactly(fps: f64) -> f64 {
    FrameRate::from_f64(fps).map_or(fps, FrameRate::as_f64)
}

/// The best rate, or `None` when none will do.
pub(super) fn best_rate(rates: Rates<'_>, goal: &Numeric) -> Option<Choice> {
    let choice = |rate: FrameRate| Choice { rate: Some(rate), cost: goal.cost(Some(rate.as_f64())) };
    let order = |choice: &Choice| (rank(choice.cost), choice.default_distance());
    match rates {
        // An unknown rate fails whatever is required.
        Rates::Unknown => (!goal.bounds.is_bounded()).then(|| Choice { rate: None, cost: goal.cost(None) }),
        Rates::List(list) => {
            let allowed = list.iter().copied().filter(|rate| goal.bounds.contains(rate.as_f64()));
            allowed.map(choice).min_by_key(order)
        }
        Rates::Range(slowest, fastest) => {
            let range = goal.bounds.and(Bounds { min: slowest.as_f64(), max: fastest.as_f64() });
            if range.min > range.max {
                return None;
            }
            // All rates are equally far from an ideal of 0, so that the default is looked at, too.
            let points = [goal.ideal.unwrap_or(DEFAULT_RATE), DEFAULT_RATE, range.min, range.max];
            let rates = points.map(|point| in_range(point.clamp(range.min, range.max), slowest, fastest));
            rates.into_iter().filter(|rate| goal.bounds.contains(rate.as_f64())).map(choice).min_by_key(order)
        }
    }
}

/// The best rate that is made of a mode's by leaving out frames, its own included, and the rate that it is made of: the
/// slowest that will do. `None` when there is none.
pub(super) fn lowered(rates: Rates<'_>, goal: &Numeric) -> Option<(Choice, FrameRate)> {
    let fastest = match rates {
        Rates::Unknown => return None,
        Rates::List(list) => *list.iter().max()?,
        Rates::Range(_, fastest) => fastest,
    };
    let highest = goal.bounds.max.min(fastest.as_f64());
    if highest <= 0.0 || goal.bounds.min > highest {
        return None;
    }
    // All rates are equally far from an ideal of 0. As few as can be are left out.
    let wished = goal.ideal.filter(|ideal| *ideal > 0.0).unwrap_or(highest);
    let target = wished.clamp(goal.bounds.min, highest);
    let rate = if target == fastest.as_f64() { fastest } else { FrameRate::from_f64(target)? };
    if rate > fastest || !goal.bounds.contains(rate.as_f64()) {
        return None;
    }
    let native = match rates {
        Rates::Unknown => None,
        Rates::List(list) => list.iter().copied().filter(|native| *native >= rate).min(),
        Rates::Range(slowest, _) => Some(rate.max(slowest)),
    };
    Some((Choice { rate: Some(rate), cost: goal.cost(Some(rate.as_f64())) }, native?))
}

/// Whether any rate will do, of a mode's own or, where frames may be left out, of those below them.
pub(super) fn any_rate_below(rates: Rates<'_>, goal: &Numeric) -> bool {
    any_rate(rates, goal) || lowered(rates, &Numeric { ideal: None, exists: None, ..*goal }).is_some()
}

/// Whether any rate will do.
pub(super) fn any_rate(rates: Rates<'_>, goal: &Numeric) -> bool {
    best_rate(rates, &Numeric { ideal: None, exists: None, ..*goal }).is_some()
}

/// The rate of a range at that many frames per second.
pub(super) fn in_range(fps: f64, slowest: FrameRate, fastest: FrameRate) -> FrameRate {
    if fps <= slowest.as_f64() {
        slowest
    } else if fps >= fastest.as_f64() {
        fastest
    } else {
        FrameRate::from_f64(fps).unwrap_or(slowest).clamp(slowest, fastest)
    }
}
