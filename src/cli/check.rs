//! `usermedia check`: feature detection.

use std::process::ExitCode;

use serde_json::json;

use super::args::{CheckArguments, PermissionArguments};
use super::{Failure, permission, print, report, request, text};
use crate::constraints::MediaStreamConstraints;
use crate::devices::{MediaDeviceInfo, MediaDeviceKind};
use crate::error::Error;
use crate::stream::MediaDevices;

/// One thing that works or does not.
struct Finding {
    name: &'static str,
    ok: bool,
    message: String,
    remedy: Option<String>,
}

pub(super) fn run(arguments: &CheckArguments) -> Result<ExitCode, Failure> {
    let media = permission::guard(request::devices(&arguments.common), &arguments.permission);
    let devices = media.enumerate_all_devices();
    let devices_found = [camera(&media, &devices), microphone(&media, &devices)];
    let possible = devices_found.iter().any(|found| found.ok);
    let [camera, microphone] = devices_found;
    let findings = [camera, microphone, permitted(&arguments.permission)];
    if arguments.common.json {
        let list: Vec<_> = findings
            .iter()
            .map(|found| json!({"name": found.name, "ok": found.ok, "message": found.message, "remedy": found.remedy}))
            .collect();
        print::result(&json!({"ok": possible, "checks": list}).to_string())?;
    } else {
        print::result(&sentences(&findings, possible, text::width()))?;
    }
    Ok(if possible { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn sentences(findings: &[Finding], possible: bool, width: usize) -> String {
    let mut lines = Vec::new();
    for found in findings {
        let head = format!("{:<11} {:<4}", found.name, if found.ok { "yes" } else { "no" });
        lines.push(text::sentence(&head, &found.message, width));
        if let Some(remedy) = &found.remedy {
            lines.push(text::sentence(&format!("{:<16}hint: ", ""), remedy, width));
        }
    }
    lines.push(String::new());
    if possible {
        let works = |name| findings.iter().any(|found| found.name == name && found.ok);
        let flags = match (works("camera"), works("microphone")) {
            (true, true) => " --video --audio",
            (false, true) => " --audio",
            _ => "",
        };
        lines.push("getUserMedia works here. Try:".to_owned());
        lines.push(format!("  usermedia capture{flags} --duration 5s -o capture.mkv"));
    } else {
        lines.push("No capture is possible here. The built-in camera always works:".to_owned());
        lines.push("  usermedia capture --synthetic --duration 5s -o capture.mkv".to_owned());
    }
    lines.join("\n")
}

/// Whether `{video: true}` gets a camera, and which: it is opened and closed again, since a camera that another program
/// streams from looks like any other until then.
fn camera(media: &MediaDevices, devices: &[MediaDeviceInfo]) -> Finding {
    let finding = |ok, message, remedy| Finding { name: "camera", ok, message, remedy };
    let attempt = media.get_user_media(&MediaStreamConstraints::new().video(true));
    match attempt {
        Ok(stream) => {
            let tracks = stream.video_tracks();
            let message = tracks.first().map_or_else(String::new, |track| {
                let video = &*track.settings();
                format!("{}: {}", report::camera(video), report::mode(video))
            });
            stream.stop();
            finding(true, message, None)
        }
        Err(error) => {
            let plug = "plug in a camera and look again; `ls /dev/video*` and `dmesg | tail` show whether the kernel sees it \
                        (in a container, pass the node in: --device /dev/video0)";
            let remedy = remedy(&error, devices, MediaDeviceKind::VideoInput, plug);
            finding(false, error.message().to_owned(), Some(remedy))
        }
    }
}

/// Whether `{audio: true}` gets a microphone, and which.
fn microphone(media: &MediaDevices, devices: &[MediaDeviceInfo]) -> Finding {
    let finding = |ok, message, remedy| Finding { name: "microphone", ok, message, remedy };
    match media.get_user_media(&MediaStreamConstraints::new().audio(true)) {
        Ok(stream) => {
            let tracks = stream.audio_tracks();
            let message = tracks.first().map_or_else(String::new, |track| {
                let audio = &*track.settings();
                format!("{}: {}", report::microphone(audio), report::sound(audio))
            });
            stream.stop();
            finding(true, message, None)
        }
        Err(error) => {
            let plug =
                "plug one in and look again; `cat /proc/asound/cards` lists the sound cards that the kernel sees";
            let remedy = remedy(&error, devices, MediaDeviceKind::AudioInput, plug);
            finding(false, error.message().to_owned(), Some(remedy))
        }
    }
}

/// What to do about a kind of device that is not to be had: `plug` where there is none.
fn remedy(error: &Error, devices: &[MediaDeviceInfo], kind: MediaDeviceKind, plug: &str) -> String {
    if devices.iter().any(|device| device.kind == kind) {
        error.remedy().unwrap_or("`usermedia devices --all` lists every node with the reason").to_owned()
    } else {
        plug.to_owned()
    }
}

/// Who decides whether a device may be used, beside the permissions of its node.
fn permitted(arguments: &PermissionArguments) -> Finding {
    let finding = |ok, message, remedy| Finding { name: "permission", ok, message, remedy };
    match permission::described(arguments) {
        Ok(words) => finding(true, words, None),
        Err(denial) => finding(false, denial.reason, denial.remedy),
    }
}
