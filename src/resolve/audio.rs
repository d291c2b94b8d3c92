//! Microphones: `SelectSettings` over what the cards offer, and the switches of the 2012 dialect.
//!
//! Rate, channels, sample format and latency of a card do not depend on each other, so that each is solved alone.

use super::candidates::Ids;
use super::fitness::{Bounds, Numeric, Text, rank};
use super::settings::AudioSettings;
use crate::constraints::{
    BooleanOrString, Constraint, ConstraintName, LegacyTrackConstraints, MediaTrackConstraintSet, MediaTrackConstraints,
};
use crate::devices::{MediaDeviceInfo, Values};
use crate::format::SampleFormat;

/// What is nearest to these wins among equals: hertz, channels, sample format, seconds.
const DEFAULT_RATE: u32 = 48_000;
const DEFAULT_CHANNELS: u32 = 2;
const DEFAULT_FORMAT: &str = "S16_LE";
const DEFAULT_LATENCY: f64 = 0.02;

/// The audio switches that libjingle knew. They change nothing here: nothing is processed.
pub(super) const OPTIONS: [&str; 7] = [
    "googEchoCancellation",
    "googEchoCancellation2",
    "googAutoGainControl",
    "googAutoGainControl2",
    "googNoiseSuppression",
    "googHighpassFilter",
    "internalAecDump",
];

/// Bits of a sample in one of ALSA's formats; `None` for those that are not captured here.
pub(super) fn sample_size(format: &str) -> Option<u32> {
    SampleFormat::from_name(format).map(SampleFormat::bits)
}

/// A set of constraints in the terms of the solver.
#[derive(Debug, Clone, Copy)]
struct Set<'a> {
    advanced: bool,
    sample_rate: Numeric,
    sample_size: Numeric,
    channel_count: Numeric,
    latency: Numeric,
    device_id: Text<'a>,
    group_id: Text<'a>,
    /// Whether `echoCancellation` may be false, and what false costs.
    echo: (bool, f64),
    /// Whether switches that are not offered are not required, and what their lack costs.
    absent: (bool, f64),
}

impl<'a> Set<'a> {
    fn new(set: &'a MediaTrackConstraintSet, advanced: bool) -> Self {
        let number = |name| Numeric::of(set, advanced, name, std::convert::identity);
        let echo = match set.get(ConstraintName::EchoCancellation) {
            Some(Constraint::BooleanOrString(value)) => {
                let off = |value: &BooleanOrString| *value == BooleanOrString::Boolean(false);
                (
                    value.required(advanced).is_none_or(off),
                    f64::from(u8::from(!advanced && value.wished().is_some_and(|wished| !off(wished)))),
                )
            }
            _ => (true, 0.0),
        };
        let mut absent = (true, 0.0);
        for name in [ConstraintName::AutoGainControl, ConstraintName::NoiseSuppression] {
            if let Some(constraint) = set.get(name) {
                absent.0 &= !constraint.is_required(advanced);
                absent.1 += if advanced { 0.0 } else { 1.0 };
            }
        }
        Self {
            advanced,
            sample_rate: number(ConstraintName::SampleRate),
            sample_size: number(ConstraintName::SampleSize),
            channel_count: number(ConstraintName::ChannelCount),
            latency: number(ConstraintName::Latency),
            device_id: Text::of(set, advanced, ConstraintName::DeviceId),
            group_id: Text::of(set, advanced, ConstraintName::GroupId),
            echo,
            absent,
        }
    }

    /// What the set asks beside numbers.
    fn allows(&self, device: &MediaDeviceInfo, ids: &Ids<'_>) -> bool {
        let audio = &device.audio;
        let known = [
            (self.sample_rate, audio.sample_rate.is_some()),
            (self.channel_count, audio.channel_count.is_some()),
            (self.sample_size, !audio.sample_formats.is_empty()),
            (self.latency, audio.latency.is_some()),
        ];
        self.echo.0
            && self.absent.0
            && self.device_id.allows(self.advanced, true, |id| ids.matches(id, &device.device_id))
            && self.group_id.allows(self.advanced, true, |id| id == device.group_id)
            && (!self.advanced
                || known.into_iter().all(|(numeric, known)| numeric.exists.is_none_or(|exists| exists == known)))
    }

    fn and(mut self, other: &Self) -> Self {
        let meet = |a: &mut Bounds, b: Bounds| *a = a.and(b);
        meet(&mut self.sample_rate.bounds, other.sample_rate.bounds);
        meet(&mut self.sample_size.bounds, other.sample_size.bounds);
        meet(&mut self.channel_count.bounds, other.channel_count.bounds);
        meet(&mut self.latency.bounds, other.latency.bounds);
        self
    }
}

/// The value wished for, where one is nearer than another: all are equally far from 0.
fn wished(goal: &Numeric) -> Option<f64> {
    goal.ideal.filter(|ideal| *ideal > 0.0)
}

/// The best whole number, and what it costs. What is not known is assumed to be the default, and fails what is required.
fn best_value(values: Option<&Values>, goal: &Numeric, default: u32) -> Option<(u32, f64)> {
    let cost = |value: u32| goal.cost(Some(f64::from(value)));
    let order = |value: &u32| (rank(cost(*value)), value.abs_diff(default));
    let allowed = |value: &u32| goal.bounds.contains(f64::from(*value));
    let best = match values {
        None if goal.bounds.is_bounded() => return None,
        None => return Some((default, goal.cost(None))),
        Some(Values::List(list)) => list.iter().copied().filter(allowed).min_by_key(order),
        Some(Values::Range { min, max }) => {
            // Bounds and ideals of whole numbers are whole.
            let low = goal.bounds.min.max(f64::from(*min));
            let high = goal.bounds.max.min(f64::from(*max));
            if low > high {
                return None;
            }
            let target = wished(goal).unwrap_or(f64::from(default)).clamp(low, high);
            Some(target.round() as u32).filter(allowed)
        }
    };
    best.map(|value| (value, cost(value)))
}

/// The best sample format, its size, and what it costs.
fn best_format(formats: &[String], goal: &Numeric) -> Option<(String, Option<u32>, f64)> {
    if formats.is_empty() {
        let assumed = (DEFAULT_FORMAT.to_owned(), sample_size(DEFAULT_FORMAT), goal.cost(None));
        return (!goal.bounds.is_bounded()).then_some(assumed);
    }
    let sized = formats.iter().map(|format| (format, sample_size(format)));
    let allowed = sized.filter(|(_, size)| match size {
        Some(size) => goal.bounds.contains(f64::from(*size)),
        None => !goal.bounds.is_bounded(),
    });
    let costed = allowed.map(|(format, size)| (format, size, goal.cost(size.map(f64::from))));
    let best =
        costed.min_by_key(|(format, size, cost)| (rank(*cost), format.as_str() != DEFAULT_FORMAT, size.is_none()));
    best.map(|(format, size, cost)| (format.clone(), size, cost))
}

/// The best latency in seconds, and what it costs.
fn best_latency(range: Option<(f64, f64)>, goal: &Numeric) -> Option<(f64, f64)> {
    let Some((min, max)) = range else {
        return (!goal.bounds.is_bounded()).then(|| (DEFAULT_LATENCY, goal.cost(None)));
    };
    let bounds = goal.bounds.and(Bounds { min, max });
    if bounds.min > bounds.max {
        return None;
    }
    let latency = wished(goal).unwrap_or(DEFAULT_LATENCY).clamp(bounds.min, bounds.max);
    Some((latency, goal.cost(Some(latency))))
}

/// The microphones and the request, ready to be solved.
pub(super) struct Selection<'a> {
    devices: Vec<&'a MediaDeviceInfo>,
    ids: &'a Ids<'a>,
    basic: Set<'a>,
    advanced: Vec<Set<'a>>,
}

impl<'a> Selection<'a> {
    /// Reads a track's constraints.
    pub(super) fn new(devices: Vec<&'a MediaDeviceInfo>, ids: &'a Ids<'a>, track: &'a MediaTrackConstraints) -> Self {
        let advanced = track.advanced.iter().map(|set| Set::new(set, true)).collect();
        Self { devices, ids, basic: Set::new(&track.basic, false), advanced }
    }

    /// The best settings of each microphone, the best first; those that were busy at the listing come last.
    pub(super) fn solve(&self) -> Vec<AudioSettings> {
        let mut solutions = Vec::new();
        for busy in [false, true] {
            let tier: Vec<_> = self.devices.iter().copied().filter(|device| is_busy(device) == busy).collect();
            let accepted = self.accept(&tier);
            let mut best = Vec::new();
            let mut spare = Vec::new();
            for device in &tier {
                match self.best(device, &accepted) {
                    Some(settings) => best.push(settings),
                    None => spare.extend(self.best(device, &self.accept(&[device]))),
                }
            }
            for list in [&mut best, &mut spare] {
                list.sort_by_key(|settings| rank(settings.fitness));
                solutions.append(list);
            }
        }
        solutions
    }

    fn accept(&self, devices: &[&'a MediaDeviceInfo]) -> Vec<Set<'a>> {
        let mut accepted = vec![self.basic];
        for set in &self.advanced {
            accepted.push(*set);
            if !devices.iter().any(|device| self.best(device, &accepted).is_some()) {
                accepted.pop();
            }
        }
        accepted
    }

    fn best(&self, device: &MediaDeviceInfo, sets: &[Set<'a>]) -> Option<AudioSettings> {
        if !sets.iter().all(|set| set.allows(device, self.ids)) {
            return None;
        }
        let basic = sets.iter().skip(1).fold(*sets.first()?, |all, set| all.and(set));
        let (sample_rate, rate_cost) = best_value(device.audio.sample_rate.as_ref(), &basic.sample_rate, DEFAULT_RATE)?;
        let (channel_count, channel_cost) =
            best_value(device.audio.channel_count.as_ref(), &basic.channel_count, DEFAULT_CHANNELS)?;
        let (sample_format, sample_size, size_cost) = best_format(&device.audio.sample_formats, &basic.sample_size)?;
        let (latency, latency_cost) = best_latency(device.audio.latency, &basic.latency)?;
        let fitness = rate_cost
            + size_cost
            + channel_cost
            + latency_cost
            + basic.device_id.cost(true, |id| self.ids.matches(id, &device.device_id))
            + basic.group_id.cost(true, |id| id == device.group_id)
            + basic.echo.1
            + basic.absent.1;
        Some(AudioSettings {
            device_id: device.device_id.clone(),
            group_id: device.group_id.clone(),
            label: device.label.clone(),
            path: device.path.clone(),
            sample_rate,
            channel_count,
            sample_format,
            sample_size,
            latency,
            echo_cancellation: false,
            fitness,
            shared: device.shared,
            synthetic: device.synthetic,
        })
    }

    /// The name of a required constraint that no microphone meets, even alone.
    pub(super) fn unmet(&self, set: &MediaTrackConstraintSet) -> Option<ConstraintName> {
        ConstraintName::ALL.into_iter().find(|&name| {
            let Some(constraint) = set.get(name).filter(|constraint| constraint.is_required(false)) else {
                return false;
            };
            let mut alone = MediaTrackConstraintSet::new();
            alone.set(name, constraint.clone());
            let alone = [Set::new(&alone, false)];
            !self.devices.iter().any(|device| self.best(device, &alone).is_some())
        })
    }
}

fn is_busy(device: &MediaDeviceInfo) -> bool {
    device.busy || device.unusable.is_some()
}

/// The 2012 dialect: devices by id, switches, nothing else. Gives the microphones that are left, the best first, or the
/// key of the mandatory pair that cannot be met.
pub(super) fn legacy<'a>(
    devices: &[&'a MediaDeviceInfo],
    ids: &Ids<'_>,
    track: &LegacyTrackConstraints,
) -> Result<Vec<&'a MediaDeviceInfo>, String> {
    let is_id = |key: &str| matches!(key, "sourceId" | "deviceId");
    let mut left = devices.to_vec();
    for pair in track.mandatory.iter().filter(|pair| is_id(&pair.key)) {
        left.retain(|device| ids.matches(&pair.value, &device.device_id));
        if left.is_empty() {
            return Err(pair.key.clone());
        }
    }
    if let Some(pair) = invalid_option(track, &OPTIONS) {
        return Err(pair);
    }
    for pair in track.optional.iter().rev().filter(|pair| is_id(&pair.key)) {
        left.sort_by_key(|device| !ids.matches(&pair.value, &device.device_id));
    }
    Ok(left)
}

/// The mandatory switch whose value is neither `true` nor `false`. The first pair of a key counts.
pub(super) fn invalid_option(track: &LegacyTrackConstraints, options: &[&str]) -> Option<String> {
    let first_of = |key: &&str| track.mandatory.iter().find(|pair| pair.key == **key);
    let invalid = options.iter().filter_map(first_of).find(|pair| !matches!(&*pair.value, "true" | "false"));
    invalid.map(|pair| pair.key.clone())
}
