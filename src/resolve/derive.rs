//! What can be made of a camera's pictures: `resizeMode: crop-and-scale`.
//!
//! A mode that gives `W` x `H` at `R` frames per second can be made to give any size that is no larger and any rate that is no
//! higher: nothing is enlarged, and no frame is made up. The middle of the picture that has the shape asked for is taken, as
//! large as it fits in; what is larger than asked for after that is scaled. A part alone is no copy, it is a look at the same
//! bytes; a picture that was scaled, or decoded, is one.

use super::fitness::{Numeric, rank, relative};
use super::range::{Axis, DEFAULT_SIZE, SizeGoal, best_size, nearest_size};
use crate::devices::Span;
use crate::format::layout::layout;
use crate::format::pixels::{Pixels, crop_alignment, pixels};
use crate::format::{Fourcc, Rect};

/// How a picture of another size is made of a camera's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Derivation {
    /// The part of the camera's picture that is shown.
    pub(crate) crop: Rect,
    /// Whether that part is larger than the picture that is made of it.
    pub(crate) scaled: bool,
    /// The pixel format of what is made.
    pub(crate) fourcc: Fourcc,
}

impl Derivation {
    /// How `size` is made of pictures of `native` size; `None` where that cannot be.
    pub(crate) fn new(fourcc: Fourcc, native: (u32, u32), size: (u32, u32)) -> Option<Self> {
        let ((native_width, native_height), (width, height)) = (native, size);
        if size == native {
            return Some(Self { crop: Rect::new(0, 0, width, height), scaled: false, fourcc });
        }
        if width == 0 || height == 0 || width > native_width || height > native_height {
            return None;
        }
        let (crop_width, crop_height) = part(native, size);
        let scaled = (crop_width, crop_height) != size;
        let fourcc_made = if scaled { scaled_fourcc(fourcc) } else { cropped_fourcc(fourcc) }?;
        let (columns, rows) = if fourcc.is_jpeg() { (1, 1) } else { crop_alignment(fourcc)? };
        let crop = Rect {
            x: (native_width - crop_width) / 2 / columns * columns,
            y: (native_height - crop_height) / 2 / rows * rows,
            width: crop_width,
            height: crop_height,
        };
        Some(Self { crop, scaled, fourcc: fourcc_made })
    }
}

/// The size of the largest part of a picture that has the shape of `size`. What would cut off less than one pixel of what is
/// made cuts off nothing.
fn part(native: (u32, u32), size: (u32, u32)) -> (u32, u32) {
    let [native_width, native_height, width, height] = [native.0, native.1, size.0, size.1].map(u64::from);
    // At most the native size each: they fit.
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let (across, down) = (native_width * height, native_height * width);
    let cut = across.abs_diff(down);
    if across <= down {
        // As wide as the picture: as high as that makes it.
        let is_whole = native_width != width && cut < native_width;
        let crop = if is_whole { native_height } else { (across + width / 2) / width };
        (native.0, narrow(crop.max(height)))
    } else {
        let is_whole = native_height != height && cut < native_height;
        let crop = if is_whole { native_width } else { (down + height / 2) / height };
        (narrow(crop.max(width)), native.1)
    }
}

/// The pixel format of a part of a picture: its own, where it is not compressed.
pub(super) fn cropped_fourcc(fourcc: Fourcc) -> Option<Fourcc> {
    if fourcc.is_jpeg() { scaled_fourcc(fourcc) } else { crop_alignment(fourcc).map(|_| fourcc) }
}

/// The pixel format of a picture that was scaled: NV12 and RGB stay what they are, as far as it can be written, and all else
/// becomes YU12.
pub(super) fn scaled_fourcc(fourcc: Fourcc) -> Option<Fourcc> {
    if cfg!(not(feature = "convert")) {
        return None;
    }
    Some(match (&fourcc.0, pixels(fourcc)) {
        (b"NV12" | b"NM12", _) => Fourcc::NV12,
        (b"RGB3" | b"BGR3", _) => Fourcc(*b"RGB3"),
        (b"AR24" | b"XR24" | b"BGR4", _) => Fourcc(*b"AR24"),
        (_, Some(Pixels::Rgb(_))) => Fourcc(*b"AB24"),
        (_, Some(_)) => Fourcc::YU12,
        (_, None) if fourcc.is_jpeg() => Fourcc::YU12,
        (_, None) => return None,
    })
}

/// Whether frames can be left out: each stands for itself.
pub(super) fn is_each_for_itself(fourcc: Fourcc) -> bool {
    fourcc.is_jpeg() || layout(fourcc, 16, 16, &[]).is_some()
}

/// A size, and that of the camera's pictures which it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Made {
    pub size: (u32, u32),
    pub native: (u32, u32),
}

impl Made {
    /// The camera's own.
    pub(super) fn native(size: (u32, u32)) -> Self {
        Self { size, native: size }
    }

    /// How far the camera's size is from what is made of it, relatively.
    pub(super) fn distance(self) -> f64 {
        let far = |native: u32, made: u32| relative(f64::from(native), f64::from(made));
        far(self.native.0, self.size.0) + far(self.native.1, self.size.1)
    }
}

/// The ways of making a picture smaller, told apart because another pixel format may come of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Cut off above and below.
    Lower,
    /// Cut off on the left and on the right.
    Narrower,
    /// Smaller both ways.
    Scaled,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::Lower, Self::Narrower, Self::Scaled];

    /// The sizes that it makes of one size.
    fn spans(self, (width, height): (u32, u32)) -> Option<(Span, Span)> {
        let below = |value: u32| (value > 1).then(|| Span::range(1, value - 1, 1));
        Some(match self {
            Self::Lower => (Span::Fixed(width), below(height)?),
            Self::Narrower => (below(width)?, Span::Fixed(height)),
            Self::Scaled => (below(width)?, below(height)?),
        })
    }

    /// The best size that it makes of one size.
    pub(super) fn best(self, native: (u32, u32), goal: &SizeGoal) -> Option<Made> {
        let (width, height) = self.spans(native)?;
        best_of(native, width, height, goal)
    }
}

/// The sizes of a mode that come into question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// The best of its own.
    pub own: Option<(u32, u32)>,
    /// What is made of its own pictures, where that is better: the best, and then the best by each [`Way`], so that a pixel
    /// format has a say. (A pixel format alone is no reason to make anything.)
    made: [Option<Made>; 4],
}

impl Sizes {
    /// Only its own.
    pub(super) fn own(width: Span, height: Span, goal: &SizeGoal) -> Self {
        Self { own: best_size(width, height, goal), made: [None; 4] }
    }

    /// Its own and what can be made of them; by each way, if `ways`.
    pub(super) fn all(width: Span, height: Span, goal: &SizeGoal, ways: bool) -> Self {
        let own = best_size(width, height, goal);
        let cost = |size: (u32, u32)| rank(goal.cost(size.0, size.1));
        let limit = own.map(cost);
        if limit == Some(0) {
            return Self { own, made: [None; 4] };
        }
        let better = |made: Option<Made>| made.filter(|made| limit.is_none_or(|limit| cost(made.size) < limit));
        let by = |way: Way| better(only_size(width, height).filter(|_| ways).and_then(|native| way.best(native, goal)));
        let [lower, narrower, scaled] = Way::ALL.map(by);
        Self { own, made: [better(best_made(width, height, goal)), lower, narrower, scaled] }
    }

    /// What is made of its own pictures, the best first.
    pub(super) fn made(&self) -> impl Iterator<Item = Made> + use<> {
        self.made.into_iter().flatten()
    }
}

/// The one size of a mode; `None` of a mode that offers a range of them.
pub(super) fn only_size(width: Span, height: Span) -> Option<(u32, u32)> {
    match (width, height) {
        (Span::Fixed(width), Span::Fixed(height)) => Some((width, height)),
        _ => None,
    }
}

/// Everything that is no larger than a mode's largest picture.
fn below(span: Span) -> Span {
    Span::range(1, span.max().max(1), 1)
}

/// The best size that can be made of a mode's pictures, its own included; `None` when none will do.
pub(super) fn best_made(width: Span, height: Span, goal: &SizeGoal) -> Option<Made> {
    if let Some(native) = only_size(width, height) {
        return best_of(native, below(width), below(height), goal);
    }
    let size = nearest_size(below(width), below(height), goal, DEFAULT_SIZE)?;
    // The smallest of its own that is large enough, so that the least is cut off.
    let native = |span: Span, made: u32| Axis::of(span, f64::from(made), f64::INFINITY).map(|axis| axis.min);
    Some(Made { size, native: (native(width, size.0)?, native(height, size.1)?) })
}

/// The best of the sizes in `width` x `height` to make of pictures of `native` size. Among equals it is the largest of the
/// camera's own shape, as far as bounds allow that: nothing is cut off which need not be.
fn best_of(native: (u32, u32), width: Span, height: Span, goal: &SizeGoal) -> Option<Made> {
    let widths = equals(width, goal.width)?;
    let heights = equals(height, goal.height)?;
    let shaped = of_shape(native, widths, heights);
    let shape_will_do = goal.aspect.ideal.is_none() && goal.ratio_fits(shaped.0, shaped.1);
    if !goal.couples_the_axes() || shape_will_do {
        return Some(Made { size: shaped, native });
    }
    let found = nearest_size(width, height, goal, native)?;
    let cost = rank(goal.cost(found.0, found.1));
    let is_as_good = |&(w, h): &(u32, u32)| {
        let inside = |span: Span, numeric: Numeric, value: u32| {
            value >= span.min() && numeric.bounds.contains(f64::from(value)) && value > 0
        };
        inside(width, goal.width, w)
            && inside(height, goal.height, h)
            && goal.ratio_fits(w, h)
            && rank(goal.cost(w, h)) <= cost
    };
    let even = |value: u32, native: u32| if value == native { value } else { value & !1 };
    let (w, h) = (even(found.0, native.0), even(found.1, native.1));
    let size = [(w, h), (w, found.1), (found.0, h)].into_iter().find(is_as_good).unwrap_or(found);
    Some(Made { size, native })
}

/// The values of an axis that are all as good as the best: one, or a range.
fn equals(span: Span, numeric: Numeric) -> Option<Axis> {
    let axis = Axis::of(span, numeric.bounds.min, numeric.bounds.max)?;
    match numeric.ideal.filter(|ideal| *ideal > 0.0) {
        None => Some(axis),
        Some(ideal) => {
            let best = axis.near(ideal).min_by_key(|&value| rank(numeric.cost(Some(f64::from(value)))))?;
            Some(Axis { min: best, max: best, ..axis })
        }
    }
}

/// The largest size within bounds that has the shape of the camera's pictures, or comes near it. Numbers that nobody asked
/// for are even, as chroma is.
fn of_shape(native: (u32, u32), widths: Axis, heights: Axis) -> (u32, u32) {
    let largest = |axis: Axis, native: u32| {
        let even = axis.max & !1;
        if axis.max != native && even >= axis.min.max(1) { even } else { axis.max }
    };
    let (width, height) = (largest(widths, native.0), largest(heights, native.1));
    let [native_width, native_height] = [native.0, native.1].map(u64::from);
    if u64::from(width) * native_height <= u64::from(height) * native_width {
        (width, even_share(native.1, width, native.0).clamp(heights.min, heights.max))
    } else {
        (even_share(native.0, height, native.1).clamp(widths.min, widths.max), height)
    }
}

/// `whole * part / all`, to the nearest even number; `whole` itself where all of it is taken.
fn even_share(whole: u32, part: u32, all: u32) -> u32 {
    if part == all {
        return whole;
    }
    let (product, all) = (u64::from(whole) * u64::from(part), u64::from(all.max(1)));
    let below = product / all / 2 * 2;
    let even = if product - below * all > all { below + 2 } else { below };
    // Not above `whole` but by its rounding up from an odd one.
    u32::try_from(even).unwrap_or(u32::MAX).min(whole).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fitness::Bounds;
    use super::*;

    #[cfg(feature = "convert")]
    fn crop(native: (u32, u32), size: (u32, u32)) -> (Rect, bool) {
        let derivation = Derivation::new(Fourcc::NV12, native, size).unwrap();
        (derivation.crop, derivation.scaled)
    }

    #[cfg(feature = "convert")]
    #[test]
    fn the_largest_part_of_that_shape_is_taken_from_the_middle() {
        assert_eq!(crop((1280, 720), (640, 480)), (Rect::new(160, 0, 960, 720), true));
        assert_eq!(crop((640, 480), (640, 360)), (Rect::new(0, 60, 640, 360), false));
        assert_eq!(crop((640, 480), (320, 180)), (Rect::new(0, 60, 640, 360), true));
        // Half a column less is none: 562 is 562.5 rounded.
        assert_eq!(crop((1280, 720), (1000, 562)), (Rect::new(0, 0, 1280, 720), true));
        // One column less of a part is one.
        assert_eq!(crop((1280, 720), (1279, 720)), (Rect::new(0, 0, 1279, 720), false));
        assert_eq!(crop((1280, 720), (1274, 720)), (Rect::new(2, 0, 1274, 720), false));
    }

    #[test]
    fn a_rate_is_lowered_only_where_each_frame_stands_for_itself() {
        let each = |code: &[u8; 4]| is_each_for_itself(Fourcc(*code));
        assert!([b"YUYV", b"MJPG", b"RGGB", b"Y10 ", b"NM12"].into_iter().all(each));
        assert!(![b"H264", b"HEVC", b"MPEG", b"VP80", b"????"].into_iter().any(each));
    }

    proptest! {
        #[test]
        fn a_part_lies_inside_and_has_the_shape(
            native in (1u32..5000, 1u32..5000), share in (0.0f64..1.0, 0.0f64..1.0),
            fourcc in prop::sample::select(vec![Fourcc::YUYV, Fourcc::NV12, Fourcc(*b"411P"), Fourcc(*b"RGB3")]),
        ) {
            let of = |native: u32, share: f64| ((f64::from(native) * share) as u32).max(1);
            let size = (of(native.0, share.0), of(native.1, share.1));
            let Some(derivation) = Derivation::new(fourcc, native, size) else {
                prop_assert!(cfg!(not(feature = "convert")));
                return Ok(());
            };
            let Rect { x, y, width, height } = derivation.crop;
            prop_assert!(x + width <= native.0 && y + height <= native.1);
            prop_assert!(width >= size.0 && height >= size.1, "nothing is enlarged");
            let (columns, rows) = crop_alignment(fourcc).unwrap();
            prop_assert!(x % columns == 0 && y % rows == 0);
            prop_assert!(width == native.0 || height == native.1, "as large as can be");
            prop_assert_eq!(derivation.scaled, (width, height) != size);
            // To within a pixel of what is made.
            let (across, down) = (f64::from(width) / f64::from(size.0), f64::from(height) / f64::from(size.1));
            let pixel = 1.0 / f64::from(size.0.min(size.1));
            prop_assert!((across / down - 1.0).abs() <= 1.5 * pixel, "{derivation:?} for {size:?}");
            // What is cut lies where the layout says.
            if !derivation.scaled {
                let whole = layout(fourcc, native.0, native.1, &[]).unwrap();
                prop_assert!(whole.part(fourcc, derivation.crop).is_some());
            }
        }

        #[test]
        fn the_best_size_is_one_that_will_do(
            native in (1u32..2000, 1u32..2000), least in (1u32..2000, 1u32..2000), ideal in prop::option::of(1u32..2500),
        ) {
            let bounds = |min: u32| Bounds { min: f64::from(min), max: f64::INFINITY };
            let goal = SizeGoal {
                width: Numeric { bounds: bounds(least.0), ideal: ideal.map(f64::from), exists: None },
                height: Numeric { bounds: bounds(least.1), ideal: None, exists: None },
                aspect: Numeric::NONE,
            };
            let made = best_made(Span::Fixed(native.0), Span::Fixed(native.1), &goal);
            prop_assert_eq!(made.is_some(), least.0 <= native.0 && least.1 <= native.1);
            let Some(Made { size, .. }) = made else { return Ok(()) };
            prop_assert!(size.0 >= least.0 && size.1 >= least.1 && size.0 <= native.0 && size.1 <= native.1);
            if let Some(ideal) = ideal {
                prop_assert_eq!(size.0, ideal.clamp(least.0, native.0));
                // As high as its width makes it, to an even number, or as the bound.
                let height = f64::from(native.1) * f64::from(size.0) / f64::from(native.0);
                let is_of_shape = (f64::from(size.1) - height).abs() <= 2.0;
                prop_assert!(is_of_shape || size.1 == least.1, "{size:?} of {native:?}");
            } else {
                prop_assert_eq!(size, native);
            }
        }
    }
}
