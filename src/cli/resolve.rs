//! `usermedia resolve`.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use super::args::ResolveArguments;
use super::{Failure, print, report, request, text};
use crate::devices::{MediaDeviceInfo, read_devices};
use crate::resolve::{Resolution, resolve};

/// One byte more than a document may have, so that one too long is seen to be.
const LONGEST: u64 = (1 << 20) + 1;

pub(super) fn run(arguments: &ResolveArguments) -> Result<ExitCode, Failure> {
    let devices = match &arguments.devices {
        Some(file) => saved(file)?,
        None => request::devices(&arguments.common).enumerate_all_devices(),
    };
    let options = request::options(&arguments.request, false);
    let resolution = request::constraints(&arguments.request, || devices.clone())
        .and_then(|constraints| resolve(&constraints, &devices, &options))
        // A saved document is what it is: there the hint to plug something in would be wrong.
        .map_err(|error| if arguments.devices.is_none() { request::with_hint(error) } else { error })?;
    if arguments.common.json {
        print::result(&resolution.to_json())?;
    } else {
        print::result(&sentences(&resolution))?;
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
    let width = text::width();
    let mut lines = Vec::new();
    if let Some(video) = &resolution.video {
        lines.push(format!("video  {}", report::mode(video)));
        lines.push(format!("       {}  {}", video.label, video.device_id));
    }
    if let Some(audio) = &resolution.audio {
        lines.push(format!("audio  {}", report::sound(audio)));
        lines.push(format!("       {}  {}", audio.label, audio.device_id));
    }
    for (index, why) in resolution.why.iter().enumerate() {
        lines.push(text::sentence(if index == 0 { "why    " } else { "       " }, why, width));
    }
    lines.join("\n")
}
