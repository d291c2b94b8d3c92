//! Sentences for people: why a mode was chosen, and why none could be.

use crate::constraints::{Constraint, ConstraintName, MediaTrackConstraintSet};
use crate::devices::{ControlName, ControlSettings, MediaDeviceInfo};
use crate::error::excerpt;
use crate::format::Rect;

use super::settings::{AudioSettings, VideoSettings};

/// As many lines as one kind of media gives.
const MOST_LINES: usize = 10;

/// The lines of one decision, bounded.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<String>);

impl Lines {
    /// Adds a line, while there is room.
    pub(super) fn add(&mut self, line: String) {
        if self.0.len() < MOST_LINES {
            self.0.push(line);
        }
    }

    /// Moves the lines to the result.
    pub(super) fn append_to(self, all: &mut Vec<String>) {
        all.extend(self.0);
    }
}

/// A mode in words: `1280x720 MJPG at 30/1 fps`.
pub(super) fn video(settings: &VideoSettings) -> String {
    let fourcc = settings.fourcc.map_or_else(|| "in the driver's format".to_owned(), |fourcc| fourcc.to_string());
    let rate = settings.frame_rate.map_or_else(|| "at an unknown rate".to_owned(), |rate| format!("at {rate} fps"));
    format!("{}x{} {fourcc} {rate}", settings.width, settings.height)
}

/// What is made of a camera's pictures, in words; `None` where they are delivered as they are.
pub(super) fn derived(settings: &VideoSettings) -> Option<String> {
    let derivation = settings.derivation()?;
    let VideoSettings { native_width, native_height, width, height, .. } = settings;
    let native = format!("the camera gives {native_width}x{native_height}");
    let Rect { width: crop_width, height: crop_height, .. } = derivation.crop;
    let is_whole = (crop_width, crop_height) == (*native_width, *native_height);
    Some(match (is_whole, derivation.scaled) {
        (true, _) => format!("{native}, which is scaled to {width}x{height}"),
        (false, true) => format!("{native}; the middle {crop_width}x{crop_height} of it is scaled to {width}x{height}"),
        (false, false) => format!("{native}; the middle {width}x{height} of it is shown"),
    })
}

/// Controls in words: `brightness 128, exposureMode manual`.
pub(super) fn controls(controls: &ControlSettings) -> String {
    let words: Vec<_> = controls.iter().map(|(name, value)| format!("{name} {value}")).collect();
    words.join(", ")
}

/// What a control of these cameras can be set to, in words.
pub(super) fn range(name: ControlName, devices: &[&MediaDeviceInfo]) -> String {
    let there: Vec<_> = devices
        .iter()
        .filter_map(|device| Some((&device.label, device.control(name)?)))
        .take(4)
        .map(|(label, control)| format!("{} of {} can be {}", name, excerpt(label), control.range))
        .collect();
    if there.is_empty() { format!("none has a control for {name}") } else { there.join("; ") }
}

/// A microphone's parameters in words.
pub(super) fn audio(settings: &AudioSettings) -> String {
    let AudioSettings { sample_rate, channel_count, sample_format, latency, .. } = settings;
    format!("{sample_rate} Hz, {channel_count} channels, {sample_format}, periods of {:.1} ms", latency * 1000.0)
}

/// Names a few devices.
pub(super) fn names(devices: &[&MediaDeviceInfo]) -> String {
    let mut text: Vec<_> = devices.iter().take(4).map(|device| excerpt(&device.label)).collect();
    if devices.len() > text.len() {
        text.push(format!("{} more", devices.len() - text.len()).into());
    }
    text.join(", ")
}

/// A required constraint in words: `width at least 1280`.
pub(super) fn required(name: ConstraintName, constraint: &Constraint) -> String {
    fn number<T: std::fmt::Display>(min: &Option<T>, max: &Option<T>, exact: &Option<T>) -> String {
        let parts = [("exactly", exact), ("at least", min), ("at most", max)];
        let parts = parts.into_iter().filter_map(|(word, value)| value.as_ref().map(|value| format!("{word} {value}")));
        parts.collect::<Vec<_>>().join(" and ")
    }
    let asked = match constraint {
        Constraint::ULong(value) => number(&value.min, &value.max, &value.exact),
        Constraint::Double(value) => number(&value.min, &value.max, &value.exact),
        Constraint::String(value) => {
            let names = value.exact.as_deref().unwrap_or_default();
            let listed: Vec<_> = names.iter().take(4).map(|name| excerpt(name)).collect();
            format!("exactly {}", listed.join(" or "))
        }
        Constraint::Boolean(value) => format!("exactly {}", value.exact.unwrap_or_default()),
        Constraint::BooleanOrString(value) => match &value.exact {
            Some(crate::constraints::BooleanOrString::String(text)) => format!("exactly {}", excerpt(text)),
            Some(crate::constraints::BooleanOrString::Boolean(on)) => format!("exactly {on}"),
            None => String::new(),
        },
        Constraint::Exists(_) => String::new(),
    };
    format!("{} {asked}", name.as_str())
}

/// All required constraints of a set in words.
pub(super) fn all_required(set: &MediaTrackConstraintSet) -> String {
    let required = set.iter().filter(|(_, constraint)| constraint.is_required(false));
    required.map(|(name, constraint)| self::required(name, constraint)).collect::<Vec<_>>().join(", ")
}

/// The set with everything required turned into a wish: what it gets is the nearest there is.
pub(super) fn relaxed(set: &MediaTrackConstraintSet) -> MediaTrackConstraintSet {
    use crate::constraints::{ConstrainNumber, ConstrainValue};
    fn number<T: Copy>(value: &ConstrainNumber<T>) -> ConstrainNumber<T> {
        let wish = value.exact.or(value.min).or(value.max).or(value.ideal).or(value.bare);
        wish.map_or_else(ConstrainNumber::new, |wish| ConstrainNumber::new().ideal(wish))
    }
    fn value<T: Clone>(value: &ConstrainValue<T>) -> ConstrainValue<T> {
        let mut relaxed = ConstrainValue::new();
        relaxed.ideal = value.exact.clone().or(value.ideal.clone()).or(value.bare.clone());
        relaxed
    }
    let mut relaxed = MediaTrackConstraintSet::new();
    for (name, constraint) in set.iter() {
        let wish = match constraint {
            // The camera's own is no nearer if it is not the camera's own.
            _ if name == ConstraintName::ResizeMode => constraint.clone(),
            Constraint::ULong(constraint) => Constraint::ULong(number(constraint)),
            Constraint::Double(constraint) => Constraint::Double(number(constraint)),
            Constraint::String(constraint) => Constraint::String(value(constraint)),
            Constraint::Boolean(constraint) => Constraint::Boolean(value(constraint)),
            Constraint::BooleanOrString(constraint) => Constraint::BooleanOrString(value(constraint)),
            Constraint::Exists(exists) => Constraint::Exists(*exists),
        };
        relaxed.set(name, wish);
    }
    relaxed
}
