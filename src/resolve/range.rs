//! Sizes as ranges, solved over and never expanded.
//!
//! Width and height each lie on a lattice (`min`, `min + step`, ...). Without a wish or bound on the aspect ratio the two are
//! independent, and the best value of an axis is a neighbour of its ideal, or of 640 or 480. With one, the shorter axis is
//! walked and the other solved in closed form.
//!
//! Why a few points are enough on the other axis, say the width `w` at a fixed height `h`: the distance from an ideal
//! `c` is `1 - min(w, c) / max(w, c)`. Below `c` it falls along a straight line, above it rises along a concave curve.
//! The aspect ratio's distance has the same form with `c = ideal * h`. Of two such terms the sum falls up to the smaller
//! `c`, rises from the larger on, and between them is concave, so that the smallest value lies at a `c`, or at the lattice
//! points next to it. (On the height the same holds: `w / h` against `a` is `w / a` against `h`.)

use super::fitness::{Numeric, rank, relative};
use super::settings::aspect_ratio;
use crate::devices::Span;

/// What sizes are measured against among equals.
pub(super) const DEFAULT_SIZE: (u32, u32) = (640, 480);

/// As many values as are walked of an axis, around the one wished for. No driver has more.
const LONGEST_WALK: u32 = 16_384;

/// What is asked of a size.
#[derive(Debug, Clone, Copy)]
pub(super) struct SizeGoal {
    pub width: Numeric,
    pub height: Numeric,
    pub aspect: Numeric,
}

impl SizeGoal {
    /// The part of the fitness distance that the size makes.
    pub(super) fn cost(&self, width: u32, height: u32) -> f64 {
        let mut cost = self.width.cost(Some(f64::from(width))) + self.height.cost(Some(f64::from(height)));
        if self.aspect.ideal.is_some() || self.aspect.exists.is_some() {
            cost += self.aspect.cost(Some(aspect_ratio(width, height)));
        }
        cost
    }

    /// A lower bound of the ratio's cost, without the rounding of the ratio.
    fn least_ratio_cost(&self, width: u32, height: u32) -> f64 {
        match wished(self.aspect) {
            // The rounding moves the ratio by half of a 10th decimal, and its distance by no more relatively.
            Some(ideal) => relative(f64::from(width), ideal * f64::from(height)) - 1e-10 / ideal.min(1.0),
            None => 0.0,
        }
    }

    pub(super) fn ratio_fits(&self, width: u32, height: u32) -> bool {
        !self.aspect.bounds.is_bounded() || self.aspect.bounds.contains(aspect_ratio(width, height))
    }

    pub(super) fn couples_the_axes(&self) -> bool {
        self.aspect.bounds.is_bounded() || self.aspect.ideal.is_some()
    }
}

/// The value wished for, where one is nearer than another: all are equally far from 0.
fn wished(numeric: Numeric) -> Option<f64> {
    numeric.ideal.filter(|ideal| *ideal > 0.0)
}

/// How good a size is: its distance, then how far it is from the default size. Smaller is better.
pub(super) type SizeRank = (u64, u128);

/// How far a size is from the default, in squared pixels.
pub(super) fn pixel_distance(width: u32, height: u32) -> u128 {
    distance_from(DEFAULT_SIZE, width, height)
}

fn distance_from(default: (u32, u32), width: u32, height: u32) -> u128 {
    let square = |a: u32, b: u32| u128::from(a.abs_diff(b)).pow(2);
    square(width, default.0) + square(height, default.1)
}

/// The values of one axis that will do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub min: u32,
    pub max: u32,
    pub step: u32,
}

impl Axis {
    /// The values of a span between two numbers; `None` when there are none.
    pub(super) fn of(span: Span, min: f64, max: f64) -> Option<Self> {
        let whole = Self { min: span.min(), max: span.max(), step: span.step() };
        whole.between(min, max)
    }

    /// The values between two numbers; `None` when there are none.
    fn between(self, min: f64, max: f64) -> Option<Self> {
        let (min, max) = (self.at_least(min)?, self.at_most(max)?);
        (min <= max).then_some(Self { min, max, ..self })
    }

    /// The smallest value that is not below `point`.
    fn at_least(self, point: f64) -> Option<u32> {
        if point > f64::from(self.max) || point.is_nan() {
            return None;
        }
        if point <= f64::from(self.min) {
            return Some(self.min);
        }
        // Between 0 and max - min, which fits.
        let distance = point - f64::from(self.min);
        // A cast rounds down, and costs less than a call of `ceil`: this runs for every value that is walked.
        let offset = distance as u32;
        let offset = if f64::from(offset) < distance { offset + 1 } else { offset };
        // At most max, as `point` is and max lies on a step.
        Some(self.min + offset.div_ceil(self.step) * self.step)
    }

    /// The largest value that is not above `point`.
    fn at_most(self, point: f64) -> Option<u32> {
        if point < f64::from(self.min) || point.is_nan() {
            return None;
        }
        if point >= f64::from(self.max) {
            return Some(self.max);
        }
        let offset = (point - f64::from(self.min)) as u32;
        Some(self.min + offset / self.step * self.step)
    }

    /// The values next to a point: at most two.
    pub(super) fn near(self, point: f64) -> impl Iterator<Item = u32> {
        let below = self.at_most(point);
        let above = self.at_least(point);
        let pair = [below.or(above), above.filter(|_| above != below && below.is_some())];
        pair.into_iter().flatten()
    }

    fn count(self) -> u32 {
        ((self.max - self.min) / self.step).saturating_add(1)
    }

    /// At most [`LONGEST_WALK`] values, around a point.
    fn window(self, around: f64) -> Self {
        if self.count() <= LONGEST_WALK {
            return self;
        }
        let centre = self.near(around).next().unwrap_or(self.min);
        let half = self.step.saturating_mul(LONGEST_WALK / 2);
        let below = (centre - self.min).min(half) / self.step * self.step;
        let above = (self.max - centre).min(half) / self.step * self.step;
        Self { min: centre - below, max: centre + above, ..self }
    }

    fn values(self) -> impl Iterator<Item = u32> {
        (self.min..=self.max).step_by(self.step as usize)
    }
}

/// The best size of a mode, or `None` when none will do.
pub(super) fn best_size(width: Span, height: Span, goal: &SizeGoal) -> Option<(u32, u32)> {
    nearest_size(width, height, goal, DEFAULT_SIZE)
}

/// As [`best_size`], the nearest to another default among equals.
pub(super) fn nearest_size(width: Span, height: Span, goal: &SizeGoal, default: (u32, u32)) -> Option<(u32, u32)> {
    search(width, height, goal, default, false)
}

/// Whether any size of a mode will do.
pub(super) fn any_size(width: Span, height: Span, goal: &SizeGoal) -> bool {
    let only_bounds = |numeric: Numeric| Numeric { ideal: None, exists: None, ..numeric };
    let goal =
        SizeGoal { width: only_bounds(goal.width), height: only_bounds(goal.height), aspect: only_bounds(goal.aspect) };
    search(width, height, &goal, DEFAULT_SIZE, true).is_some()
}

/// The best size, or the first that will do.
fn search(width: Span, height: Span, goal: &SizeGoal, default: (u32, u32), any: bool) -> Option<(u32, u32)> {
    let widths = Axis::of(width, goal.width.bounds.min, goal.width.bounds.max)?;
    let heights = Axis::of(height, goal.height.bounds.min, goal.height.bounds.max)?;
    let mut best = Best { goal, default, found: None };
    if !goal.couples_the_axes() {
        let width = best_on(widths, goal.width, default.0)?;
        let height = best_on(heights, goal.height, default.1)?;
        return Some((width, height));
    }
    let (default_width, default_height) = (f64::from(default.0), f64::from(default.1));
    // Slack by more than the rounding of the ratio, which is compared rounded.
    let (least, most) = (goal.aspect.bounds.min - 1e-10, goal.aspect.bounds.max + 1e-10);
    // Only these heights go with any of the widths, and only these widths with any of the heights.
    let heights = heights.between(
        at_height(f64::from(widths.min), most).unwrap_or(f64::INFINITY),
        at_height(f64::from(widths.max), least).unwrap_or(f64::INFINITY),
    )?;
    let widths = widths.between(least * f64::from(heights.min), most * f64::from(heights.max))?;
    if heights.count() <= widths.count() {
        let target = wished(goal.height).unwrap_or(default_height);
        for height in heights.near(target).chain(heights.window(target).values()) {
            let h = f64::from(height);
            if any && best.found.is_some() {
                break;
            }
            if best.cannot_be_beaten(goal.height.cost(Some(h)), height.abs_diff(default.1)) {
                continue;
            }
            let critical = [wished(goal.width), wished(goal.aspect).map(|ideal| ideal * h)];
            let part = part(widths, least * h, most * h, |width| goal.ratio_fits(width, height));
            for width in solve(part, critical, default_width) {
                best.consider(width, height);
            }
        }
    } else {
        let target = wished(goal.width).unwrap_or(default_width);
        for width in widths.near(target).chain(widths.window(target).values()) {
            let w = f64::from(width);
            if any && best.found.is_some() {
                break;
            }
            if best.cannot_be_beaten(goal.width.cost(Some(w)), width.abs_diff(default.0)) {
                continue;
            }
            let low = at_height(w, most).unwrap_or(f64::INFINITY);
            let high = at_height(w, least).unwrap_or(f64::INFINITY);
            let critical = [wished(goal.height), wished(goal.aspect).map(|ideal| w / ideal)];
            let part = part(heights, low, high, |height| goal.ratio_fits(width, height));
            for height in solve(part, critical, default_height) {
                best.consider(width, height);
            }
        }
    }
    best.found.map(|(_, size)| size)
}

/// The height at which a width has a ratio; `None` where every height has a larger one.
fn at_height(width: f64, ratio: f64) -> Option<f64> {
    (ratio > 0.0).then(|| width / ratio)
}

/// The best value of an axis that stands alone.
fn best_on(axis: Axis, numeric: Numeric, default: u32) -> Option<u32> {
    let target = wished(numeric).unwrap_or(f64::from(default));
    axis.near(target).min_by_key(|&value| (rank(numeric.cost(Some(f64::from(value)))), value.abs_diff(default)))
}

/// The part of an axis between two numbers whose ends fit. The numbers are slack by the rounding of the ratio, so that the
/// outermost value may have to go.
fn part(axis: Axis, low: f64, high: f64, fits: impl Fn(u32) -> bool) -> Option<Axis> {
    let Axis { mut min, mut max, step } = axis.between(low, high)?;
    if min <= max && !fits(min) {
        min = min.checked_add(step)?;
    }
    if min <= max && !fits(max) {
        max = max.checked_sub(step)?;
    }
    (min <= max).then_some(Axis { min, max, step })
}

/// The values of a part among which the best one is: those next to the critical points, or next to the default where
/// nothing is wished.
fn solve(part: Option<Axis>, critical: [Option<f64>; 2], default: f64) -> impl Iterator<Item = u32> {
    let [first, second] = critical;
    let points = [first, second, if first.or(second).is_none() { Some(default) } else { None }];
    points.into_iter().flatten().flat_map(move |point| part.into_iter().flat_map(move |part| part.near(point)))
}

/// The best size so far.
struct Best<'a> {
    goal: &'a SizeGoal,
    /// What is preferred among equals.
    default: (u32, u32),
    found: Option<(SizeRank, (u32, u32))>,
}

impl Best<'_> {
    /// Whether no size can be better whose one axis has this cost, and this distance in pixels.
    fn cannot_be_beaten(&self, cost: f64, pixels: u32) -> bool {
        self.found.is_some_and(|(best, _)| (rank(cost), u128::from(pixels).pow(2)) >= best)
    }

    fn consider(&mut self, width: u32, height: u32) {
        let hopeless = |((best, _), _)| rank(self.goal.least_ratio_cost(width, height)) > best;
        if self.found.is_some_and(hopeless) || !self.goal.ratio_fits(width, height) {
            return;
        }
        let cost = rank(self.goal.cost(width, height));
        if self.found.is_some_and(|((best, _), _)| cost > best) {
            return;
        }
        let candidate = (cost, distance_from(self.default, width, height));
        if self.found.is_none_or(|(best, _)| candidate < best) {
            self.found = Some((candidate, (width, height)));
        }
    }
}
