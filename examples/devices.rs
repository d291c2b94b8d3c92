//! Lists every camera and microphone of this machine, and says why a node cannot be used.
//!
//!     cargo run --example devices

use usermedia::devices::{
    AudioModes, FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, Values, VideoMode, enumerate_all_devices,
};

fn main() {
    for device in enumerate_all_devices() {
        print(&device);
    }
}

fn print(device: &MediaDeviceInfo) {
    let kind = match device.kind {
        MediaDeviceKind::VideoInput => "camera",
        MediaDeviceKind::AudioInput => "microphone",
    };
    println!("{kind} \"{}\" ({}, {})", device.label, device.path, device.driver);
    println!("    deviceId {}  groupId {}", device.device_id, device.group_id);
    if device.shared {
        println!("    shared: several programs may record from it at once");
    }
    if let Some(unusable) = &device.unusable {
        println!("    {}: {}", unusable.reason.as_str(), unusable.message);
        if let Some(remedy) = &unusable.remedy {
            println!("    what to do: {remedy}");
        }
    }
    for mode in device.modes.iter().take(12) {
        println!("    {}", describe(mode));
    }
    if device.modes.len() > 12 {
        println!("    and {} more modes", device.modes.len() - 12);
    }
    if device.kind == MediaDeviceKind::AudioInput && device.audio.sample_rate.is_some() {
        println!("    {}", describe_audio(&device.audio));
    }
}

fn describe(mode: &VideoMode) -> String {
    let rates = match &mode.frame_rates {
        FrameRates::Unknown => "a rate it does not say".to_owned(),
        FrameRates::List(rates) => rates.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        FrameRates::Range { min, max } => format!("{min} to {max}"),
    };
    format!("{} {} x {} at {rates}", mode.fourcc, span(mode.width), span(mode.height))
}

fn span(span: Span) -> String {
    match span {
        Span::Fixed(value) => value.to_string(),
        Span::Range { min, max, step } => format!("({min}..{max} by {step})"),
    }
}

fn describe_audio(audio: &AudioModes) -> String {
    let (rate, channels) = (values(audio.sample_rate.as_ref()), values(audio.channel_count.as_ref()));
    let period = audio.latency.map_or_else(String::new, |(min, max)| format!(", periods of {min} s to {max} s"));
    format!("{rate} Hz, {channels} channels, {}{period}", audio.sample_formats.join(" "))
}

fn values(values: Option<&Values>) -> String {
    match values {
        None => "?".to_owned(),
        Some(Values::List(list)) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Some(Values::Range { min, max }) => format!("{min} to {max}"),
    }
}
