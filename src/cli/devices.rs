//! `usermedia devices`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use super::args::DevicesArguments;
use super::{Failure, print, request};
use crate::devices::{FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, Values, VideoMode, write_devices};
use crate::format::Fourcc;

/// How many sizes of a format are shown on a line.
const SIZES_ON_A_LINE: usize = 5;

pub(super) fn run(arguments: &DevicesArguments) -> Result<ExitCode, Failure> {
    let source = request::devices(&arguments.common);
    let devices = if arguments.all { source.enumerate_all_devices() } else { source.enumerate_devices() };
    if arguments.common.json {
        print::document(&write_devices(&devices));
    } else {
        print::line(listing(&devices, arguments.all).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

fn listing(devices: &[MediaDeviceInfo], all: bool) -> String {
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
            describe(&mut out, device);
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
        let _ = writeln!(out, "    {}: {}", unusable.reason.as_str(), unusable.message);
        if let Some(remedy) = &unusable.remedy {
            let _ = writeln!(out, "    hint: {remedy}");
        }
    }
    if devices.is_empty() && !all {
        out.push_str("`usermedia devices --all` also lists what cannot be used, and why.\n");
    }
    out
}

fn describe(out: &mut String, device: &MediaDeviceInfo) {
    let busy = if device.busy { "  (busy)" } else { "" };
    let _ = writeln!(out, "  {}{busy}", device.label);
    let _ = writeln!(out, "    {}  {}  {}", device.path, device.driver, device.device_id);
    match device.kind {
        MediaDeviceKind::VideoInput => describe_modes(out, &device.modes),
        MediaDeviceKind::AudioInput => describe_sound(out, device),
    }
}

fn describe_modes(out: &mut String, modes: &[VideoMode]) {
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
        for (index, line) in sizes[&fourcc].chunks(SIZES_ON_A_LINE).enumerate() {
            let name = if index == 0 { fourcc.to_string() } else { String::new() };
            let _ = writeln!(out, "    {name:<5} {}", line.join("  "));
        }
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
        FrameRates::List(rates) => rates.iter().max().map_or_else(String::new, |rate| format!("@{}", short(*rate))),
        FrameRates::Range { max, .. } => format!("@{}", short(*max)),
    };
    format!("{}x{}{rate}", span(mode.width), span(mode.height))
}

/// A rate for people: at most two decimals.
fn short(rate: crate::format::FrameRate) -> String {
    let text = format!("{:.2}", rate.as_f64());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn describe_sound(out: &mut String, device: &MediaDeviceInfo) {
    let values = |values: &Option<Values>| match values {
        None => "unknown".to_owned(),
        Some(Values::List(list)) => list.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
        Some(Values::Range { min, max }) => format!("{min}..{max}"),
    };
    let audio = &device.audio;
    if audio.sample_rate.is_some() || audio.channel_count.is_some() {
        let (rates, channels) = (values(&audio.sample_rate), values(&audio.channel_count));
        let _ = writeln!(out, "    {rates} Hz  {channels} channels  {}", audio.sample_formats.join(" "));
    }
}
