//! The fitness distance of W3C Media Capture and Streams, term by term.

use crate::constraints::{Constraint, ConstraintName, MediaTrackConstraintSet};

/// The numbers that will do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub min: f64,
    pub max: f64,
}

impl Bounds {
    /// Every number.
    pub(super) const ALL: Self = Self { min: f64::NEG_INFINITY, max: f64::INFINITY };

    /// Whether any number is ruled out.
    pub(super) fn is_bounded(self) -> bool {
        self != Self::ALL
    }

    /// Whether a number will do.
    pub(super) fn contains(self, value: f64) -> bool {
        self.min <= value && value <= self.max
    }

    /// What will do for both.
    pub(super) fn and(self, other: Self) -> Self {
        Self { min: self.min.max(other.min), max: self.max.min(other.max) }
    }
}

/// A constraint on a numeric property, in the terms the solver needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numeric {
    /// What is required.
    pub bounds: Bounds,
    /// What is wished for; never in an advanced set, where a wish does not count.
    pub ideal: Option<f64>,
    /// Given as a boolean: whether the property is to exist.
    pub exists: Option<bool>,
}

impl Numeric {
    /// No constraint.
    pub(super) const NONE: Self = Self { bounds: Bounds::ALL, ideal: None, exists: None };

    /// The constraint on `name` in a set. `exactly` maps a number to the one it stands for.
    pub(super) fn of(
        set: &MediaTrackConstraintSet,
        advanced: bool,
        name: ConstraintName,
        exactly: fn(f64) -> f64,
    ) -> Self {
        let (bare, min, max, exact, ideal) = match set.get(name) {
            Some(Constraint::ULong(value)) => (
                value.bare.map(f64::from),
                value.min.map(f64::from),
                value.max.map(f64::from),
                value.exact.map(f64::from),
                value.ideal.map(f64::from),
            ),
            Some(Constraint::Double(value)) => (value.bare, value.min, value.max, value.exact, value.ideal),
            Some(Constraint::Exists(exists)) => return Self { exists: Some(*exists), ..Self::NONE },
            _ => return Self::NONE,
        };
        let [bare, min, max, exact, ideal] = [bare, min, max, exact, ideal].map(|value| value.map(exactly));
        let mut bounds = Bounds { min: min.unwrap_or(f64::NEG_INFINITY), max: max.unwrap_or(f64::INFINITY) };
        for value in exact.into_iter().chain(bare.filter(|_| advanced)) {
            bounds = bounds.and(Bounds { min: value, max: value });
        }
        Self { bounds, ideal: if advanced { None } else { ideal.or(bare) }, exists: None }
    }

    /// The distance of a value; of a property that the settings lack, `None`. Only what is not ruled out is asked.
    pub(super) fn cost(self, actual: Option<f64>) -> f64 {
        match (self.exists, actual, self.ideal) {
            (Some(exists), _, _) => f64::from(u8::from(exists != actual.is_some())),
            (None, _, None) => 0.0,
            (None, None, Some(_)) => 1.0,
            (None, Some(actual), Some(ideal)) => relative(actual, ideal),
        }
    }
}

/// `|actual - ideal| / max(|actual|, |ideal|)`, 0 where they are equal.
pub(super) fn relative(actual: f64, ideal: f64) -> f64 {
    if actual == ideal { 0.0 } else { (actual - ideal).abs() / actual.abs().max(ideal.abs()) }
}

/// The constraint on a string property.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Text<'a> {
    /// Any one of these is required.
    pub required: Option<&'a [String]>,
    /// Any one of these is wished for.
    pub wished: Option<&'a [String]>,
    /// Given as a boolean: whether the property is to exist.
    pub exists: Option<bool>,
}

impl<'a> Text<'a> {
    /// The constraint on `name` in a set.
    pub(super) fn of(set: &'a MediaTrackConstraintSet, advanced: bool, name: ConstraintName) -> Self {
        fn some(list: Option<&Vec<String>>) -> Option<&[String]> {
            list.map(Vec::as_slice).filter(|list| !list.is_empty())
        }
        match set.get(name) {
            Some(Constraint::String(value)) => Self {
                required: some(value.required(advanced)),
                wished: if advanced { None } else { some(value.wished()) },
                exists: None,
            },
            Some(Constraint::Exists(exists)) => Self { exists: Some(*exists), ..Self::default() },
            _ => Self::default(),
        }
    }

    /// Whether there is any constraint.
    pub(super) fn is_given(self) -> bool {
        self.required.is_some() || self.wished.is_some() || self.exists.is_some()
    }

    /// Whether a value, or the lack of one, will do. `equals` compares a requested string with it.
    pub(super) fn allows(self, advanced: bool, present: bool, equals: impl Fn(&str) -> bool) -> bool {
        let required = self.required.is_none_or(|list| present && list.iter().any(|text| equals(text)));
        required && (!advanced || self.exists.is_none_or(|exists| exists == present))
    }

    /// The distance of a value, or of the lack of one.
    pub(super) fn cost(self, present: bool, equals: impl Fn(&str) -> bool) -> f64 {
        let met = match (self.exists, self.wished) {
            (Some(exists), _) => exists == present,
            (None, Some(list)) => present && list.iter().any(|text| equals(text)),
            (None, None) => true,
        };
        f64::from(u8::from(!met))
    }
}

/// A distance as a whole number, so that sums that differ by a rounding error are the same.
pub(super) fn rank(cost: f64) -> u64 {
    // At most 33 terms of at most 2 each: far below 2^53. A cast rounds down, and costs less than a call of `round`.
    (cost * 1e12 + 0.5) as u64
}
