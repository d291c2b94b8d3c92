//! `usermedia capture`.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::args::CaptureArguments;
use super::event::{self, Event};
use super::progress::Progress;
use super::work::Work;
use super::{Failure, print, request, signals};
use crate::error::{Error, ErrorName};
use crate::sink::{Recorder, Snapshot};

pub(super) fn run(arguments: &CaptureArguments) -> Result<ExitCode, Failure> {
    let to_stdout = arguments.output.as_deref() == Some(Path::new("-"));
    check_outputs(arguments, to_stdout)?;
    // File names that cannot be are refused before a camera is opened.
    let recorder = arguments.output.as_deref().map(Recorder::create).transpose();
    let snapshot = arguments.snapshot.as_deref().map(Snapshot::create).transpose();
    let (recorder, snapshot) =
        recorder.and_then(|recorder| Ok((recorder, snapshot?))).map_err(|e| Failure::usage(&e))?;
    let (events, ends) = event::channel()?;

    let recording_to_file = recorder.is_some() && !to_stdout;
    let devices = request::devices(&arguments.common)
        .with_buffers(arguments.buffers)
        .with_resolve_options(request::options(&arguments.request, recording_to_file));
    let stream = request::stream(&devices, &arguments.request, arguments.wait, &ends)?;
    let Some(track) = stream.video_tracks().first().cloned() else {
        return Err(Error::new(ErrorName::NotFoundError, "the stream has no camera").into());
    };
    let ended = events.clone();
    track.on_ended(move |error| drop(ended.send(Event::TrackEnded(error))));
    let started = Instant::now();
    let work = Work::start(&stream, &track, arguments.frames, recorder, snapshot, &events)?;
    let event = wait(arguments, &ends, started, &work);
    let signal = match &event {
        Event::Signal(signal) => Some(*signal),
        _ => None,
    };
    let report = work.finish(&stream, &track, event, started.elapsed());
    let code = match signal {
        Some(signal) => ExitCode::from(signals::exit_code(signal)),
        None if report.error.is_some() => ExitCode::from(1),
        None => ExitCode::SUCCESS,
    };
    let written = if arguments.common.json {
        print::result(&report.document())
    } else if to_stdout {
        print::note(&report.table());
        Ok(())
    } else {
        print::result(&report.table())
    };
    if let Some(error) = &report.error {
        print::error(error);
    }
    written?;
    Ok(code)
}

/// What cannot be done with the outputs that were named.
fn check_outputs(arguments: &CaptureArguments, to_stdout: bool) -> Result<(), Failure> {
    let wrong = if to_stdout && arguments.common.json {
        "--json and -o - both want stdout: record to a file instead"
    } else if to_stdout && io::stdout().is_terminal() {
        "-o - writes pictures as bytes, which a terminal cannot show: send them to a program or a file"
    } else if arguments.output.is_some() && arguments.output == arguments.snapshot {
        "-o and --snapshot name the same file"
    } else {
        return Ok(());
    };
    Err(Failure::Usage(wrong.to_owned()))
}

/// Waits for whatever comes first, moving the progress bar where there is one.
fn wait(arguments: &CaptureArguments, ends: &Receiver<Event>, started: Instant, work: &Work) -> Event {
    let progress = Progress::new(arguments.frames, arguments.duration);
    let deadline = arguments.duration.and_then(|duration| started.checked_add(duration));
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // Without a bar nothing wakes this thread but the end.
        let next: Option<Duration> = match (left, progress.tick()) {
            (Some(left), Some(tick)) => Some(left.min(tick)),
            (left, tick) => left.or(tick),
        };
        let event = match next {
            None => ends.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(next) => ends.recv_timeout(next),
        };
        match event {
            Ok(event) => return event,
            Err(RecvTimeoutError::Disconnected) => return Event::Done,
            Err(RecvTimeoutError::Timeout) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                return Event::Elapsed;
            }
            Err(RecvTimeoutError::Timeout) => progress.show(work.frames(), started.elapsed()),
        }
    }
}
