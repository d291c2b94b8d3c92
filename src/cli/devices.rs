//! `usermedia devices`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use super::args::DevicesArguments;
use super::{Failure, print, request, text};
use crate::devices::{FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, Values, VideoMode, write_devices};
use crate::format::Fourcc;

pub(super) fn run(arguments: &DevicesArguments) -> Result<ExitCode, Failure> {
    let source = request::devices(&arguments.common);
    let devices = if arguments.all { source.enumerate_all_devices() } else { source.enumerate_devices() };
    if arguments.common.json {
        print::result(&write_devices(&devices))?;
    } else {
        print::result(listing(&devices, arguments.all, text::width()).trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn listing(devices: &[MediaDeviceInfo], all: bool, width: usize) -> String {
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
    if devices.is_empty() && !all {
        out.push_str("`usermedia devices --all` also lists what cannot be used, and why.\n");
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
        MediaDeviceKind::VideoInput => describe_modes(out, &device.modes, width),
        MediaDeviceKind::AudioInput => describe_sound(out, device, width),
    }
}

fn describe_modes(out: &mut String, modes: &[VideoMode], width: usize) {
    let mut order: Vec<Fourcc> = Vec::new();
    let mut sizes: BTreeMap<Fourcc, Vec<String>> = BTreeMap::new();
    for mode in modes {
        if !order.contains(&mode.fourcc) {
            order.push(mode.fourcc);
        }
        sizes.entry(mode.fourcc).or_default().push(size(mode));
    }
    if order.is_empty() {
        out.push_str("    lists no modes\n");
    }
    for fourcc in order {
        let head = format!("    {:<5} ", fourcc.to_string());
        let _ = writeln!(out, "{}", text::fill(&head, sizes[&fourcc].iter().map(String::as_str), "  ", width));
    }
}

/// A size with its fastest rate.
fn size(mode: &VideoMode) -> String {
    let span = |span: Span| match span {
        Span::Fixed(value) => value.to_string(),
        Span::Range { min, max, .. } => format!("{min}..{max}"),
    };
    let rate = match &mode.frame_rates {
        FrameRates::Unknown => String::new(),
        FrameRates::List(rates) => {
            rates.iter().max().map_or_else(String::new, |rate| format!("@{}", text::decimals(rate.as_f64())))
        }
        FrameRates::Range { max, .. } => format!("@{}", text::decimals(max.as_f64())),
    };
    format!("{}x{}{rate}", span(mode.width), span(mode.height))
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
        let formats = audio.sample_formats.join(" ");
        let parts = [format!("{rates} Hz"), format!("{channels} channels"), formats];
        let _ = writeln!(out, "{}", text::fill("    ", parts.iter().map(String::as_str), "  ", width));
    }
}
