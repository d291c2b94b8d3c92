//! Values on the command line as people write them: durations, sizes, controls.

use std::str::FromStr;
use std::time::Duration;

use crate::capture::RecoveryPolicy;
use crate::devices::control::ControlKind;
use crate::devices::{ControlName, ControlValue, MeteringMode};
use crate::sink::Segments;

/// `5s`, `500ms`, `2m`, `1h`, or seconds as a number.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is no duration: write 5s, 500ms, 2m or 1h");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number = f64::from_str(number).map_err(|_| refused())?;
    let seconds = match unit.trim() {
        "" | "s" => number,
        "ms" => number / 1000.0,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(refused()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| refused())
}

/// A duration in which something can happen.
pub(super) fn parse_length(text: &str) -> Result<Duration, String> {
    parse_duration(text).and_then(|length| {
        if length.is_zero() { Err("nothing can be captured in no time".to_owned()) } else { Ok(length) }
    })
}

/// A level of `tracing`.
pub(super) fn parse_level(text: &str) -> Result<tracing::Level, String> {
    text.parse().map_err(|_| format!("{text:?} is none of error, warn, info, debug, trace"))
}

/// A duration, or `forever`.
pub(super) fn parse_patience(text: &str) -> Result<RecoveryPolicy, String> {
    if matches!(text, "forever" | "ever") {
        return Ok(RecoveryPolicy::new().patience(None));
    }
    match parse_duration(text) {
        Ok(Duration::ZERO) => Ok(RecoveryPolicy::none()),
        Ok(patience) => Ok(RecoveryPolicy::new().patience(patience)),
        Err(wrong) => Err(format!("{wrong}, or forever")),
    }
}

/// `20G`, `500MB`, `1.5GiB`, or bytes as a number.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let refused = || format!("{text:?} is no size: write 512MB, 20G or 1.5GiB");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number = f64::from_str(number).map_err(|_| refused())?;
    let unit = unit.trim().trim_end_matches(['b', 'B']).to_ascii_lowercase();
    let (prefix, base) = unit.strip_suffix('i').map_or((&*unit, 1000.0_f64), |prefix| (prefix, 1024.0));
    let power = ["", "k", "m", "g", "t"].iter().position(|known| *known == prefix).ok_or_else(refused)?;
    let bytes = number * base.powi(i32::try_from(power).map_err(|_| refused())?);
    // Beyond 2^53 nobody counts single bytes.
    if bytes >= 1.0 && bytes <= u64::MAX as f64 { Ok(bytes as u64) } else { Err(refused()) }
}

/// `brightness=128`, `exposureMode=manual`, `torch=true`.
pub(super) fn parse_control(text: &str) -> Result<(ControlName, ControlValue), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no setting: write brightness=128"))?;
    let name = ControlName::from_name(name.trim()).ok_or_else(|| {
        let known: Vec<_> = ControlName::ALL.iter().map(|name| name.as_str()).collect();
        format!("{name:?} is no control; there are {}", known.join(", "))
    })?;
    let value = value.trim();
    let parsed = match name.kind() {
        ControlKind::Number => {
            f64::from_str(value).ok().filter(|number| number.is_finite()).map(ControlValue::Number).ok_or("a number")
        }
        ControlKind::Mode => MeteringMode::from_name(value).map(ControlValue::Mode).ok_or("manual or continuous"),
        ControlKind::Switch => bool::from_str(value).ok().map(ControlValue::Switch).ok_or("true or false"),
    };
    parsed.map(|value| (name, value)).map_err(|expected| format!("{name} is {expected}, not {value:?}"))
}

/// A length, or a size that nobody can mistake for one: `10m` are minutes, and `10M` is neither.
pub(super) fn parse_segments(text: &str) -> Result<Segments, String> {
    if let Ok(length) = parse_length(text) {
        return Ok(Segments::of_length(length));
    }
    match parse_size(text).ok().filter(|_| text.trim().ends_with(['B', 'b'])) {
        Some(bytes) => Ok(Segments::of_bytes(bytes)),
        None => Err(format!("{text:?} is no length and no size: write 10m or 1h for a time, 512MB or 2GB for a size")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        for (text, bytes) in
            [("20G", 20_000_000_000), ("512MB", 512_000_000), ("1.5GiB", 1_610_612_736), ("7", 7), ("2kb", 2000)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "G", "0", "-1G", "5X", "1e400", "99999999999T", "1Gi5"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn minutes_are_not_megabytes() {
        assert_eq!(parse_segments("10m"), Ok(Segments::of_length(Duration::from_secs(600))));
        assert_eq!(parse_segments("10MB"), Ok(Segments::of_bytes(10_000_000)));
        for wrong in ["10M", "0s", "0MB", "", "ten"] {
            assert!(parse_segments(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patience_is_a_time_or_for_ever() {
        let policy = RecoveryPolicy::new();
        assert_eq!(parse_patience("30s"), Ok(policy));
        assert_eq!(parse_patience("forever"), Ok(policy.patience(None)));
        assert_eq!(parse_patience("0"), Ok(RecoveryPolicy::none()));
        assert!(parse_patience("never").unwrap_err().contains("forever"));
    }

    #[test]
    fn controls_read_by_their_w3c_names() {
        assert_eq!(parse_control("brightness=-12.5"), Ok((ControlName::Brightness, ControlValue::Number(-12.5))));
        let manual = ControlValue::Mode(MeteringMode::Manual);
        assert_eq!(parse_control("exposureMode = manual"), Ok((ControlName::ExposureMode, manual)));
        assert_eq!(parse_control("torch=false"), Ok((ControlName::Torch, ControlValue::Switch(false))));
        for wrong in ["brightness", "brightness=", "brightness=NaN", "focus=1", "exposureMode=1", "torch=1", "=1"] {
            assert!(parse_control(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(parse_duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "s", "5 parsecs", "-1s", "1e400"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert!(parse_length("0s").is_err());
    }
}
