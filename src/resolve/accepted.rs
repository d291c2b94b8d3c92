//! What is asked of a camera, its modes and what can be made of them: the sets of constraints in the solver's terms.

use super::candidates::Ids;
use super::controls::ControlGoals;
use super::derive::{Derivation, Made, Sizes, is_each_for_itself};
use super::fitness::{Bounds, Numeric, Text};
use super::range::SizeGoal;
use super::rate::{Rates, exactly};
use super::settings::{ResizeMode, round_ratio};
use crate::constraints::{ConstraintName, MediaTrackConstraintSet};
use crate::devices::{MediaDeviceInfo, Span, VideoMode};
use crate::format::{Fourcc, FrameRate};

/// A mode of a camera, as the solver sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode<'a> {
    pub fourcc: Option<Fourcc>,
    pub width: Span,
    pub height: Span,
    pub rates: Rates<'a>,
}

impl<'a> Mode<'a> {
    pub(super) fn of(mode: &'a VideoMode) -> Self {
        Self { fourcc: Some(mode.fourcc), width: mode.width, height: mode.height, rates: (&mode.frame_rates).into() }
    }
}

/// What is assumed of a camera that enumerates nothing.
pub(super) const ASSUMED_RATE: [FrameRate; 1] = [FrameRate::whole(30)];

/// A set of constraints in the terms of the solver.
#[derive(Debug, Clone, Copy)]
pub(super) struct Set<'a> {
    pub advanced: bool,
    pub size: SizeGoal,
    pub rate: Numeric,
    pub device_id: Text<'a>,
    pub group_id: Text<'a>,
    pub facing_mode: Text<'a>,
    pub pixel_format: Text<'a>,
    pub resize_mode: Text<'a>,
    /// The set itself, where it asks anything of a control.
    pub controls: Option<&'a MediaTrackConstraintSet>,
}

impl<'a> Set<'a> {
    /// Reads a set; bare values are required in an advanced one.
    pub(super) fn new(set: &'a MediaTrackConstraintSet, advanced: bool) -> Self {
        let number = |name, exactly| Numeric::of(set, advanced, name, exactly);
        let text = |name| Text::of(set, advanced, name);
        Self {
            advanced,
            size: SizeGoal {
                width: number(ConstraintName::Width, std::convert::identity),
                height: number(ConstraintName::Height, std::convert::identity),
                aspect: number(ConstraintName::AspectRatio, round_ratio),
            },
            rate: number(ConstraintName::FrameRate, exactly),
            device_id: text(ConstraintName::DeviceId),
            group_id: text(ConstraintName::GroupId),
            facing_mode: text(ConstraintName::FacingMode),
            pixel_format: text(ConstraintName::PixelFormat),
            resize_mode: text(ConstraintName::ResizeMode),
            controls: Some(set).filter(|set| set.iter().any(|(name, _)| matches!(name, ConstraintName::Control(_)))),
        }
    }

    fn allows_device(&self, device: &MediaDeviceInfo, ids: &Ids<'_>) -> bool {
        let facing = device.facing_mode;
        self.device_id.allows(self.advanced, true, |id| ids.matches(id, &device.device_id))
            && self.group_id.allows(self.advanced, true, |id| id == device.group_id)
            && self
                .facing_mode
                .allows(self.advanced, facing.is_some(), |name| facing.is_some_and(|mode| mode.as_str() == name))
    }

    fn allows_format(&self, fourcc: Option<Fourcc>) -> bool {
        self.pixel_format.allows(self.advanced, fourcc.is_some(), |name| name.parse().ok() == fourcc)
    }

    fn allows_resize(&self, mode: ResizeMode) -> bool {
        self.resize_mode.allows(self.advanced, true, |name| name == mode.as_str())
    }

    /// A set of the numeric bounds of both; what it wishes for is what the first wishes for.
    pub(super) fn and(mut self, other: &Self) -> Self {
        let meet = |a: &mut Bounds, b: Bounds| *a = a.and(b);
        meet(&mut self.size.width.bounds, other.size.width.bounds);
        meet(&mut self.size.height.bounds, other.size.height.bounds);
        meet(&mut self.size.aspect.bounds, other.size.aspect.bounds);
        meet(&mut self.rate.bounds, other.rate.bounds);
        self
    }

    /// Whether numbers given as booleans are met: all numbers of a mode exist, but for an unknown rate.
    fn allows_existence(&self, mode: &Mode<'_>) -> bool {
        let known = !matches!(mode.rates, Rates::Unknown);
        !self.advanced
            || ([self.size.width, self.size.height, self.size.aspect]
                .into_iter()
                .all(|numeric| numeric.exists.is_none_or(|exists| exists))
                && self.rate.exists.is_none_or(|exists| exists == known))
    }
}

/// The accepted sets together.
#[derive(Clone)]
pub(super) struct Accepted<'a> {
    /// The basic set, its numeric bounds narrowed by the advanced ones.
    pub numbers: Set<'a>,
    pub sets: Vec<Set<'a>>,
    pub controls: ControlGoals,
}

impl<'a> Accepted<'a> {
    pub(super) fn new(set: Set<'a>) -> Self {
        let mut controls = ControlGoals::default();
        controls.add(set.controls, set.advanced);
        Self { numbers: set, sets: vec![set], controls }
    }

    pub(super) fn resize_modes(&self) -> impl Iterator<Item = ResizeMode> {
        [ResizeMode::None, ResizeMode::CropAndScale]
            .into_iter()
            .filter(|mode| self.sets.iter().all(|set| set.allows_resize(*mode)))
    }

    /// What is asked of the camera itself, and of the picture whatever its mode.
    pub(super) fn allows_device(&self, device: &MediaDeviceInfo, ids: &Ids<'_>) -> bool {
        self.resize_modes().next().is_some()
            && self.controls.allow(device)
            && self.sets.iter().all(|set| set.allows_device(device, ids))
    }

    /// What is asked of a mode beside its numbers.
    pub(super) fn allows_mode(&self, mode: &Mode<'_>) -> bool {
        self.allows_format(mode.fourcc) && self.sets.iter().all(|set| set.allows_existence(mode))
    }

    fn allows_format(&self, fourcc: Option<Fourcc>) -> bool {
        self.sets.iter().all(|set| set.allows_format(fourcc))
    }

    /// Whether anything may be made of a mode.
    pub(super) fn allows_derived(&self, mode: &Mode<'_>) -> bool {
        mode.fourcc.is_some_and(is_each_for_itself)
            && self.resize_modes().any(|mode| mode == ResizeMode::CropAndScale)
            && self.sets.iter().all(|set| set.allows_existence(mode))
    }

    /// The sizes of a mode that come into question.
    pub(super) fn sizes(&self, mode: &Mode<'_>) -> Sizes {
        let goal = &self.numbers.size;
        if !self.allows_derived(mode) {
            return Sizes::own(mode.width, mode.height, goal);
        }
        // Without conversions a part is all that can be had; and where formats are asked for each way may lead to another.
        let ways = cfg!(not(feature = "convert")) || self.sets.iter().any(|set| set.pixel_format.is_given());
        Sizes::all(mode.width, mode.height, goal, ways)
    }

    /// What can be made of a mode, its own best size included, with the pixel format that comes of it.
    pub(super) fn derived(&self, mode: &Mode<'_>, sizes: &Sizes) -> impl Iterator<Item = (Made, Fourcc)> {
        let native = mode.fourcc.filter(|_| self.allows_derived(mode));
        let made = sizes.own.map(Made::native).into_iter().chain(sizes.made());
        made.filter_map(move |made| Some((made, Derivation::new(native?, made.native, made.size)?.fourcc)))
            .filter(|(_, fourcc)| self.allows_format(Some(*fourcc)))
    }
}
