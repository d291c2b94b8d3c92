//! What is asked of one control, in terms that neither constraints nor drivers have to know.

use super::{ControlName, ControlRange, ControlValue, MeteringMode};

/// Positions of a mode or of a switch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Choices {
    /// Manual, or off.
    pub low: bool,
    /// Continuous, or on.
    pub high: bool,
}

impl Choices {
    /// Either position.
    pub(crate) const ANY: Self = Self { low: true, high: true };
    /// Neither.
    pub(crate) const NONE: Self = Self { low: false, high: false };

    /// Adds a position.
    pub(crate) fn with(self, value: ControlValue) -> Self {
        match value {
            ControlValue::Mode(MeteringMode::Manual) | ControlValue::Switch(false) => Self { low: true, ..self },
            ControlValue::Mode(MeteringMode::Continuous) | ControlValue::Switch(true) => Self { high: true, ..self },
            ControlValue::Number(_) => self,
        }
    }

    /// What is in both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self { low: self.low && other.low, high: self.high && other.high }
    }

    /// Whether it is none at all.
    pub(crate) const fn is_none(self) -> bool {
        !self.low && !self.high
    }

    /// Whether the position is one of these.
    pub(crate) fn contains(self, value: ControlValue) -> bool {
        !self.and(Self::NONE.with(value)).is_none()
    }

    /// The positions that a control has.
    pub(crate) fn of(range: &ControlRange) -> Self {
        match range {
            ControlRange::Switch => Self::ANY,
            ControlRange::Modes(modes) => {
                modes.iter().fold(Self::NONE, |all, mode| all.with(ControlValue::Mode(*mode)))
            }
            ControlRange::Numbers { .. } | ControlRange::List(_) => Self::NONE,
        }
    }

    /// The position to take of a control of that name: automatic before manual, on before off. `None` for no position.
    fn first(self, name: ControlName) -> Option<ControlValue> {
        let mode = name.kind() == super::ControlKind::Mode;
        match (self.high, self.low) {
            (true, _) if mode => Some(ControlValue::Mode(MeteringMode::Continuous)),
            (true, _) => Some(ControlValue::Switch(true)),
            (_, true) if mode => Some(ControlValue::Mode(MeteringMode::Manual)),
            (_, true) => Some(ControlValue::Switch(false)),
            (false, false) => None,
        }
    }
}

/// What will do, and what is wished for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    Number {
        /// From here to there; infinite ends are no ends.
        bounds: (f64, f64),
        /// As near to this as possible.
        ideal: Option<f64>,
    },
    Choice {
        allowed: Choices,
        /// Any one of these, if possible; none for no wish.
        wished: Choices,
    },
}

/// What is asked of one control of a camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ControlGoal {
    pub name: ControlName,
    pub goal: Goal,
}

impl ControlGoal {
    /// A position, if possible.
    pub(crate) fn wish(name: ControlName, value: ControlValue) -> Self {
        Self { name, goal: Goal::Choice { allowed: Choices::ANY, wished: Choices::NONE.with(value) } }
    }

    /// Whether a camera without it, or that refuses it, will not do.
    pub(crate) fn is_required(&self) -> bool {
        match self.goal {
            Goal::Number { bounds, .. } => bounds != (f64::NEG_INFINITY, f64::INFINITY),
            Goal::Choice { allowed, .. } => allowed != Choices::ANY,
        }
    }

    /// What both will do with, and what this one wishes for; `None` where `range` has nothing of that.
    pub(crate) fn and(&self, other: &Self, range: &ControlRange) -> Option<Self> {
        let goal = match (self.goal, other.goal) {
            (Goal::Number { bounds: a, ideal }, Goal::Number { bounds: b, ideal: wish }) => {
                let bounds = (a.0.max(b.0), a.1.min(b.1));
                range.nearest(bounds, 0.0)?;
                Goal::Number { bounds, ideal: ideal.or(wish) }
            }
            (Goal::Choice { allowed: a, wished }, Goal::Choice { allowed: b, wished: wish }) => {
                let allowed = a.and(b);
                if allowed.and(Choices::of(range)).is_none() {
                    return None;
                }
                Goal::Choice { allowed, wished: if wished.is_none() { wish } else { wished } }
            }
            (goal, _) => goal,
        };
        Some(Self { name: self.name, goal })
    }

    /// Whether a value will do.
    pub(crate) fn allows(&self, value: ControlValue) -> bool {
        match (self.goal, value) {
            (Goal::Number { bounds: (least, most), .. }, ControlValue::Number(number)) => {
                (least..=most).contains(&number)
            }
            (Goal::Choice { allowed, .. }, value) => allowed == Choices::ANY || allowed.contains(value),
            (Goal::Number { .. }, _) => false,
        }
    }

    /// What it will be set to whatever it is set to now; `None` where that depends.
    pub(crate) fn certain(&self, range: &ControlRange) -> Option<ControlValue> {
        match self.goal {
            Goal::Number { bounds, ideal: Some(ideal) } => range.nearest(bounds, ideal).map(ControlValue::Number),
            Goal::Number { bounds, ideal: None } if bounds.0 == bounds.1 => Some(ControlValue::Number(bounds.0)),
            Goal::Number { .. } => None,
            Goal::Choice { allowed, wished } => {
                let there = Choices::of(range).and(allowed);
                let best = if wished.and(there).is_none() { there } else { wished.and(there) };
                best.first(self.name).filter(|_| best != Choices::ANY)
            }
        }
    }

    /// What to set a control to that can be set to `range` and is set to `current` now: the wish where there is one, else
    /// what changes least. `None` where nothing will do, or there is nothing to do.
    pub(crate) fn target(&self, range: &ControlRange, current: Option<ControlValue>) -> Option<ControlValue> {
        match self.goal {
            Goal::Number { bounds, ideal } => {
                let current = match current {
                    Some(ControlValue::Number(number)) => Some(number),
                    _ => None,
                };
                match (ideal, current) {
                    (Some(ideal), _) => range.nearest(bounds, ideal),
                    (None, Some(current)) if (bounds.0..=bounds.1).contains(&current) => None,
                    (None, Some(current)) => range.nearest(bounds, current),
                    (None, None) if self.is_required() => range.nearest(bounds, bounds.0.max(0.0).min(bounds.1)),
                    (None, None) => None,
                }
                .map(ControlValue::Number)
            }
            Goal::Choice { allowed, wished } => {
                let there = Choices::of(range).and(allowed);
                let best = if wished.and(there).is_none() { there } else { wished.and(there) };
                match current {
                    // Nothing required, and what is wished for is not to be had: left as it is.
                    _ if wished.and(there).is_none() && !self.is_required() => None,
                    Some(current) if best.contains(current) => None,
                    _ => best.first(self.name),
                }
            }
        }
    }
}

impl std::fmt::Display for ControlGoal {
    /// What is required, in words: `brightness at least 10 and at most 20`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name)?;
        match self.goal {
            Goal::Number { bounds: (least, most), .. } if least == most => write!(f, " {least}"),
            Goal::Number { bounds: (least, most), ideal } => match (least.is_finite(), most.is_finite(), ideal) {
                (true, true, _) => write!(f, " from {least} to {most}"),
                (true, false, _) => write!(f, " at least {least}"),
                (false, true, _) => write!(f, " at most {most}"),
                (false, false, Some(ideal)) => write!(f, " {ideal}"),
                (false, false, None) => Ok(()),
            },
            Goal::Choice { allowed, wished } => {
                let asked = if allowed == Choices::ANY { wished } else { allowed };
                match asked.first(self.name) {
                    Some(value) if asked != Choices::ANY => write!(f, " {value}"),
                    _ => Ok(()),
                }
            }
        }
    }
}
