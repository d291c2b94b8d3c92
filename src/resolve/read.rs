//! Settings from documents. What is not in a document is told by what is: a camera's own mode is the one delivered where no
//! other is given.

use super::settings::{AudioSettings, ResizeMode, VideoSettings};
use crate::devices::{ControlName, ControlSettings, ControlValue, MeteringMode};
use crate::document::{Kind, Path, Value, fourcc, frame_rate, missing, readable, word};
use crate::error::Result;
use crate::format::Delivery;

readable! {
    ControlValue, "the control's value", control;
    ControlSettings, "the controls", controls;
    VideoSettings, "the settings", video;
    AudioSettings, "the settings", audio;
}

/// A mode, a switch's position or a number, by what it looks like.
fn control(value: Value<'_>, path: &Path<'_>) -> Result<ControlValue> {
    let expected = "a number, true, false, manual or continuous";
    match value.kind() {
        Kind::Number(number) if number.is_finite() => Ok(ControlValue::Number(number)),
        Kind::Boolean(on) => Ok(ControlValue::Switch(on)),
        Kind::String => {
            let mode = MeteringMode::from_name(&value.string(path, expected)?);
            mode.map(ControlValue::Mode).ok_or_else(|| value.unexpected(path, expected))
        }
        _ => Err(value.unexpected(path, expected)),
    }
}

/// Those of the members that are controls. Others are ignored: settings have many besides.
fn controls(value: Value<'_>, path: &Path<'_>) -> Result<ControlSettings> {
    let mut found: Vec<(ControlName, ControlValue)> = Vec::new();
    value.members(path, "an object of controls", |name, value| {
        if let Some(known) = ControlName::from_name(&name) {
            found.retain(|(name, _)| *name != known);
            found.push((known, control(value, &path.name(&name))?));
        }
        Ok(())
    })?;
    Ok(found.into_iter().collect())
}

/// What errors call a number of pixels, hertz or the like.
const WHOLE: &str = "a whole number";

fn video(value: Value<'_>, path: &Path<'_>) -> Result<VideoSettings> {
    let (mut device_id, mut width, mut height) = (None, None, None);
    let (mut native_fourcc, mut native_width, mut native_height, mut native_frame_rate) = (None, None, None, None);
    let mut settings = VideoSettings {
        device_id: String::new(),
        group_id: String::new(),
        label: String::new(),
        path: String::new(),
        fourcc: None,
        width: 0,
        height: 0,
        frame_rate: None,
        native_fourcc: None,
        native_width: 0,
        native_height: 0,
        native_frame_rate: None,
        facing_mode: None,
        resize_mode: ResizeMode::None,
        controls: controls(value, path)?,
        control_goals: Vec::new(),
        fitness: 0.0,
        synthetic: false,
        delivery: None,
    };
    value.members(path, "an object of settings", |name, value| {
        let path = path.name(&name);
        match &*name {
            "deviceId" => device_id = Some(value.text(&path)?),
            "label" => settings.label = value.text(&path)?,
            "fourcc" => settings.fourcc = Some(fourcc(value, &path)?),
            "width" => width = Some(value.whole(&path, 0, WHOLE)?),
            "height" => height = Some(value.whole(&path, 0, WHOLE)?),
            "frameRate" => settings.frame_rate = Some(frame_rate(value, &path)?),
            "nativeFourcc" => native_fourcc = Some(fourcc(value, &path)?),
            "nativeWidth" => native_width = Some(value.whole(&path, 0, WHOLE)?),
            "nativeHeight" => native_height = Some(value.whole(&path, 0, WHOLE)?),
            "nativeFrameRate" => native_frame_rate = Some(frame_rate(value, &path)?),
            "resizeMode" => {
                settings.resize_mode = word(value, &path, "none or crop-and-scale", ResizeMode::from_name)?;
            }
            "delivery" => {
                settings.delivery = Some(word(value, &path, "lent, copied or raw", Delivery::from_name)?);
            }
            "fitness" => settings.fitness = value.finite(&path)?,
            _ => {}
        }
        Ok(())
    })?;
    settings.device_id = device_id.ok_or_else(|| missing(path, "deviceId", "a string"))?;
    settings.width = width.ok_or_else(|| missing(path, "width", "pixels per line"))?;
    settings.height = height.ok_or_else(|| missing(path, "height", "lines"))?;
    settings.native_fourcc = native_fourcc.or(settings.fourcc);
    settings.native_width = native_width.unwrap_or(settings.width);
    settings.native_height = native_height.unwrap_or(settings.height);
    settings.native_frame_rate = native_frame_rate.or(settings.frame_rate);
    Ok(settings)
}

fn audio(value: Value<'_>, path: &Path<'_>) -> Result<AudioSettings> {
    let (mut device_id, mut sample_rate, mut channel_count, mut sample_format) = (None, None, None, None);
    let mut settings = AudioSettings {
        device_id: String::new(),
        group_id: String::new(),
        label: String::new(),
        path: String::new(),
        sample_rate: 0,
        channel_count: 0,
        sample_format: String::new(),
        sample_size: None,
        latency: 0.0,
        echo_cancellation: false,
        fitness: 0.0,
        shared: false,
        synthetic: false,
    };
    value.members(path, "an object of settings", |name, value| {
        let path = path.name(&name);
        match &*name {
            "deviceId" => device_id = Some(value.text(&path)?),
            "label" => settings.label = value.text(&path)?,
            "sampleRate" => sample_rate = Some(value.whole(&path, 0, WHOLE)?),
            "channelCount" => channel_count = Some(value.whole(&path, 0, WHOLE)?),
            "sampleSize" => settings.sample_size = Some(value.whole(&path, 0, WHOLE)?),
            "sampleFormat" => sample_format = Some(value.text(&path)?),
            "latency" => settings.latency = value.finite(&path)?,
            "fitness" => settings.fitness = value.finite(&path)?,
            _ => {}
        }
        Ok(())
    })?;
    settings.device_id = device_id.ok_or_else(|| missing(path, "deviceId", "a string"))?;
    settings.sample_rate = sample_rate.ok_or_else(|| missing(path, "sampleRate", "hertz"))?;
    settings.channel_count = channel_count.ok_or_else(|| missing(path, "channelCount", "a number"))?;
    settings.sample_format = sample_format.ok_or_else(|| missing(path, "sampleFormat", "a string such as S16_LE"))?;
    Ok(settings)
}
