//! A device dictated to the process that is to be it: lines of a keyword and what belongs to it.

use std::fmt::Write;
use std::str::FromStr;

use super::UsbDevice;
use super::faults::Fault;
use super::specification::{CameraSpec, Coding, Format, FrameSize, Identity, MicrophoneSpec, Rate, Rates};

/// The words for codings.
const CODINGS: [(Coding, &str); 4] =
    [(Coding::Yuyv, "YUYV"), (Coding::Mjpg, "MJPG"), (Coding::H264, "H264"), (Coding::Unknown, "????")];

/// The device, in words.
pub fn dictate(device: &UsbDevice) -> String {
    let mut text = String::new();
    let mut line = |keyword: &str, rest: &str| writeln!(text, "{keyword} {rest}").expect("text takes any line");
    let Identity { vendor, product, serial, name } = &device.identity;
    line("device", &format!("{vendor} {product} {name}"));
    if let Some(serial) = serial {
        line("serial", serial);
    }
    if let Some(CameraSpec { formats, first_number, flash, faults }) = &device.camera {
        line("camera", &format!("{first_number} {flash}"));
        for Format { coding, sizes } in formats {
            line("format", CODINGS.iter().find(|(other, _)| other == coding).expect("every coding has a word").1);
            for FrameSize { width, height, rates } in sizes {
                match rates {
                    Rates::Each(rates) => {
                        let rate = |rate: &Rate| format!(" {} {}", rate.numerator, rate.denominator);
                        let rates: String = rates.iter().map(rate).collect();
                        line("size", &format!("{width} {height}{rates}"));
                    }
                    Rates::Steps { shortest, longest, step } => {
                        line("steps", &format!("{width} {height} {shortest} {longest} {step}"));
                    }
                }
            }
        }
        for fault in faults {
            line("fault", &fault.to_string());
        }
    }
    if let Some(MicrophoneSpec { rate, channels, tone, clock_offset_ppm, tick }) = &device.microphone {
        line("microphone", &format!("{rate} {channels} {tone} {clock_offset_ppm} {tick}"));
    }
    text
}

/// The device that was dictated; `None` if these are not its words.
pub fn understand(text: &str) -> Option<UsbDevice> {
    let mut lines = text.lines().map(|line| line.split_once(' ').unwrap_or((line, "")));
    let ("device", rest) = lines.next()? else { return None };
    let mut words = rest.splitn(3, ' ');
    let (vendor, product) = (word(&mut words)?, word(&mut words)?);
    let mut device = UsbDevice::new(Identity { vendor, product, serial: None, name: words.next()?.to_owned() });
    for (keyword, rest) in lines {
        let words = &mut rest.split(' ');
        match keyword {
            "serial" => device.identity.serial = Some(rest.to_owned()),
            "camera" => {
                let (first_number, flash) = (word(words)?, word(words)?);
                device.camera = Some(CameraSpec { first_number, flash, ..CameraSpec::new(Vec::new()) });
            }
            "format" => {
                let coding = CODINGS.iter().find(|(_, name)| *name == rest)?.0;
                device.camera.as_mut()?.formats.push(Format { coding, sizes: Vec::new() });
            }
            "fault" => device.camera.as_mut()?.faults.push(rest.parse().ok()?),
            "steps" => {
                let (width, height) = (word(words)?, word(words)?);
                let rates = Rates::Steps { shortest: word(words)?, longest: word(words)?, step: word(words)? };
                device.camera.as_mut()?.formats.last_mut()?.sizes.push(FrameSize { width, height, rates });
            }
            "size" => {
                let (width, height, mut rates) = (word(words)?, word(words)?, Vec::new());
                while let Some(numerator) = word(words) {
                    rates.push(Rate { numerator, denominator: word(words)? });
                }
                device.camera.as_mut()?.formats.last_mut()?.sizes.push(FrameSize::new(width, height, &rates));
            }
            "microphone" => {
                device.microphone = Some(MicrophoneSpec {
                    rate: word(words)?,
                    channels: word(words)?,
                    tone: word(words)?,
                    clock_offset_ppm: word(words)?,
                    tick: word(words)?,
                });
            }
            _ => return None,
        }
    }
    Some(device)
}

fn word<'a, T: FromStr>(words: &mut impl Iterator<Item = &'a str>) -> Option<T> {
    words.next()?.parse().ok()
}

/// Tests that need no kernel.
pub const TESTS: &[(&str, fn())] =
    &[("usb_dictation::a_device_is_understood_as_it_was_dictated", a_device_is_understood_as_it_was_dictated)];

fn a_device_is_understood_as_it_was_dictated() {
    let mut device = super::models::c920();
    let odd = FrameSize {
        rates: Rates::Steps { shortest: 166_666, longest: 1_000_000, step: 100_000 },
        ..FrameSize::new(0, 8, &[])
    };
    device.camera = device.camera.map(|mut camera| {
        camera.formats.push(Format { coding: Coding::Unknown, sizes: vec![odd] });
        let camera = camera.with_fault(Fault::ShortFrame(9).one_in(3, 4)).with_fault(Fault::CommitStalled);
        camera.numbering_from(7).with_flash()
    });
    device.microphone = device.microphone.map(|microphone| microphone.with_clock_offset_ppm(-12.5).with_tick());
    assert_eq!(understand(&dictate(&device)), Some(device.clone()));
    let bare = UsbDevice::new(Identity { serial: None, ..device.identity });
    assert_eq!(understand(&dictate(&bare)), Some(bare));
    assert_eq!(understand("device 1 2 name\nwings 2"), None);
}
