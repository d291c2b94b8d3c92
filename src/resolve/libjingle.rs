//! The 2012 dialect for cameras: libjingle's `localvideosource.cc` as of September 2014.
//!
//! Mandatory pairs filter the candidates in order; each optional pair, in order, is kept if it leaves any. Of what is left
//! the mode wins whose area is nearest to 640x480, then whose interval is nearest to 33,333,333 ns, then the first. Where
//! libjingle had one camera, this takes the first that has a candidate after the mandatory pairs.

use super::candidates::Ids;
use super::pixels::{Class, Named, in_list, usual_class};
use super::settings::{ResizeMode, VideoSettings};
use super::table::{Candidate, candidates};
use crate::constraints::{LegacyConstraint, LegacyTrackConstraints};
use crate::devices::MediaDeviceInfo;
use crate::error::{Error, ErrorName, excerpt};
use crate::format::{Fourcc, FrameRate};

/// The tolerance of aspect ratios: they travel as strings of six digits, and 1.77778 is more than 640/360.
pub(super) const ROUNDING: f64 = 0.0005;

/// The default format: its area, and its interval in nanoseconds.
const DEFAULT_AREA: u64 = 640 * 480;
const DEFAULT_INTERVAL: u64 = 33_333_333;

/// The switches that libjingle knew at that time. They filter nothing.
pub(super) const OPTIONS: [&str; 3] = ["googNoiseReduction", "googLeakyBucket", "googTemporalLayeredScreencast"];

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    MinWidth,
    MaxWidth,
    MinHeight,
    MaxHeight,
    MinFrameRate,
    MaxFrameRate,
    MinAspectRatio,
    MaxAspectRatio,
    /// `sourceId`, as Chrome had it, or `deviceId`.
    Device,
    /// An extension of this library.
    PixelFormat,
    Option,
}

impl Key {
    /// The key of that name; all others fail every candidate.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "minWidth" => Self::MinWidth,
            "maxWidth" => Self::MaxWidth,
            "minHeight" => Self::MinHeight,
            "maxHeight" => Self::MaxHeight,
            "minFrameRate" => Self::MinFrameRate,
            "maxFrameRate" => Self::MaxFrameRate,
            "minAspectRatio" => Self::MinAspectRatio,
            "maxAspectRatio" => Self::MaxAspectRatio,
            "sourceId" | "deviceId" => Self::Device,
            "pixelFormat" => Self::PixelFormat,
            name if OPTIONS.contains(&name) => Self::Option,
            _ => return None,
        })
    }
}

/// An integer as a C++ stream reads it: leading white space and a sign, then digits; what follows is left. No digits give
/// 0, too many the nearest `int`.
pub(super) fn stream_int(text: &str) -> i64 {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = digits
        .bytes()
        .take_while(u8::is_ascii_digit)
        .fold(0i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    let value = if negative { -magnitude } else { magnitude };
    value.clamp(i64::from(i32::MIN), i64::from(i32::MAX))
}

/// A double as a C++ stream reads it: the longest run of characters that may be part of a number, which must then be one;
/// 0 otherwise.
pub(super) fn stream_double(text: &str) -> f64 {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (mut seen_digit, mut seen_point, mut seen_exponent) = (false, false, false);
    let mut previous = b' ';
    let length = text
        .bytes()
        .take_while(|&byte| {
            let part = match byte {
                b'0'..=b'9' => {
                    seen_digit = true;
                    true
                }
                b'+' | b'-' => matches!(previous, b' ' | b'e' | b'E'),
                b'.' => !std::mem::replace(&mut seen_point, true) && !seen_exponent,
                b'e' | b'E' => seen_digit && !std::mem::replace(&mut seen_exponent, true),
                _ => false,
            };
            previous = byte;
            part
        })
        .count();
    text[..length].parse().unwrap_or(0.0)
}

/// Whether a candidate passes a pair. One that passes may be changed by it.
fn passes(candidate: &mut Candidate<'_>, key: Key, value: &str, mandatory: bool) -> bool {
    let width = i64::from(candidate.width);
    let height = i64::from(candidate.height);
    let ratio = f64::from(candidate.width) / f64::from(candidate.height);
    match key {
        Key::MinWidth => stream_int(value) <= width,
        Key::MaxWidth => stream_int(value) >= width,
        Key::MinHeight => stream_int(value) <= height,
        Key::MaxHeight => stream_int(value) >= height,
        Key::MinAspectRatio => stream_double(value) <= ratio + ROUNDING,
        Key::MaxAspectRatio => stream_double(value) >= ratio - ROUNDING,
        Key::MinFrameRate => {
            let fps = stream_int(value);
            fps <= candidate.fps() || candidate.raise(fps)
        }
        Key::MaxFrameRate => {
            let fps = match stream_int(value) {
                // libjingle counted a negative rate as one that every camera exceeds, and then divided by it.
                ..=0 if mandatory => return false,
                ..=0 => 1,
                fps => fps,
            };
            fps <= candidate.fps() && candidate.lower(fps)
        }
        Key::PixelFormat => match candidate.fourcc {
            Some(fourcc) => in_list(value).any(|named| named == fourcc),
            None => {
                // A camera that lists nothing is asked for what the request names.
                candidate.fourcc = in_list(value).next();
                candidate.fourcc.is_some()
            }
        },
        // The camera has been chosen by then.
        Key::Device | Key::Option => true,
    }
}

/// The first that libjingle's comparison prefers.
fn pick<'c, 'a>(candidates: &'c [Candidate<'a>]) -> Option<&'c Candidate<'a>> {
    let area =
        |candidate: &Candidate<'_>| (u64::from(candidate.width) * u64::from(candidate.height)).abs_diff(DEFAULT_AREA);
    let mut best = candidates.first()?;
    // The first entry, too, must beat the default interval itself.
    let (mut best_area, mut best_interval) = (area(best), DEFAULT_INTERVAL);
    for candidate in candidates {
        let (area, interval) = (area(candidate), candidate.interval_ns().abs_diff(DEFAULT_INTERVAL));
        if area < best_area || (area == best_area && interval < best_interval) {
            (best, best_area, best_interval) = (candidate, area, interval);
        }
    }
    Some(best)
}

/// What became of a camera.
enum Outcome {
    /// Its best mode.
    Settings(VideoSettings),
    /// The position of the mandatory pair that left nothing.
    Emptied(usize),
}

/// The cameras and the request.
pub(super) struct Request<'a> {
    pub devices: Vec<&'a MediaDeviceInfo>,
    pub ids: &'a Ids<'a>,
    pub named: &'a Named,
    pub track: &'a LegacyTrackConstraints,
    pub recording: bool,
}

impl<'a> Request<'a> {
    /// The best settings of each camera that meets the mandatory pairs, the camera to be taken first; otherwise the
    /// mandatory pair that left none.
    pub(super) fn solve(&self) -> Result<Vec<(&'a MediaDeviceInfo, VideoSettings)>, Option<&'a LegacyConstraint>> {
        let mut found = Vec::new();
        let mut last_emptied = None;
        for device in &self.devices {
            match self.camera(device) {
                Outcome::Settings(settings) => found.push((*device, settings)),
                Outcome::Emptied(position) => last_emptied = last_emptied.max(Some(position)),
            }
        }
        if found.is_empty() {
            return Err(last_emptied.and_then(|position| self.track.mandatory.get(position)));
        }
        // Cameras that only give grey or infrared come last, unless they or such a format are named.
        found.sort_by_key(|(device, _)| {
            usual_class(device).is_some_and(|class| class != Class::Shown)
                && !self.named.any_of(device)
                && !self.chosen(&self.track.mandatory, device)
        });
        // Optional ids, in order, move the cameras they name to the front: the first pair that names any decides.
        for pair in self.track.optional.iter().rev().filter(|pair| Key::from_name(&pair.key) == Some(Key::Device)) {
            found.sort_by_key(|(device, _)| !self.ids.matches(&pair.value, &device.device_id));
        }
        Ok(found)
    }

    fn chosen(&self, pairs: &[LegacyConstraint], device: &MediaDeviceInfo) -> bool {
        pairs.iter().any(|pair| {
            Key::from_name(&pair.key) == Some(Key::Device) && self.ids.matches(&pair.value, &device.device_id)
        })
    }

    fn camera(&self, device: &'a MediaDeviceInfo) -> Outcome {
        let minimum = |pair: &LegacyConstraint| {
            (Key::from_name(&pair.key) == Some(Key::MinFrameRate)).then(|| stream_int(&pair.value))
        };
        let mandatory_fps = self.track.mandatory.iter().filter_map(minimum).max();
        let mut left = candidates(device, self.named, mandatory_fps, self.recording);
        for (position, pair) in self.track.mandatory.iter().enumerate() {
            match Key::from_name(&pair.key) {
                Some(Key::Device) if !self.ids.matches(&pair.value, &device.device_id) => left.clear(),
                Some(key) => left.retain_mut(|candidate| passes(candidate, key, &pair.value, true)),
                None => left.clear(),
            }
            if left.is_empty() {
                return Outcome::Emptied(position);
            }
        }
        for pair in &self.track.optional {
            let Some(key) = Key::from_name(&pair.key) else { continue };
            if left.iter().any(|candidate| passes(&mut candidate.clone(), key, &pair.value, false)) {
                left.retain_mut(|candidate| passes(candidate, key, &pair.value, false));
            }
        }
        // A format that only an optional pair names was in the list for that pair alone.
        let wished = |candidate: &Candidate<'_>| !candidate.unusual;
        if left.iter().any(wished) && left.iter().any(|candidate| !wished(candidate)) {
            left.retain(wished);
        }
        match pick(&left) {
            Some(best) => Outcome::Settings(self.settings(device, best, &left)),
            None => Outcome::Emptied(usize::MAX),
        }
    }

    fn settings(&self, device: &MediaDeviceInfo, best: &Candidate<'_>, left: &[Candidate<'_>]) -> VideoSettings {
        let same = |other: &&Candidate<'_>| {
            other.fourcc == Some(Fourcc::MJPG)
                && (other.width, other.height, other.interval_ns()) == (best.width, best.height, best.interval_ns())
        };
        let best = left.iter().filter(|_| self.recording).find(same).unwrap_or(best);
        let mut settings = VideoSettings::new(device, best.fourcc, (best.width, best.height), best.delivered());
        settings.native_frame_rate = best.native_for_delivery();
        if settings.is_decimated() {
            settings.resize_mode = ResizeMode::CropAndScale;
        }
        settings
    }
}

/// The error of a mandatory key that is not known; checked before any camera is looked at.
pub(super) fn unsupported<'a>(mandatory: &'a [LegacyConstraint], known: impl Fn(&str) -> bool) -> Result<(), Error> {
    let unknown: Option<&'a LegacyConstraint> = mandatory.iter().find(|pair| !known(&pair.key));
    match unknown {
        None => Ok(()),
        Some(pair) => {
            let key = excerpt(&pair.key);
            Err(Error::new(ErrorName::NotSupportedError, format!("the mandatory constraint {key} is not supported"))
                .with_constraint(key.clone())
                .with_remedy(format!("move {key} to the optional list, where what is not supported is skipped")))
        }
    }
}

/// The delivered rate of a candidate that was lowered to a whole number of frames per second.
pub(super) fn whole(fps: i64) -> Option<FrameRate> {
    u32::try_from(fps).ok().and_then(|fps| FrameRate::new(fps, 1))
}
