//! `usermedia devices`.

use std::fmt::Write;
use std::process::ExitCode;

use super::args::DevicesArguments;
use super::{Failure, print, request, text};
use crate::devices::{
    CameraControl, ControlRange, FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, Values, VideoMode, write_devices,
};
use crate::format::Fourcc;

pub(super) fn run(arguments: &DevicesArguments) -> Result<ExitCode, Failure> {
    let source = request::devices(&arguments.common);
    let mut devices = source.enumerate_all_devices();
    let found = devices.len();
    if !arguments.all {
        devices.retain(MediaDeviceInfo::is_capturable);
    }
    if arguments.common.json {
        print::result(&write_devices(&devices))?;
    } else {
        let hidden = u64::try_from(found - devices.len()).unwrap_or(u64::MAX);
        print::result(listing(&devices, hidden, text::width()).trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn listing(devices: &[MediaDeviceInfo], hidden: u64, width: usize) -> String {
    let mut out = String::new();
    let usable = |kind| devices.iter().filter(move |device| device.kind == kind && device.is_capturable());
    for (kind, title) in [(MediaDeviceKind::VideoInput, "Cameras"), (MediaDeviceKind::AudioInput, "Microphones")] {
        let mut of_kind = usable(kind).peekable();
        if of_kind.peek().is_none() {
            let _ = writeln!(out, "{title}: none\n");
            continue;
        }
        let _ = writeln!(out, "{title}");
        for device in of_kind {
            describe(&mut out, device, width);
        }
        out.push('\n');
    }
    let unusable: Vec<_> = devices.iter().filter(|device| !device.is_capturable()).collect();
    if !unusable.is_empty() {
        out.push_str("Not usable\n");
    }
    for device in unusable {
        let Some(unusable) = &device.unusable else { continue };
        let _ = writeln!(out, "  {}  {}", device.path, device.label);
        let reason = format!("    {}: ", unusable.reason.as_str());
        let _ = writeln!(out, "{}", text::sentence(&reason, &unusable.message, width));
        if let Some(remedy) = &unusable.remedy {
            let _ = writeln!(out, "{}", text::sentence("    hint: ", remedy, width));
        }
    }
    if hidden > 0 {
        let what = if devices.is_empty() { "node" } else { "more node" };
        let hidden = text::count(hidden, what);
        let _ = writeln!(out, "{hidden} cannot be used; `usermedia devices --all` says why.");
    } else if devices.is_empty() {
        out.push_str("`--synthetic` takes a built-in camera and microphone in place of real ones.\n");
    }
    out
}

fn describe(out: &mut String, device: &MediaDeviceInfo, width: usize) {
    let busy = if device.busy { "  (busy)" } else { "" };
    let _ = writeln!(out, "  {}{busy}", device.label);
    let mut identity: Vec<&str> = Vec::new();
    // The built-in devices have no node: their path is their id.
    for part in [&device.path, &device.driver, &device.device_id] {
        if !part.is_empty() && !identity.contains(&part.as_str()) {
            identity.push(part);
        }
    }
    let _ = writeln!(out, "    {}", identity.join("  "));
    match device.kind {
        MediaDeviceKind::VideoInput => {
            describe_modes(out, &device.modes, width);
            describe_controls(out, &device.controls, width);
        }
        MediaDeviceKind::AudioInput => describe_sound(out, device, width),
    }
}

/// Formats that come in the same sizes share their lines.
fn describe_modes(out: &mut String, modes: &[VideoMode], width: usize) {
    let mut formats: Vec<(Fourcc, Vec<String>)> = Vec::new();
    for mode in modes {
        let size = size(mode);
        match formats.iter_mut().find(|(fourcc, _)| *fourcc == mode.fourcc) {
            Some((_, sizes)) => sizes.push(size),
            None => formats.push((mode.fourcc, vec![size])),
        }
    }
    if formats.is_empty() {
        out.push_str("    lists no modes\n");
    }
    let mut groups: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (fourcc, sizes) in formats {
        match groups.iter_mut().find(|(_, shared)| *shared == sizes) {
            Some((names, _)) => names.push(fourcc.to_string().trim_end().to_owned()),
            None => groups.push((vec![fourcc.to_string().trim_end().to_owned()], sizes)),
        }
    }
    for (names, sizes) in groups {
        let head = match names.as_slice() {
            [name] => format!("    {name:<5} "),
            names => {
                let _ = writeln!(out, "{}", text::fill("    ", names.iter().map(String::as_str), " ", width));
                " ".repeat(10)
            }
        };
        let _ = writeln!(out, "{}", text::fill(&head, sizes.iter().map(String::as_str), "  ", width));
    }
}

fn describe_controls(out: &mut String, controls: &[CameraControl], width: usize) {
    let range = |control: &CameraControl| match &control.range {
        ControlRange::Numbers { min, max, .. } => format!("{}={min}..{max}", control.name),
        ControlRange::List(list) => {
            let list: Vec<_> = list.iter().map(f64::to_string).collect();
            format!("{}={}", control.name, list.join("|"))
        }
        ControlRange::Modes(modes) => {
            let modes: Vec<_> = modes.iter().map(|mode| mode.as_str()).collect();
            format!("{}={}", control.name, modes.join("|"))
        }
        ControlRange::Switch => format!("{}=false|true", control.name),
    };
    if !controls.is_empty() {
        let controls: Vec<_> = controls.iter().map(range).collect();
        let _ = writeln!(out, "{}", text::fill("    set   ", controls.iter().map(String::as_str), "  ", width));
    }
}

/// A size with its fastest rate.
fn size(mode: &VideoMode) -> String {
    let rate = match &mode.frame_rates {
        FrameRates::Unknown => String::new(),
        FrameRates::List(rates) => {
            rates.iter().max().map_or_else(String::new, |rate| format!("@{}", text::decimals(rate.as_f64())))
        }
        FrameRates::Range { max, .. } => format!("@{}", text::decimals(max.as_f64())),
    };
    match (mode.width, mode.height) {
        (Span::Fixed(width), Span::Fixed(height)) => format!("{width}x{height}{rate}"),
        (width, height) => format!("{}x{}..{}x{}{rate}", width.min(), height.min(), width.max(), height.max()),
    }
}

fn describe_sound(out: &mut String, device: &MediaDeviceInfo, width: usize) {
    let values = |values: &Option<Values>| match values {
        None => "unknown".to_owned(),
        Some(Values::List(list)) => list.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
        Some(Values::Range { min, max }) => format!("{min}..{max}"),
    };
    let audio = &device.audio;
    if audio.sample_rate.is_some() || audio.channel_count.is_some() {
        let (rates, channels) = (values(&audio.sample_rate), values(&audio.channel_count));
        let _ = writeln!(out, "    {rates} Hz  {channels} channels");
        let formats = audio.sample_formats.iter().map(String::as_str);
        let _ = writeln!(out, "{}", text::fill("    ", formats, " ", width));
    }
}
