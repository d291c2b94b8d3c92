//! `SelectSettings` of W3C Media Capture and Streams for cameras: over their modes and what can be made of those
//! ([`super::derive`]), all cameras pooled.
//!
//! 1. Everything that meets the basic set is kept.
//! 2. Each `advanced` set, in order, drops those that do not meet it, unless that would drop all.
//! 3. Of those left the smallest fitness distance to the basic set wins; then a mode as it is over what is made of one, and
//!    what has the least taken away; then the order of the cameras, the distance from 640x480 in pixels, the distance from
//!    30 frames per second, and the order of the formats.

use super::accepted::{ASSUMED_RATE, Accepted, Mode, Set};
use super::candidates::Ids;
use super::derive::{Made, Sizes};
use super::fitness::{rank, relative};
use super::pixels::{Class, Named, is_taken, usual_class};
use super::range::{any_size, pixel_distance};
use super::rate::{Choice, Rates, any_rate, any_rate_below, best_rate, lowered};
use super::settings::{ResizeMode, VideoSettings};
use super::{CurrentMode, ResolveOptions};
use crate::constraints::{ConstraintName, MediaTrackConstraintSet, MediaTrackConstraints};
use crate::devices::{MediaDeviceInfo, RESOLUTION_TABLE, Span};
use crate::format::{Fourcc, FrameRate};

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
    /// Distance, and how much is taken away.
    rank: (u64, u64),
}

/// How good settings are; smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Eq, Ord)]
struct Order {
    distance: u64,
    /// Of a camera with other tracks: another mode than the one it runs in.
    disturbs: bool,
    /// Made of the camera's pictures, and not those themselves.
    derived: bool,
    changes_mode: bool,
    /// Another than the best that can be made of the mode, for the sake of its pixel format.
    second_best: bool,
    /// How much larger and faster the camera's own are.
    taken_away: u64,
    /// From 640x480.
    pixels: u128,
    /// From 30 frames per second.
    rate: u64,
    /// Not the format preferred: when recording 1 for all but MJPG; and 2 for what must be decoded.
    second_choice: u8,
}

/// What a camera can give.
struct Candidate {
    /// The camera's own pixel format, and that of what is made.
    fourcc: [Option<Fourcc>; 2],
    made: Made,
    /// The camera's own rate.
    native_rate: Option<FrameRate>,
    rate: Choice,
    second_best: bool,
}

impl Candidate {
    fn is_derived(&self) -> bool {
        self.made.size != self.made.native || self.native_rate != self.rate.rate
    }
}

/// The best settings of a camera so far.
struct Best {
    order: Order,
    fitness: f64,
    candidate: Candidate,
    resize_mode: ResizeMode,
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

    /// Whether any mode of a camera, or what can be made of one, will do.
    fn any_mode(&self, device: &'a MediaDeviceInfo, accepted: &Accepted<'a>) -> bool {
        // Formats mostly share their sizes: what failed for one fails for the next, too.
        let mut failed = None;
        accepted.allows_device(device, self.ids)
            && (self.modes(device).any(|mode| {
                let spans = (mode.width, mode.height);
                let in_question = failed != Some(spans)
                    && accepted.allows_mode(&mode)
                    && any_rate(mode.rates, &accepted.numbers.rate);
                let fits = in_question && any_size(mode.width, mode.height, &accepted.numbers.size);
                if in_question && !fits {
                    failed = Some(spans);
                }
                fits
            }) || self.any_derived(device, accepted))
    }

    /// Whether anything that can be made of a camera's modes will do.
    fn any_derived(&self, device: &'a MediaDeviceInfo, accepted: &Accepted<'a>) -> bool {
        let mut last: Option<Known> = None;
        self.modes(device)
            .filter(|mode| accepted.allows_derived(mode) && any_rate_below(mode.rates, &accepted.numbers.rate))
            .any(|mode| {
                let sizes = sizes(&mut last, &mode, accepted);
                accepted.derived(&mode, &sizes).next().is_some()
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
        let resize_cost = |mode: ResizeMode| basic.resize_mode.cost(true, |name| name == mode.as_str());
        // Every mode is also one that was cropped and scaled by nothing.
        let (as_it_is, name_as_it_is) = accepted
            .resize_modes()
            .map(|mode| (resize_cost(mode), mode))
            .reduce(|none, other| if other.0 < none.0 { other } else { none })?;
        let mut last: Option<Known> = None;
        let mut best: Option<Best> = None;
        let mut consider = |candidate: Candidate| {
            let derived = candidate.is_derived();
            let Candidate { fourcc: [native, fourcc], made, native_rate, rate, second_best, .. } = candidate;
            let (resize_cost, resize_mode) = if derived {
                (resize_cost(ResizeMode::CropAndScale), ResizeMode::CropAndScale)
            } else {
                (as_it_is, name_as_it_is)
            };
            let (width, height) = made.size;
            let format_cost = basic.pixel_format.cost(fourcc.is_some(), |name| name.parse().ok() == fourcc);
            let fitness = basic.size.cost(width, height) + rate.cost + device_cost + resize_cost + format_cost;
            let this = CurrentMode { fourcc: native, size: made.native, frame_rate: native_rate, shared: false };
            let changes_mode = self.current.is_some_and(|current| !current.is(&this));
            let is_jpeg = native.is_some_and(Fourcc::is_jpeg);
            let rate_distance = match (native_rate, rate.rate) {
                (Some(native), Some(rate)) => relative(native.as_f64(), rate.as_f64()),
                _ => 0.0,
            };
            let order = Order {
                distance: rank(fitness),
                disturbs: changes_mode && self.current.is_some_and(|current| current.shared),
                derived,
                changes_mode,
                second_best,
                taken_away: rank(made.distance() + rate_distance),
                pixels: pixel_distance(width, height),
                rate: rate.default_distance(),
                second_choice: if is_jpeg && fourcc != native { 2 } else { u8::from(self.recording && !is_jpeg) },
            };
            if best.as_ref().is_none_or(|best| order < best.order) {
                best = Some(Best { order, fitness, candidate, resize_mode });
            }
        };
        for mode in self.modes(device) {
            let rate = best_rate(mode.rates, &basic.rate);
            let lowered = if accepted.allows_derived(&mode) { lowered(mode.rates, &basic.rate) } else { None };
            if rate.is_none() && lowered.is_none() {
                continue;
            }
            let sizes = sizes(&mut last, &mode, accepted);
            if let (Some(rate), Some(own), true) = (rate, sizes.own, accepted.allows_mode(&mode)) {
                let (fourcc, made) = ([mode.fourcc; 2], Made::native(own));
                consider(Candidate { fourcc, made, native_rate: rate.rate, rate, second_best: false });
            }
            // The mode's own rate, unless a lower one is better.
            let (rate, native_rate) = match (rate, lowered) {
                (Some(own), Some((lower, _))) if rank(own.cost) <= rank(lower.cost) => (own, own.rate),
                (_, Some((lower, native))) => (lower, Some(native)),
                (Some(own), None) => (own, own.rate),
                (None, None) => continue,
            };
            let first = sizes.made().next();
            for (made, fourcc) in accepted.derived(&mode, &sizes) {
                let second_best = made.size != made.native && Some(made) != first;
                let candidate = Candidate { fourcc: [mode.fourcc, Some(fourcc)], made, native_rate, rate, second_best };
                if candidate.is_derived() {
                    consider(candidate);
                }
            }
        }
        let Best { order, fitness, candidate, resize_mode } = best?;
        let Candidate { fourcc: [native_fourcc, fourcc], made, native_rate, rate, .. } = candidate;
        let (width, height) = made.size;
        let settings = VideoSettings {
            fourcc,
            width,
            height,
            frame_rate: rate.rate,
            resize_mode,
            fitness,
            controls: accepted.controls.settings(device),
            control_goals: accepted.controls.goals(device),
            ..VideoSettings::new(device, native_fourcc, made.native, native_rate)
        };
        Some(Solution { device, settings, rank: (order.distance, order.taken_away) })
    }

    /// The name of a required constraint that no mode of any camera meets, even alone; `None` when each is met somewhere.
    pub(super) fn unmet(&self, set: &MediaTrackConstraintSet) -> Option<ConstraintName> {
        ConstraintName::ALL.into_iter().find(|&name| {
            let Some(constraint) = set.get(name).filter(|constraint| constraint.is_required(false)) else {
                return false;
            };
            let mut alone = MediaTrackConstraintSet::new();
            // Whether anything may be made of a mode is asked of every constraint.
            if let Some(resize) = set.get(ConstraintName::ResizeMode).filter(|resize| resize.is_required(false)) {
                alone.set(ConstraintName::ResizeMode, resize.clone());
                if Accepted::new(Set::new(&alone, false)).resize_modes().next().is_none() {
                    // Not to be had at all: it is named itself.
                    alone = MediaTrackConstraintSet::new();
                }
            }
            alone.set(name, constraint.clone());
            let accepted = Accepted::new(Set::new(&alone, false));
            !self.devices.iter().any(|device| self.any_mode(device, &accepted))
        })
    }
}

/// The sizes of the last mode: its spans, and whether anything may be made of it.
type Known = ((Span, Span, bool), Sizes);

/// The sizes of a mode: those of the last one, where it has the same. Formats mostly share theirs.
fn sizes(last: &mut Option<Known>, mode: &Mode<'_>, accepted: &Accepted<'_>) -> Sizes {
    let key = (mode.width, mode.height, accepted.allows_derived(mode));
    match last {
        Some((known, sizes)) if *known == key => *sizes,
        _ => last.insert((key, accepted.sizes(mode))).1,
    }
}
