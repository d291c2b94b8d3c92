//! `SelectSettings` of W3C Media Capture and Streams for cameras: over native modes, all cameras pooled.
//!
//! 1. Every mode of every camera that meets the basic set is kept.
//! 2. Each `advanced` set, in order, drops those that do not meet it, unless that would drop all.
//! 3. Of those left the smallest fitness distance to the basic set wins; then the order of the cameras, the distance from
//!    640x480 in pixels, the distance from 30 frames per second, and the order of the formats.

use super::candidates::Ids;
use super::controls::ControlGoals;
use super::fitness::{Bounds, Numeric, Text, rank};
use super::pixels::{Class, Named, is_taken, usual_class};
use super::range::{SizeGoal, any_size, best_size, pixel_distance};
use super::rate::{Rates, any_rate, best_rate, exactly};
use super::settings::{ResizeMode, VideoSettings, round_ratio};
use super::{CurrentMode, ResolveOptions};
use crate::constraints::{ConstraintName, MediaTrackConstraintSet, MediaTrackConstraints};
use crate::devices::{MediaDeviceInfo, RESOLUTION_TABLE, Span, VideoMode};
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
    fn of(mode: &'a VideoMode) -> Self {
        Self { fourcc: Some(mode.fourcc), width: mode.width, height: mode.height, rates: (&mode.frame_rates).into() }
    }
}

/// What is assumed of a camera that enumerates nothing.
const ASSUMED_RATE: [FrameRate; 1] = [FrameRate::whole(30)];

/// A set of constraints in the terms of the solver.
#[derive(Debug, Clone, Copy)]
pub(super) struct Set<'a> {
    advanced: bool,
    pub size: SizeGoal,
    pub rate: Numeric,
    device_id: Text<'a>,
    group_id: Text<'a>,
    facing_mode: Text<'a>,
    pixel_format: Text<'a>,
    resize_mode: Text<'a>,
    /// The set itself, where it asks anything of a control.
    controls: Option<&'a MediaTrackConstraintSet>,
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
    fn and(mut self, other: &Self) -> Self {
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
struct Accepted<'a> {
    /// The basic set, its numeric bounds narrowed by the advanced ones.
    numbers: Set<'a>,
    sets: Vec<Set<'a>>,
    controls: ControlGoals,
}

impl<'a> Accepted<'a> {
    fn new(set: Set<'a>) -> Self {
        let mut controls = ControlGoals::default();
        controls.add(set.controls, set.advanced);
        Self { numbers: set, sets: vec![set], controls }
    }

    fn resize_modes(&self) -> impl Iterator<Item = ResizeMode> {
        [ResizeMode::None, ResizeMode::CropAndScale]
            .into_iter()
            .filter(|mode| self.sets.iter().all(|set| set.allows_resize(*mode)))
    }

    /// What is asked of the camera itself, and of the picture whatever its mode.
    fn allows_device(&self, device: &MediaDeviceInfo, ids: &Ids<'_>) -> bool {
        self.resize_modes().next().is_some()
            && self.controls.allow(device)
            && self.sets.iter().all(|set| set.allows_device(device, ids))
    }

    /// What is asked of a mode beside its numbers.
    fn allows_mode(&self, mode: &Mode<'_>) -> bool {
        self.sets.iter().all(|set| set.allows_format(mode.fourcc) && set.allows_existence(mode))
    }
}

/// The cameras and the request, ready to be solved.
pub(super) struct Selection<'a> {
    pub devices: Vec<&'a MediaDeviceInfo>,
    pub ids: &'a Ids<'a>,
    pub named: &'a Named,
    pub basic: Set<'a>,
    pub advanced: Vec<Set<'a>>,
    pub recording: bool,
    /// What the one camera runs in.
    pub current: Option<CurrentMode>,
}

/// The best settings of one camera.
#[derive(Debug, Clone)]
pub(super) struct Solution<'a> {
    pub device: &'a MediaDeviceInfo,
    pub settings: VideoSettings,
    rank: u64,
}

/// The best mode of a camera so far.
struct Best {
    /// Distance, not what it runs in, pixels from 640x480, distance from 30 frames per second, not the format preferred.
    /// Smaller is better.
    order: (u64, bool, u128, u64, bool),
    fitness: f64,
    fourcc: Option<Fourcc>,
    size: (u32, u32),
    rate: Option<FrameRate>,
}

impl<'a> Selection<'a> {
    /// Reads a track's constraints.
    pub(super) fn new(
        devices: Vec<&'a MediaDeviceInfo>,
        ids: &'a Ids<'a>,
        named: &'a Named,
        track: &'a MediaTrackConstraints,
        options: &ResolveOptions,
    ) -> Self {
        let advanced = track.advanced.iter().map(|set| Set::new(set, true)).collect();
        let ResolveOptions { recording, current, .. } = *options;
        Self { devices, ids, named, basic: Set::new(&track.basic, false), advanced, recording, current }
    }

    /// The modes of a camera that may be taken.
    pub(super) fn modes(&self, device: &'a MediaDeviceInfo) -> impl Iterator<Item = Mode<'a>> + use<'_, 'a> {
        let usual = usual_class(device);
        let table = if device.modes.is_empty() { &RESOLUTION_TABLE[..] } else { &[] };
        let assumed = table.iter().map(|&(width, height)| Mode {
            fourcc: None,
            width: Span::Fixed(width),
            height: Span::Fixed(height),
            rates: Rates::List(&ASSUMED_RATE),
        });
        let listed = device.modes.iter().filter(move |mode| is_taken(mode.fourcc, usual, self.named)).map(Mode::of);
        assumed.chain(listed)
    }

    /// The best settings of each camera, the best camera first. Empty when none will do.
    ///
    /// Cameras that only give grey, infrared or the like come after all others, unless the request names them or such a
    /// format. Cameras that an advanced set dropped come last: they are tried when the others are busy.
    pub(super) fn solve(&self) -> Vec<Solution<'a>> {
        let mut solutions = Vec::new();
        for special in [false, true] {
            let tier: Vec<_> =
                self.devices.iter().copied().filter(|device| self.is_special(device) == special).collect();
            let accepted = self.accept(&tier);
            let mut best: Vec<_> = tier.iter().filter_map(|device| self.best(device, &accepted)).collect();
            best.sort_by_key(|solution| solution.rank);
            let mut spare = Vec::new();
            if accepted.sets.len() > 1 {
                for device in tier.into_iter().filter(|device| !best.iter().any(|b| std::ptr::eq(b.device, *device))) {
                    spare.extend(self.best(device, &self.accept(&[device])));
                }
            }
            spare.sort_by_key(|solution| solution.rank);
            solutions.append(&mut best);
            solutions.append(&mut spare);
        }
        solutions
    }

    fn is_special(&self, device: &MediaDeviceInfo) -> bool {
        let wished = self.basic.device_id.wished.or(self.basic.device_id.required).unwrap_or_default();
        usual_class(device).is_some_and(|class| class != Class::Shown)
            && !self.named.any_of(device)
            && !wished.iter().any(|id| self.ids.matches(id, &device.device_id))
    }

    /// The basic set and those advanced ones that some mode of these cameras meets with all before them.
    fn accept(&self, devices: &[&'a MediaDeviceInfo]) -> Accepted<'a> {
        let mut accepted = Accepted::new(self.basic);
        for set in &self.advanced {
            accepted.sets.push(*set);
            let before = accepted.numbers;
            accepted.numbers = before.and(set);
            // Most sets ask nothing of a control.
            let controls = set.controls.map(|_| accepted.controls.clone());
            accepted.controls.add(set.controls, true);
            let met = devices.iter().any(|device| self.any_mode(device, &accepted));
            if !met {
                accepted.sets.pop();
                accepted.numbers = before;
                accepted.controls = controls.unwrap_or(accepted.controls);
            }
        }
        accepted
    }

    /// Whether any mode of a camera will do.
    fn any_mode(&self, device: &'a MediaDeviceInfo, accepted: &Accepted<'a>) -> bool {
        // Formats mostly share their sizes: what failed for one fails for the next, too.
        let mut failed = None;
        accepted.allows_device(device, self.ids)
            && self.modes(device).any(|mode| {
                let spans = (mode.width, mode.height);
                let in_question = failed != Some(spans)
                    && accepted.allows_mode(&mode)
                    && any_rate(mode.rates, &accepted.numbers.rate);
                let fits = in_question && any_size(mode.width, mode.height, &accepted.numbers.size);
                if in_question && !fits {
                    failed = Some(spans);
                }
                fits
            })
    }

    /// The best settings of one camera.
    fn best(&self, device: &'a MediaDeviceInfo, accepted: &Accepted<'a>) -> Option<Solution<'a>> {
        if !accepted.allows_device(device, self.ids) {
            return None;
        }
        let basic = &accepted.numbers;
        let facing = device.facing_mode;
        let device_cost = basic.device_id.cost(true, |id| self.ids.matches(id, &device.device_id))
            + basic.group_id.cost(true, |id| id == device.group_id)
            + basic.facing_mode.cost(facing.is_some(), |name| facing.is_some_and(|mode| mode.as_str() == name))
            + accepted.controls.cost(device);
        let (resize_cost, resize_mode) = accepted
            .resize_modes()
            .map(|mode| (basic.resize_mode.cost(true, |name| name == mode.as_str()), mode))
            .reduce(|none, other| if other.0 < none.0 { other } else { none })?;
        // Formats mostly share their sizes: the last answer is the next one's, too.
        let mut last: Option<((Span, Span), _)> = None;
        let mut best: Option<Best> = None;
        for mode in self.modes(device) {
            if !accepted.allows_mode(&mode) {
                continue;
            }
            let Some(rate) = best_rate(mode.rates, &basic.rate) else { continue };
            let spans = (mode.width, mode.height);
            let size = match last {
                Some((known, size)) if known == spans => size,
                _ => best_size(mode.width, mode.height, &basic.size),
            };
            last = Some((spans, size));
            let Some((width, height)) = size else { continue };
            let format_cost = basic.pixel_format.cost(mode.fourcc.is_some(), |name| name.parse().ok() == mode.fourcc);
            let fitness = basic.size.cost(width, height) + rate.cost + device_cost + resize_cost + format_cost;
            let second_choice = self.recording && mode.fourcc != Some(Fourcc::MJPG);
            let this = CurrentMode { fourcc: mode.fourcc, size: (width, height), frame_rate: rate.rate };
            let change = self.current.is_some_and(|current| current != this);
            let order = (rank(fitness), change, pixel_distance(width, height), rate.default_distance(), second_choice);
            if best.as_ref().is_none_or(|best| order < best.order) {
                best = Some(Best { order, fitness, fourcc: mode.fourcc, size: (width, height), rate: rate.rate });
            }
        }
        let Best { order, fitness, fourcc, size, rate } = best?;
        let settings = VideoSettings {
            resize_mode,
            fitness,
            controls: accepted.controls.settings(device),
            control_goals: accepted.controls.goals(device),
            ..VideoSettings::new(device, fourcc, size, rate)
        };
        Some(Solution { device, settings, rank: order.0 })
    }

    /// The name of a required constraint that no mode of any camera meets, even alone; `None` when each is met somewhere.
    pub(super) fn unmet(&self, set: &MediaTrackConstraintSet) -> Option<ConstraintName> {
        ConstraintName::ALL.into_iter().find(|&name| {
            let Some(constraint) = set.get(name).filter(|constraint| constraint.is_required(false)) else {
                return false;
            };
            let mut alone = MediaTrackConstraintSet::new();
            alone.set(name, constraint.clone());
            let accepted = Accepted::new(Set::new(&alone, false));
            !self.devices.iter().any(|device| self.any_mode(device, &accepted))
        })
    }
}
