//! What a mode that a driver really answered with violates.

use super::candidates::is_called;
use super::fitness::Numeric;
use super::libjingle::{Key, stream_double, stream_int};
use super::pixels::in_list;
use super::rate::exactly;
use super::settings::{AudioSettings, VideoSettings, round_ratio};
use super::table::whole_fps;
use crate::constraints::{
    BooleanOrString, Constraint, ConstraintName, LegacyConstraint, MediaStreamConstraints, MediaTrackConstraintSet,
    MediaTrackRequest,
};
use crate::devices::ControlValue;

impl MediaStreamConstraints {
    /// The required constraint that a camera's negotiated mode violates, if any. Drivers may answer with another mode than
    /// the one asked for; that is fatal only against a required constraint.
    ///
    /// Names are those of the request's dialect: `width`, or `minWidth`.
    pub fn video_violation(&self, settings: &VideoSettings) -> Option<String> {
        match &self.video {
            MediaTrackRequest::NotRequested | MediaTrackRequest::Any => None,
            MediaTrackRequest::Constraints(track) => {
                w3c_video(&track.basic, settings).map(|name| name.as_str().to_owned())
            }
            MediaTrackRequest::Legacy(track) => {
                track.mandatory.iter().find(|pair| !legacy_holds(pair, settings)).map(|pair| pair.key.clone())
            }
        }
    }

    /// The required constraint that a microphone's negotiated parameters violate, if any.
    pub fn audio_violation(&self, settings: &AudioSettings) -> Option<String> {
        let MediaTrackRequest::Constraints(track) = &self.audio else { return None };
        w3c_audio(&track.basic, settings).map(|name| name.as_str().to_owned())
    }
}

fn number_holds(set: &MediaTrackConstraintSet, name: ConstraintName, value: Option<f64>, map: fn(f64) -> f64) -> bool {
    let bounds = Numeric::of(set, false, name, map).bounds;
    !bounds.is_bounded() || value.is_some_and(|value| bounds.contains(value))
}

fn text_holds(set: &MediaTrackConstraintSet, name: ConstraintName, equals: impl Fn(&str) -> bool) -> bool {
    match set.get(name) {
        Some(Constraint::String(value)) => {
            value.exact.as_ref().is_none_or(|list| list.is_empty() || list.iter().any(|text| equals(text)))
        }
        _ => true,
    }
}

fn w3c_video(set: &MediaTrackConstraintSet, settings: &VideoSettings) -> Option<ConstraintName> {
    use ConstraintName as Name;
    let same = std::convert::identity;
    let rate = settings.frame_rate.map(|rate| rate.as_f64());
    let holds = |name: Name| match name {
        Name::Width => number_holds(set, name, Some(f64::from(settings.width)), same),
        Name::Height => number_holds(set, name, Some(f64::from(settings.height)), same),
        Name::AspectRatio => number_holds(set, name, Some(settings.aspect_ratio()), round_ratio),
        Name::FrameRate => number_holds(set, name, rate, exactly),
        Name::PixelFormat => {
            text_holds(set, name, |text| settings.fourcc.is_some() && text.parse().ok() == settings.fourcc)
        }
        Name::FacingMode => {
            text_holds(set, name, |text| settings.facing_mode.is_some_and(|mode| mode.as_str() == text))
        }
        Name::ResizeMode => text_holds(set, name, |text| text == settings.resize_mode.as_str()),
        Name::DeviceId => text_holds(set, name, |text| is_called(&settings.device_id, text)),
        Name::GroupId => text_holds(set, name, |text| text == settings.group_id),
        // A value that the driver does not tell cannot be judged.
        Name::Control(control) => settings.controls.get(control).is_none_or(|value| control_holds(set, name, value)),
        _ => true,
    };
    ConstraintName::ALL.into_iter().find(|name| !holds(*name))
}

fn control_holds(set: &MediaTrackConstraintSet, name: ConstraintName, value: ControlValue) -> bool {
    match value {
        ControlValue::Number(number) => number_holds(set, name, Some(number), std::convert::identity),
        ControlValue::Mode(mode) => text_holds(set, name, |text| text == mode.as_str()),
        ControlValue::Switch(on) => match set.get(name) {
            Some(Constraint::Boolean(constraint)) => constraint.exact.is_none_or(|exact| exact == on),
            _ => true,
        },
    }
}

fn w3c_audio(set: &MediaTrackConstraintSet, settings: &AudioSettings) -> Option<ConstraintName> {
    use ConstraintName as Name;
    let same = std::convert::identity;
    let holds = |name: Name| match name {
        Name::SampleRate => number_holds(set, name, Some(f64::from(settings.sample_rate)), same),
        Name::SampleSize => number_holds(set, name, settings.sample_size.map(f64::from), same),
        Name::ChannelCount => number_holds(set, name, Some(f64::from(settings.channel_count)), same),
        Name::Latency => number_holds(set, name, Some(settings.latency), same),
        Name::DeviceId => text_holds(set, name, |text| is_called(&settings.device_id, text)),
        Name::GroupId => text_holds(set, name, |text| text == settings.group_id),
        Name::EchoCancellation => match set.get(name) {
            Some(Constraint::BooleanOrString(value)) => {
                value.exact.as_ref().is_none_or(|exact| *exact == BooleanOrString::Boolean(settings.echo_cancellation))
            }
            _ => true,
        },
        _ => true,
    };
    ConstraintName::ALL.into_iter().find(|name| !holds(*name))
}

fn legacy_holds(pair: &LegacyConstraint, settings: &VideoSettings) -> bool {
    let value = &pair.value;
    let fps = settings.frame_rate.map_or(0, whole_fps);
    let ratio = f64::from(settings.width) / f64::from(settings.height);
    match Key::from_name(&pair.key) {
        Some(Key::MinWidth) => stream_int(value) <= i64::from(settings.width),
        Some(Key::MaxWidth) => stream_int(value) >= i64::from(settings.width),
        Some(Key::MinHeight) => stream_int(value) <= i64::from(settings.height),
        Some(Key::MaxHeight) => stream_int(value) >= i64::from(settings.height),
        Some(Key::MinFrameRate) => stream_int(value) <= fps,
        // A camera that is slower than the highest rate does what was meant.
        Some(Key::MaxFrameRate) => stream_int(value) >= fps,
        Some(Key::MinAspectRatio) => stream_double(value) <= ratio + super::libjingle::ROUNDING,
        Some(Key::MaxAspectRatio) => stream_double(value) >= ratio - super::libjingle::ROUNDING,
        Some(Key::PixelFormat) => settings.fourcc.is_some_and(|fourcc| in_list(value).any(|named| named == fourcc)),
        Some(Key::Device) => is_called(&settings.device_id, value),
        Some(Key::Option) | None => true,
    }
}
