//! The devices document: what `usermedia devices --json` prints and `usermedia resolve --devices` reads. Its parts are what
//! the crate `serde` writes and reads of devices.

mod controls;
mod write;

use super::model::{
    FacingMode, FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, Unusable, UnusableReason, Values, VideoMode,
};
use crate::document::{Kind, Path, Value, fourcc, frame_rate as rate, missing, push, readable};
#[cfg(feature = "json")]
use crate::error::{Error, ErrorName};
use crate::error::{Holder, Result};
#[cfg(feature = "json")]
use crate::json::document;

readable! {
    MediaDeviceInfo, "the device", |value, path| {
        device(value, path)?.ok_or_else(|| value.unexpected(path, "a device whose kind is videoinput or audioinput"))
    };
    VideoMode, "the mode", mode;
    FrameRates, "the frame rates", |value, path| match value.kind() {
        Kind::Null => Ok(Self::Unknown),
        _ => frame_rates(value, path),
    };
    Span, "the pixels", span;
    Values, "the numbers", values;
    Unusable, "the reason", unusable;
    Holder, "the holder", holder;
}

/// What errors call the document.
#[cfg(feature = "json")]
const DOCUMENT: &str = "the devices";

/// Reads a devices document.
///
/// Unknown members, and devices of a kind that is no input, are ignored. A member that is `null` is absent.
///
/// # Errors
///
/// [`ErrorName::TypeError`], saying where (`devices[3].modes[0].width`) and what is expected: not JSON, more than 1 MiB or 64
/// levels, a device without `kind` or `deviceId`, or a member that is not what it should be.
#[cfg(feature = "json")]
pub fn read_devices(json: impl AsRef<[u8]>) -> Result<Vec<MediaDeviceInfo>> {
    let root = Path::root(DOCUMENT);
    let mut devices = None;
    document(json.as_ref(), DOCUMENT)?.members(&root, "an object {\"devices\": [...]}", |name, value| {
        if name == "devices" {
            let path = root.name("devices");
            let list = devices.insert(Vec::new());
            value.elements(&path, "a list of devices", |index, value| {
                if let Some(device) = device(value, &path.index(index))? {
                    push(list, device);
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    devices.ok_or_else(|| {
        Error::new(ErrorName::TypeError, "the devices have no member named devices")
            .with_remedy("save the output of `usermedia devices --json`")
    })
}

/// Writes a devices document, on one line. [`read_devices`] reads the same devices back.
#[cfg(feature = "json")]
pub fn write_devices(devices: &[MediaDeviceInfo]) -> String {
    crate::json::to_string(&write::Document(devices))
}

fn device(value: Value<'_>, path: &Path<'_>) -> Result<Option<MediaDeviceInfo>> {
    let mut kind = None;
    let mut ignored = false;
    value.members(path, "an object", |name, value| {
        if name == "kind" {
            let text = value.string(&path.name("kind"), "videoinput or audioinput")?;
            kind = [MediaDeviceKind::VideoInput, MediaDeviceKind::AudioInput]
                .into_iter()
                .find(|kind| kind.as_str() == text);
            ignored = kind.is_none();
        }
        Ok(())
    })?;
    if ignored {
        return Ok(None);
    }
    let kind = kind.ok_or_else(|| missing(path, "kind", "videoinput or audioinput"))?;
    let mut device = MediaDeviceInfo::new(kind, "");
    let (mut device_id, mut group_id, mut label) = (None, None, None);
    value.members(path, "an object", |name, value| {
        let path = path.name(&name);
        let text = || value.text(&path);
        match &*name {
            "deviceId" => device_id = Some(text()?),
            "groupId" => group_id = Some(text()?),
            "label" => label = Some(text()?),
            "path" => device.path = text()?,
            "driver" => device.driver = text()?,
            "facingMode" => {
                let expected = "user, environment, left, right or null";
                let facing = FacingMode::from_name(&value.string(&path, expected)?);
                device.facing_mode = Some(facing.ok_or_else(|| value.unexpected(&path, expected))?);
            }
            "modes" => {
                device.modes.clear();
                value.elements(&path, "a list of modes", |index, value| {
                    push(&mut device.modes, mode(value, &path.index(index))?);
                    Ok(())
                })?;
            }
            "controls" => device.controls = controls::read(value, &path)?,
            "sampleRate" => device.audio.sample_rate = Some(values(value, &path)?),
            "channelCount" => device.audio.channel_count = Some(values(value, &path)?),
            "sampleFormats" => {
                device.audio.sample_formats.clear();
                value.elements(&path, "a list of ALSA's format names", |index, value| {
                    let format = value.string(&path.index(index), "a string such as S16_LE")?;
                    push(&mut device.audio.sample_formats, format.into_owned());
                    Ok(())
                })?;
            }
            "latency" => device.audio.latency = Some(latency(value, &path)?),
            "busy" => device.busy = value.boolean(&path)?,
            "shared" => device.shared = value.boolean(&path)?,
            "synthetic" => device.synthetic = value.boolean(&path)?,
            "unusable" => device.unusable = Some(unusable(value, &path)?),
            _ => {}
        }
        Ok(())
    })?;
    device.device_id = device_id.ok_or_else(|| missing(path, "deviceId", "a string"))?;
    device.group_id = group_id.unwrap_or_else(|| device.device_id.clone());
    device.label = label.unwrap_or_else(|| device.device_id.clone());
    Ok(Some(device))
}

/// A whole number from 1 to 2^32 - 1.
fn positive(value: Value<'_>, path: &Path<'_>) -> Result<u32> {
    value.whole(path, 1, "a positive whole number")
}

fn mode(value: Value<'_>, path: &Path<'_>) -> Result<VideoMode> {
    let (mut code, mut width, mut height, mut rates) = (None, None, None, FrameRates::Unknown);
    value.members(path, "an object", |name, value| {
        let path = path.name(&name);
        match &*name {
            "fourcc" => code = Some(fourcc(value, &path)?),
            "width" => width = Some(span(value, &path)?),
            "height" => height = Some(span(value, &path)?),
            "frameRates" => rates = frame_rates(value, &path)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(VideoMode::new(
        code.ok_or_else(|| missing(path, "fourcc", "a string such as YUYV"))?,
        width.ok_or_else(|| missing(path, "width", "a number or {min, max, step}"))?,
        height.ok_or_else(|| missing(path, "height", "a number or {min, max, step}"))?,
        rates,
    ))
}

/// The ends of a range, and its step where it has one.
fn range(value: Value<'_>, path: &Path<'_>, expected: &str) -> Result<(u32, u32, u32)> {
    let (mut min, mut max, mut step) = (None, None, 1);
    value.members(path, expected, |name, value| {
        let path = path.name(&name);
        match &*name {
            "min" => min = Some(positive(value, &path)?),
            "max" => max = Some(positive(value, &path)?),
            "step" => step = positive(value, &path)?,
            _ => {}
        }
        Ok(())
    })?;
    let min = min.ok_or_else(|| missing(path, "min", "a positive whole number"))?;
    let max = max.ok_or_else(|| missing(path, "max", "a positive whole number"))?;
    if min > max {
        return Err(value.unexpected(path, "a range whose min is not above its max"));
    }
    Ok((min, max, step))
}

fn span(value: Value<'_>, path: &Path<'_>) -> Result<Span> {
    if let Kind::Number(_) = value.kind() {
        return positive(value, path).map(Span::Fixed);
    }
    let (min, max, step) = range(value, path, "a positive whole number or {min, max, step}")?;
    Ok(if min == max { Span::Fixed(min) } else { Span::Range { min, max, step } })
}

fn frame_rates(value: Value<'_>, path: &Path<'_>) -> Result<FrameRates> {
    if value.kind() == Kind::List {
        let mut rates = Vec::new();
        value.elements(path, "a list", |index, value| {
            push(&mut rates, rate(value, &path.index(index))?);
            Ok(())
        })?;
        return Ok(FrameRates::List(rates));
    }
    let (mut min, mut max) = (None, None);
    value.members(path, "a list of rates or {min, max}", |name, value| {
        let path = path.name(&name);
        match &*name {
            "min" => min = Some(rate(value, &path)?),
            "max" => max = Some(rate(value, &path)?),
            _ => {}
        }
        Ok(())
    })?;
    let min = min.ok_or_else(|| missing(path, "min", "a frame rate"))?;
    let max = max.ok_or_else(|| missing(path, "max", "a frame rate"))?;
    if min > max {
        return Err(value.unexpected(path, "a range whose min is not above its max"));
    }
    Ok(FrameRates::Range { min, max })
}

fn values(value: Value<'_>, path: &Path<'_>) -> Result<Values> {
    let expected = "a list of numbers or {min, max}";
    match value.kind() {
        Kind::Number(_) => positive(value, path).map(|only| Values::List(vec![only])),
        Kind::List => {
            let mut list = Vec::new();
            value.elements(path, expected, |index, value| {
                push(&mut list, positive(value, &path.index(index))?);
                Ok(())
            })?;
            Ok(Values::List(list))
        }
        _ => range(value, path, expected).map(|(min, max, _)| Values::Range { min, max }),
    }
}

fn latency(value: Value<'_>, path: &Path<'_>) -> Result<(f64, f64)> {
    let seconds = |value: Value<'_>, path: &Path<'_>| match value.kind() {
        Kind::Number(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err(value.unexpected(path, "seconds, not negative")),
    };
    if let Kind::Number(_) = value.kind() {
        return seconds(value, path).map(|only| (only, only));
    }
    let (mut min, mut max) = (None, None);
    value.members(path, "{min, max} in seconds", |name, value| {
        let path = path.name(&name);
        match &*name {
            "min" => min = Some(seconds(value, &path)?),
            "max" => max = Some(seconds(value, &path)?),
            _ => {}
        }
        Ok(())
    })?;
    let min = min.ok_or_else(|| missing(path, "min", "seconds"))?;
    let max = max.ok_or_else(|| missing(path, "max", "seconds"))?;
    if min > max {
        return Err(value.unexpected(path, "a range whose min is not above its max"));
    }
    Ok((min, max))
}

fn unusable(value: Value<'_>, path: &Path<'_>) -> Result<Unusable> {
    // A reason from a later version is one that is not known here: reading the node failed, for all that can be said.
    let mut unusable = Unusable::new(UnusableReason::Failed, "");
    let mut reason = None;
    value.members(path, "an object", |name, value| {
        let path = path.name(&name);
        match &*name {
            "reason" => reason = Some(value.string(&path, "a reason such as no-permission")?.into_owned()),
            "message" => unusable.message = value.string(&path, "a string")?.into_owned(),
            "remedy" => unusable.remedy = Some(value.string(&path, "a string")?.into_owned()),
            "errno" => unusable.errno = Some(errno(value, &path)?),
            "holder" => unusable.holder = Some(holder(value, &path)?),
            _ => {}
        }
        Ok(())
    })?;
    let reason = reason.ok_or_else(|| missing(path, "reason", "a word such as no-permission"))?;
    unusable.reason = UnusableReason::from_name(&reason).unwrap_or(UnusableReason::Failed);
    Ok(unusable)
}

fn errno(value: Value<'_>, path: &Path<'_>) -> Result<i32> {
    match value.kind() {
        // Whole and in range, so that nothing is lost.
        Kind::Number(number)
            if number.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number) =>
        {
            Ok(number as i32)
        }
        _ => Err(value.unexpected(path, "a whole number")),
    }
}

fn holder(value: Value<'_>, path: &Path<'_>) -> Result<Holder> {
    let mut holder = Holder { process: String::new(), pid: 0 };
    value.members(path, "an object {process, pid}", |name, value| {
        let path = path.name(&name);
        match &*name {
            "process" => holder.process = value.string(&path, "a string")?.into_owned(),
            "pid" => holder.pid = positive(value, &path)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(holder)
}
