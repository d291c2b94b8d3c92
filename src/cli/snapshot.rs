//! `usermedia snapshot`.

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use super::args::SnapshotArguments;
use super::event::{self, Announced, Event};
use super::report::{Report, Written};
use super::work::{Meter, settled};
use super::{Failure, print, report, request, signals, text};
use crate::error::{Error, ErrorName};
use crate::sink::Snapshot;

pub(super) fn run(arguments: &SnapshotArguments) -> Result<ExitCode, Failure> {
    let mut snapshot = Snapshot::create(&arguments.output).map_err(|error| Failure::usage(&error))?;
    if arguments.immediate {
        snapshot = snapshot.immediate();
    }
    let (events, ends) = event::channel()?;
    let devices = request::devices(&arguments.common).with_resolve_options(request::options(&arguments.request, false));
    let stream = request::stream(&devices, &arguments.request, arguments.wait, &ends)?;
    let Some(track) = stream.video_tracks().first().cloned() else {
        return Err(Error::new(ErrorName::NotFoundError, "the stream has no camera").into());
    };
    let started = Instant::now();
    let meter = Meter::default();
    let attachment = stream.attach(Announced { sink: snapshot, events, meter: meter.clone() })?;
    let signal = match ends.recv() {
        Ok(Event::Signal(signal)) => Some(signal),
        _ => None,
    };
    let outcome = attachment.finish();
    let elapsed = started.elapsed();
    let source = settled(&track);
    stream.stop();
    if let (Some(signal), Err(_)) = (signal, &outcome.result) {
        return Err(Failure::Interrupted(signal));
    }
    outcome.result?;
    let bytes = fs::metadata(&arguments.output).map_or(0, |metadata| metadata.len());
    let report = Report {
        settings: track.settings().clone(),
        delivered_rate: meter.rate(),
        source,
        consumers: vec![outcome.statistics],
        files: vec![Written { path: arguments.output.clone(), frames: 1, bytes }],
        ended_by: signal.map_or("frames", |signal| signal.as_str()).to_owned(),
        elapsed,
        error: None,
    };
    if arguments.common.json {
        print::result(&report.document())?;
    } else {
        let settings = &report.settings;
        let (camera, mode, size) = (report::camera(settings), report::mode(settings), text::bytes(bytes));
        print::result(&format!("{}  {size}, {mode}, {camera}", arguments.output.display()))?;
    }
    Ok(signal.map_or(ExitCode::SUCCESS, |signal| ExitCode::from(signals::exit_code(signal))))
}
