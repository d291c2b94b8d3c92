//! Cameras for tests: read from `v4l2-ctl --list-formats-ext` of real ones, or made by hand.

#![allow(dead_code, reason = "each test binary uses a part")]

pub mod oracle;

use usermedia::constraints::MediaStreamConstraints;
use usermedia::devices::{FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, VideoMode};
use usermedia::resolve::{Resolution, ResolveOptions, resolve};
use usermedia::{Error, Fourcc, FrameRate};

/// A camera from a fixture.
pub fn fixture(name: &str) -> MediaDeviceInfo {
    let path = format!("{}/tests/fixtures/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut camera = camera(name);
    camera.modes = modes(&text);
    camera
}

/// The modes in the output of `v4l2-ctl --list-formats-ext`.
pub fn modes(text: &str) -> Vec<VideoMode> {
    let mut modes: Vec<VideoMode> = Vec::new();
    let (mut fourcc, mut sized) = (None, true);
    for line in text.lines().map(str::trim) {
        // As new and as old versions of the tool write it.
        if let Some((_, rest)) = line.split_once("]: '").or_else(|| line.split_once("Pixel Format: '")) {
            assert!(sized, "a format without sizes: {line}");
            fourcc = Some(rest.split('\'').next().unwrap().parse::<Fourcc>().unwrap());
            sized = false;
        } else if let Some(size) = line.strip_prefix("Size: ") {
            let words: Vec<&str> = size.split_whitespace().collect();
            let pair = |text: &str, by: char| {
                let (a, b) = text.split_once(by).unwrap();
                (a.parse::<u32>().unwrap(), b.parse::<u32>().unwrap())
            };
            let (width, height) = match words[0] {
                "Discrete" => {
                    let (width, height) = pair(words[1], 'x');
                    (Span::Fixed(width), Span::Fixed(height))
                }
                "Stepwise" | "Continuous" => {
                    let (min, max) = (pair(words[1], 'x'), pair(words[3], 'x'));
                    let step = words.get(6).map_or((1, 1), |step| pair(step, '/'));
                    (Span::range(min.0, max.0, step.0), Span::range(min.1, max.1, step.1))
                }
                other => panic!("{other} in {line}"),
            };
            modes.push(VideoMode::new(fourcc.unwrap(), width, height, FrameRates::Unknown));
            sized = true;
        } else if let Some((_, fps)) = line.strip_prefix("Interval: Discrete ").and_then(|rest| rest.split_once('(')) {
            let rate = FrameRate::from_f64(fps.split_whitespace().next().unwrap().parse().unwrap()).unwrap();
            match &mut modes.last_mut().unwrap().frame_rates {
                FrameRates::List(list) => list.push(rate),
                rates => *rates = FrameRates::List(vec![rate]),
            }
        }
    }
    modes
}

/// A camera without modes.
pub fn camera(id: &str) -> MediaDeviceInfo {
    let mut camera = MediaDeviceInfo::new(MediaDeviceKind::VideoInput, id);
    camera.path = format!("/dev/{id}");
    camera
}

/// A microphone of which nothing is known.
pub fn microphone(id: &str) -> MediaDeviceInfo {
    let mut microphone = MediaDeviceInfo::new(MediaDeviceKind::AudioInput, id);
    microphone.path = format!("hw:{id}");
    microphone
}

/// A camera with discrete modes: `("YUYV", 640, 480, "30/1 15/1")`; no rates means they are unknown.
pub fn discrete(id: &str, modes: &[(&str, u32, u32, &str)]) -> MediaDeviceInfo {
    let mut camera = camera(id);
    camera.modes =
        modes.iter().map(|mode| self::mode(mode.0, Span::Fixed(mode.1), Span::Fixed(mode.2), mode.3)).collect();
    camera
}

/// A mode; rates are a list, or a range as `1/1-90/1`.
pub fn mode(fourcc: &str, width: Span, height: Span, rates: &str) -> VideoMode {
    let rate = |text: &str| text.parse::<FrameRate>().unwrap();
    let rates = match rates.split_once('-') {
        Some((min, max)) => FrameRates::Range { min: rate(min), max: rate(max) },
        None if rates.is_empty() => FrameRates::Unknown,
        None => FrameRates::List(rates.split_whitespace().map(rate).collect()),
    };
    VideoMode::new(fourcc.parse().unwrap(), width, height, rates)
}

/// An idle v4l2loopback: any size up to 8192x8192, intervals from 1 ms to 2^32 seconds, 54 formats.
pub fn idle_loopback() -> MediaDeviceInfo {
    const FORMATS: [&str; 54] = [
        "YUYV", "BGR4", "RGB4", "BGR3", "RGB3", "RGBP", "RGBR", "RGBQ", "AR24", "XR24", "RA24", "RX24", "BA24", "BX24",
        "AB24", "XB24", "RGB1", "R444", "RGBO", "YVU9", "YV12", "UYVY", "VYUY", "422P", "411P", "Y41P", "Y444", "YUVO",
        "YUV4", "YU12", "YUV9", "HI24", "HM12", "NV12", "NV21", "NV16", "NV61", "NV24", "NV42", "YVYU", "GREY", "Y16 ",
        "MJPG", "JPEG", "MPEG", "H264", "VP80", "VP90", "HEVC", "AVC1", "H263", "MPG2", "MPG4", "XVID",
    ];
    let mut camera = camera("loopback");
    let rates = FrameRates::Range { min: FrameRate::new(1, u32::MAX).unwrap(), max: FrameRate::new(1000, 1).unwrap() };
    camera.modes = FORMATS
        .iter()
        .map(|fourcc| {
            let (width, height) = (Span::range(2, 8192, 1), Span::range(1, 8192, 1));
            VideoMode::new(fourcc.parse().unwrap(), width, height, rates.clone())
        })
        .collect();
    camera
}

/// Resolves JSON constraints against devices.
pub fn ask(constraints: &str, devices: &[MediaDeviceInfo]) -> Result<Resolution, Error> {
    resolve(&MediaStreamConstraints::from_json(constraints)?, devices, &ResolveOptions::new())
}

/// The chosen mode as `640x480 YUYV 30/1`, or the error as `OverconstrainedError width`.
pub fn answer(constraints: &str, devices: &[MediaDeviceInfo]) -> String {
    describe(ask(constraints, devices))
}

/// As [`answer`], of a resolution.
pub fn describe(resolution: Result<Resolution, Error>) -> String {
    match resolution {
        Ok(resolution) => {
            let video = resolution.video.expect("video was asked for");
            let fourcc = video.fourcc.map_or("?".to_owned(), |fourcc| fourcc.to_string());
            let rate = video.frame_rate.map_or("?".to_owned(), |rate| rate.to_string());
            format!("{}x{} {fourcc} {rate}", video.width, video.height)
        }
        Err(error) => match error.constraint() {
            Some(constraint) => format!("{} {constraint}", error.name()),
            None => error.name().to_string(),
        },
    }
}
