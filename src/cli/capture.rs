//! `usermedia capture`.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::args::CaptureArguments;
use super::event::{self, Event};
use super::manager::Manager;
use super::metrics::MetricsFile;
use super::progress::Progress;
use super::signals::Receiver;
use super::work::{Tracks, Work};
use super::{Failure, permission, print, request, signals};
use crate::error;
use crate::sink::{Metrics, Recorder, RecordingProgress, Snapshot};
use crate::stream::{LocalMediaStream, StreamStatistics};

/// How often the statistics are told to a log.
const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn run(arguments: &CaptureArguments) -> Result<ExitCode, Failure> {
    let to_stdout = arguments.output.as_deref() == Some(Path::new("-"));
    check_outputs(arguments, to_stdout)?;
    // File names that cannot be are refused before a camera is opened.
    let recorder = arguments.output.as_deref().map(|output| recorder(arguments, output)).transpose();
    let snapshot = arguments.snapshot.as_deref().map(Snapshot::create).transpose();
    let (recorder, snapshot) =
        recorder.and_then(|recorder| Ok((recorder, snapshot?))).map_err(|e| Failure::usage(&e))?;
    let (events, ends) = event::channel()?;
    if let Some(level) = arguments.log {
        // Only the first of a process can be: this one.
        let _ = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_ansi(false).try_init();
    }

    let recording_to_file = recorder.is_some() && !to_stdout;
    let devices = permission::guard(request::devices(&arguments.common), &arguments.permission)
        .with_buffers(arguments.buffers)
        .with_scheduling(arguments.scheduling.scheduling())
        .with_raw_frames(arguments.raw)
        .with_recovery(arguments.patience)
        .with_resolve_options(request::options(&arguments.request, recording_to_file));
    let channel = (&events, &ends);
    let stream = request::stream(&devices, &arguments.request, arguments.wait, &arguments.permission, channel)?;
    let tracks = Tracks::of(&stream);
    if let Some(wrong) = wants_pictures(arguments).filter(|_| tracks.video.is_none()) {
        return Err(Failure::Usage(wrong.to_owned()));
    }
    tracks.announce(&events);
    let started = Instant::now();
    let work = Work::start(&stream, &tracks, arguments.frames, recorder, snapshot, &events)?;
    let file = arguments.metrics.as_deref().filter(|path| *path != Path::new("-"));
    let mut file = file.map(MetricsFile::new);
    let mut manager = Manager::of_this_process();
    manager.ready(&format!("Capturing from {}.", tracks.labels()));
    let event = wait(arguments, &ends, started, &work, &tracks, (&stream, file.as_mut(), &mut manager));
    manager.stopping();
    let signal = match &event {
        Event::Signal(signal) => Some(*signal),
        _ => None,
    };
    let recording = work.recording().cloned();
    let report = work.finish(&stream, &tracks, event, started.elapsed());
    let metrics = || metrics(&report.statistics(), recording.as_ref());
    file.iter_mut().for_each(|file| file.write(&metrics()));
    report.statistics().trace();
    let code = match signal {
        Some(signal) => ExitCode::from(signals::exit_code(signal)),
        None if report.error.is_some() => ExitCode::from(1),
        None => ExitCode::SUCCESS,
    };
    let written = if arguments.common.json {
        print::result(&report.document())
    } else if arguments.metrics.as_deref() == Some(Path::new("-")) {
        print::note(&report.table());
        print::result(metrics().to_string().trim_end())
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

/// What there is to measure, as Prometheus reads it.
fn metrics(statistics: &StreamStatistics, recording: Option<&RecordingProgress>) -> Metrics {
    let metrics = Metrics::new().with_stream(statistics);
    recording.map_or(metrics.clone(), |recording| metrics.with_recording(recording))
}

/// What records, in one file or in segments.
fn recorder(arguments: &CaptureArguments, output: &Path) -> error::Result<Recorder> {
    let recorder = match &arguments.format {
        Some(kind) => Recorder::create_as(output, kind)?,
        None => Recorder::create(output)?,
    };
    match (arguments.segment, arguments.keep) {
        (Some(segments), Some(bytes)) => recorder.with_segments(segments.keep(bytes)),
        (Some(segments), None) => recorder.with_segments(segments),
        (None, _) => Ok(recorder),
    }
}

/// What is wrong with the flags where only sound is asked for.
fn wants_pictures(arguments: &CaptureArguments) -> Option<&'static str> {
    match (arguments.frames, &arguments.snapshot) {
        (Some(_), _) => Some("--frames counts pictures, and only sound is asked for: use --duration, or add --video"),
        (None, Some(_)) => Some("--snapshot takes a picture, and only sound is asked for: add --video"),
        (None, None) => None,
    }
}

/// What cannot be done with the outputs that were named.
fn check_outputs(arguments: &CaptureArguments, to_stdout: bool) -> Result<(), Failure> {
    let wrong = if to_stdout && arguments.common.json {
        "--json and -o - both want stdout: record to a file instead"
    } else if to_stdout && io::stdout().is_terminal() {
        "-o - writes pictures as bytes, which a terminal cannot show: send them to a program or a file"
    } else if arguments.output.is_some() && arguments.output == arguments.snapshot {
        "-o and --snapshot name the same file"
    } else if arguments.metrics.is_some() && arguments.metrics == arguments.output {
        "--metrics and -o name the same file"
    } else if arguments.metrics.as_deref() == Some(Path::new("-")) && arguments.common.json {
        "--json and --metrics - both want stdout: give the metrics a file"
    } else if arguments.keep.is_some() && arguments.segment.is_none() {
        "--keep deletes old segments: say how long one is to be, such as --segment 10m"
    } else if arguments.segment.is_some() && (to_stdout || arguments.output.is_none()) {
        "--segment cuts a recording into files: give them a name, such as -o film.mkv"
    } else {
        return Ok(());
    };
    Err(Failure::Usage(wrong.to_owned()))
}

/// Waits for whatever comes first, moving the progress bar where there is one.
fn wait(
    arguments: &CaptureArguments,
    ends: &Receiver<Event>,
    started: Instant,
    work: &Work,
    tracks: &Tracks,
    (stream, mut file, manager): (&LocalMediaStream, Option<&mut MetricsFile>, &mut Manager),
) -> Event {
    let progress = Progress::new(arguments.frames, arguments.duration);
    let mut logged = started;
    let deadline = arguments.duration.and_then(|duration| started.checked_add(duration));
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let due = file.as_mut().map(|file| {
            if file.due().is_zero() {
                file.write(&metrics(&stream.statistics(), work.recording()));
            }
            file.due()
        });
        let to_log = arguments.log.map(|_| logged + MINUTE).map(|due| due.saturating_duration_since(Instant::now()));
        if to_log == Some(Duration::ZERO) {
            logged = Instant::now();
            stream.statistics().trace();
            continue;
        }
        manager.attend(|| stream.statistics());
        // Without a bar, metrics, a log and a watchdog nothing wakes this thread but the end.
        let next: Option<Duration> = [left, due, to_log, manager.due(), progress.tick()].into_iter().flatten().min();
        let event = match next {
            None => Some(ends.recv()),
            Some(next) => ends.recv_timeout(next),
        };
        match event {
            Some(Event::TrackEnded(Some(error))) if tracks.live() > 0 => {
                // A camera without its microphone is a camera still, and the other way round.
                print::error(&error);
                print::note("The rest of the capture goes on.");
            }
            Some(Event::Recovery(label, event)) => print::note(&format!("{label}: {event}.")),
            // A late notice of what was waited for before the stream was there.
            Some(Event::Devices) => {}
            Some(event) => return event,
            None if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                return Event::Elapsed;
            }
            None => progress.show(work.frames(), &work.told(), started.elapsed()),
        }
    }
}
