//! What a request asks of a camera's controls, the accepted sets taken together.
//!
//! A control's value is independent of the mode and of the other controls (but for who governs whom, which the one that
//! writes them sees to), so that the nearest value of each is found by itself and none of their combinations is tried.

use super::fitness::{Bounds, Numeric, Text, relative};
use crate::constraints::{Constraint, ConstraintName, MediaTrackConstraintSet};
use crate::devices::control::{Choices, ControlGoal, ControlKind, Goal};
use crate::devices::{ControlName, ControlSettings, ControlValue, MediaDeviceInfo, MeteringMode};

/// What is asked of one control.
#[derive(Debug, Clone, Copy)]
struct Asked {
    name: ControlName,
    bounds: Bounds,
    ideal: Option<f64>,
    allowed: Choices,
    wished: Option<Choices>,
    /// The camera must have it, or must not.
    must_exist: Option<bool>,
    /// It had better have it, or not.
    should_exist: Option<bool>,
}

impl Asked {
    const fn nothing(name: ControlName) -> Self {
        Self {
            name,
            bounds: Bounds::ALL,
            ideal: None,
            allowed: Choices::ANY,
            wished: None,
            must_exist: None,
            should_exist: None,
        }
    }

    /// Narrows it by one more set.
    fn add(&mut self, set: &MediaTrackConstraintSet, advanced: bool) {
        let name = ConstraintName::Control(self.name);
        let choices = |list: &[String]| {
            list.iter()
                .filter_map(|text| MeteringMode::from_name(text))
                .fold(Choices::NONE, |all, mode| all.with(ControlValue::Mode(mode)))
        };
        match set.get(name) {
            Some(Constraint::Exists(exists)) if advanced => self.require(*exists),
            Some(Constraint::Exists(exists)) => self.should_exist = Some(*exists),
            Some(Constraint::String(_)) => {
                let text = Text::of(set, advanced, name);
                if let Some(required) = text.required {
                    self.require(true);
                    self.allowed = self.allowed.and(choices(required));
                }
                self.wished = text.wished.map(choices).or(self.wished);
            }
            Some(Constraint::Boolean(value)) => {
                let switch = |on: &bool| Choices::NONE.with(ControlValue::Switch(*on));
                if let Some(required) = value.required(advanced) {
                    self.require(true);
                    self.allowed = self.allowed.and(switch(required));
                }
                self.wished = value.wished().filter(|_| !advanced).map(switch).or(self.wished);
            }
            Some(Constraint::ULong(_) | Constraint::Double(_)) => {
                let numeric = Numeric::of(set, advanced, name, std::convert::identity);
                if numeric.bounds.is_bounded() {
                    self.require(true);
                    self.bounds = self.bounds.and(numeric.bounds);
                }
                self.ideal = numeric.ideal.or(self.ideal);
            }
            Some(Constraint::BooleanOrString(_)) | None => {}
        }
    }

    /// Where one set requires a control and another that there is none, nothing will do.
    fn require(&mut self, exists: bool) {
        if self.must_exist.is_some_and(|must| must != exists) {
            self.allowed = Choices::NONE;
            self.bounds = Bounds { min: f64::INFINITY, max: f64::NEG_INFINITY };
        }
        self.must_exist = Some(exists);
    }

    /// Not only whether the camera has it.
    fn asks_for_a_value(&self) -> bool {
        self.bounds.is_bounded() || self.ideal.is_some() || self.wished.is_some() || self.allowed != Choices::ANY
    }

    fn goal(&self) -> ControlGoal {
        let goal = match self.name.kind() {
            ControlKind::Number => Goal::Number { bounds: (self.bounds.min, self.bounds.max), ideal: self.ideal },
            ControlKind::Mode | ControlKind::Switch => {
                Goal::Choice { allowed: self.allowed, wished: self.wished.unwrap_or_default() }
            }
        };
        ControlGoal { name: self.name, goal }
    }

    fn allows(&self, device: &MediaDeviceInfo) -> bool {
        let Some(control) = device.control(self.name) else { return self.must_exist != Some(true) };
        if self.must_exist == Some(false) {
            return false;
        }
        match self.name.kind() {
            ControlKind::Number => {
                let Bounds { min, max } = self.bounds;
                !self.bounds.is_bounded() || control.range.nearest((min, max), 0.0).is_some()
            }
            ControlKind::Mode | ControlKind::Switch => {
                self.allowed == Choices::ANY || !Choices::of(&control.range).and(self.allowed).is_none()
            }
        }
    }

    /// The distance of the nearest value that a camera allows.
    fn cost(&self, device: &MediaDeviceInfo) -> f64 {
        let control = device.control(self.name);
        let existence = self.should_exist.is_some_and(|exists| exists != control.is_some());
        let distance = match (control, self.ideal, self.wished) {
            (None, None, None) => 0.0,
            (None, _, _) => 1.0,
            (Some(control), Some(ideal), _) => {
                let Bounds { min, max } = self.bounds;
                control.range.nearest((min, max), ideal).map_or(1.0, |nearest| relative(nearest, ideal))
            }
            (Some(control), None, Some(wished)) => {
                let there = Choices::of(&control.range).and(self.allowed);
                f64::from(u8::from(there.and(wished).is_none()))
            }
            (Some(_), None, None) => 0.0,
        };
        distance + f64::from(u8::from(existence))
    }
}

/// What is asked of all controls.
#[derive(Debug, Clone, Default)]
pub(super) struct ControlGoals(Vec<Asked>);

impl ControlGoals {
    /// Narrows the goals by one more set, if that asks anything of a control.
    pub(super) fn add(&mut self, set: Option<&MediaTrackConstraintSet>, advanced: bool) {
        let Some(set) = set else { return };
        for (name, _) in set.iter() {
            let ConstraintName::Control(name) = name else { continue };
            let index = self.0.iter().position(|asked| asked.name == name).unwrap_or_else(|| {
                self.0.push(Asked::nothing(name));
                self.0.len() - 1
            });
            self.0[index].add(set, advanced);
        }
    }

    /// Whether a camera's controls can be what is required.
    pub(super) fn allow(&self, device: &MediaDeviceInfo) -> bool {
        self.0.iter().all(|asked| asked.allows(device))
    }

    /// Their part of the fitness distance.
    pub(super) fn cost(&self, device: &MediaDeviceInfo) -> f64 {
        self.0.iter().map(|asked| asked.cost(device)).sum()
    }

    /// What is asked of the controls that a camera has, in the order of writing. A value that only counts while its mode
    /// is manual asks for that, too, where nothing else is said about the mode.
    pub(super) fn goals(&self, device: &MediaDeviceInfo) -> Vec<ControlGoal> {
        let there = || self.0.iter().filter(|asked| device.control(asked.name).is_some());
        let mut goals: Vec<_> = there().filter(|asked| asked.asks_for_a_value()).map(Asked::goal).collect();
        for asked in there().filter(|asked| asked.asks_for_a_value()) {
            let Some(governor) = asked.name.governor().filter(|governor| device.control(*governor).is_some()) else {
                continue;
            };
            if !self.0.iter().any(|asked| asked.name == governor && asked.asks_for_a_value()) {
                goals.push(ControlGoal::wish(governor, ControlValue::Mode(MeteringMode::Manual)));
            }
        }
        goals.sort_by_key(|goal| goal.name);
        goals
    }

    /// What they will be set to, as far as that can be told without asking the camera what they are set to now.
    pub(super) fn settings(&self, device: &MediaDeviceInfo) -> ControlSettings {
        let target = |goal: &ControlGoal| {
            let value = goal.certain(&device.control(goal.name)?.range)?;
            Some((goal.name, value))
        };
        self.goals(device).iter().filter_map(target).collect()
    }
}
