//! `usermedia resolve`.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use super::args::ResolveArguments;
use super::{Failure, print, request};
use crate::devices::{MediaDeviceInfo, read_devices};
use crate::resolve::{Resolution, resolve};

/// One byte more than a document may have, so that one too long is seen to be.
const LONGEST: u64 = (1 << 20) + 1;

pub(super) fn run(arguments: &ResolveArguments) -> Result<ExitCode, Failure> {
    let devices = match &arguments.devices {
        Some(file) => saved(file)?,
        None => request::devices(&arguments.common).enumerate_all_devices(),
    };
    let constraints = request::constraints(&arguments.request, || devices.clone())?;
    let resolution = resolve(&constraints, &devices, &request::options(&arguments.request, false))?;
    if arguments.common.json {
        print::document(&resolution.to_json());
    } else {
        print::line(&sentences(&resolution));
    }
    Ok(ExitCode::SUCCESS)
}

fn saved(file: &Path) -> Result<Vec<MediaDeviceInfo>, Failure> {
    let usage = |error: io::Error| Failure::Usage(format!("cannot read {}: {error}", file.display()));
    let mut text = Vec::new();
    if file.as_os_str() == "-" {
        io::stdin().lock().take(LONGEST).read_to_end(&mut text).map_err(usage)?;
    } else {
        fs::File::open(file).map_err(usage)?.take(LONGEST).read_to_end(&mut text).map_err(usage)?;
    }
    Ok(read_devices(text)?)
}

fn sentences(resolution: &Resolution) -> String {
    let mut lines = Vec::new();
    if let Some(video) = &resolution.video {
        lines.push(format!("video: {}", super::report::mode(video)));
        lines.push(format!("       {}  {}", video.label, video.device_id));
    }
    if let Some(audio) = &resolution.audio {
        lines.push(format!("audio: {}", super::report::sound(audio)));
        lines.push(format!("       {}  {}", audio.label, audio.device_id));
    }
    lines.push("why".to_owned());
    lines.extend(resolution.why.iter().map(|line| format!("  {line}")));
    lines.join("\n")
}
