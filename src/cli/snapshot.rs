//! `usermedia snapshot`.

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use super::args::SnapshotArguments;
use super::event::{self, Announced, Event};
use super::report::{Report, Written};
use super::work::{Meter, Tracks, reports};
use super::{Failure, permission, print, report, request, signals, text};
use crate::sink::Snapshot;

pub(super) fn run(arguments: &SnapshotArguments) -> Result<ExitCode, Failure> {
    let mut snapshot = Snapshot::create(&arguments.output).map_err(|error| Failure::usage(&error))?;
    if arguments.immediate {
        snapshot = snapshot.immediate();
    }
    let (events, ends) = event::channel()?;
    let devices = permission::guard(request::devices(&arguments.common), &arguments.permission)
        .with_resolve_options(request::options(&arguments.request, false));
    let channel = (&events, &ends);
    let stream = request::stream(&devices, &arguments.request, arguments.wait, &arguments.permission, channel)?;
    let tracks = Tracks::of(&stream);
    if tracks.video.is_none() {
        return Err(Failure::Usage("a snapshot is of a camera, and only sound is asked for: add --video".to_owned()));
    }
    let started = Instant::now();
    let meter = Meter::default();
    let attachment = stream.attach(Announced { sink: snapshot, events, meter: meter.clone() })?;
    let signal = match event::next(&ends) {
        Event::Signal(signal) => Some(signal),
        _ => None,
    };
    let outcome = attachment.finish();
    let elapsed = started.elapsed();
    let (video, audio) = reports(&tracks, meter.rate(), outcome.statistics);
    stream.stop();
    if let (Some(signal), Err(_)) = (signal, &outcome.result) {
        return Err(Failure::Interrupted(signal));
    }
    outcome.result?;
    let bytes = fs::metadata(&arguments.output).map_or(0, |metadata| metadata.len());
    let report = Report {
        video,
        audio,
        recording: None,
        files: vec![Written { path: arguments.output.clone(), frames: 1, bytes, deleted: false }],
        ended_by: signal.map_or("frames", |signal| signal.as_str()).to_owned(),
        elapsed,
        error: None,
    };
    if arguments.common.json {
        print::result(&report.document())?;
    } else {
        let of = report.video.as_ref().map_or_else(String::new, |video| {
            format!(", {}, {}", report::mode(&video.settings), report::camera(&video.settings))
        });
        print::result(&format!("{}  {}{of}", arguments.output.display(), text::bytes(bytes)))?;
    }
    Ok(signal.map_or(ExitCode::SUCCESS, |signal| ExitCode::from(signals::exit_code(signal))))
}
