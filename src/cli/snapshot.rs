//! `usermedia snapshot`.

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use super::args::SnapshotArguments;
use super::report::{Report, Written};
use super::{Failure, print, request};
use crate::error::{Error, ErrorName};
use crate::sink::Snapshot;

pub(super) fn run(arguments: &SnapshotArguments) -> Result<ExitCode, Failure> {
    let mut snapshot = Snapshot::create(&arguments.output)?;
    if arguments.immediate {
        snapshot = snapshot.immediate();
    }
    let devices = request::devices(&arguments.common).with_resolve_options(request::options(&arguments.request, false));
    let stream = request::stream(&devices, &arguments.request, arguments.wait)?;
    let Some(track) = stream.video_tracks().first().cloned() else {
        return Err(Error::new(ErrorName::NotFoundError, "the stream has no camera").into());
    };
    let started = Instant::now();
    let outcome = stream.attach(snapshot)?.wait();
    let source = track.statistics();
    stream.stop();
    outcome.result?;
    let bytes = fs::metadata(&arguments.output).map_or(0, |metadata| metadata.len());
    let report = Report {
        settings: track.settings().clone(),
        source,
        consumers: vec![outcome.statistics],
        files: vec![Written { path: arguments.output.clone(), frames: 1, bytes }],
        ended_by: "frames".to_owned(),
        elapsed: started.elapsed(),
        error: None,
    };
    if arguments.common.json {
        print::document(&report.document());
    } else {
        let settings = &report.settings;
        let synthetic = if settings.synthetic { " (synthetic, built in)" } else { "" };
        let mode = super::report::mode(settings);
        print::line(&format!("{}: {}{synthetic}, {mode}, {bytes} bytes", arguments.output.display(), settings.label));
    }
    Ok(ExitCode::SUCCESS)
}
