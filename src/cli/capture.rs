//! `usermedia capture`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::args::CaptureArguments;
use super::progress::Progress;
use super::report::{Report, Written};
use super::{Failure, print, request, signals};
use crate::error::{Error, ErrorName, Result};
use crate::sink::{Recorder, RecordingProgress, Snapshot};
use crate::stream::{Attachment, Flow, FrameCallback, LocalMediaStream, Sink, TrackMetadata, VideoFrame, VideoTrack};

/// What ends a capture.
enum Event {
    Signal(Signal),
    /// The recorder, or the counting, has all it wanted, or failed.
    Done,
    /// The camera ended by itself.
    TrackEnded(Option<Error>),
    /// The time is up.
    Elapsed,
}

pub(super) fn run(arguments: &CaptureArguments) -> std::result::Result<ExitCode, Failure> {
    let to_stdout = arguments.output.as_deref() == Some(Path::new("-"));
    if to_stdout && arguments.common.json {
        return Err(Failure::Usage("--json and -o - both want stdout: record to a file instead".to_owned()));
    }
    // File names that cannot be are refused before a camera is opened.
    let recorder = arguments.output.as_deref().map(Recorder::create).transpose()?;
    let snapshot = arguments.snapshot.as_deref().map(Snapshot::create).transpose()?;
    let (events, ends) = mpsc::channel();
    watch_signals(&events)?;

    let recording_to_file = recorder.is_some() && !to_stdout;
    let devices = request::devices(&arguments.common)
        .with_buffers(arguments.buffers)
        .with_resolve_options(request::options(&arguments.request, recording_to_file));
    let stream = request::stream(&devices, &arguments.request, arguments.wait)?;
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
    if arguments.common.json {
        print::document(&report.document());
    } else {
        report.print(to_stdout);
    }
    if let Some(error) = &report.error {
        print::error(error);
    }
    Ok(match signal {
        Some(signal) => ExitCode::from(signals::exit_code(signal)),
        None if report.error.is_some() => ExitCode::from(1),
        None => ExitCode::SUCCESS,
    })
}

fn watch_signals(events: &Sender<Event>) -> Result<()> {
    let events = events.clone();
    signals::watch(move |signal| drop(events.send(Event::Signal(signal))))
        .map_err(|error| Error::new(ErrorName::AbortError, format!("cannot watch for signals: {error}")))
}

/// Waits for whatever comes first, moving the progress bar where there is one.
fn wait(arguments: &CaptureArguments, ends: &Receiver<Event>, started: Instant, work: &Work) -> Event {
    let progress = Progress::new(arguments.frames, arguments.duration);
    let deadline = arguments.duration.and_then(|duration| started.checked_add(duration));
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // Without a bar nothing wakes this thread but the end.
        let next = match (left, progress.tick()) {
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

/// What happens to the frames.
enum Main {
    /// They are written.
    Record { attachment: Attachment, progress: RecordingProgress },
    /// They are counted on the capture thread, with no hand-over.
    Count { callback: FrameCallback, frames: Arc<AtomicU64> },
}

struct Work {
    main: Main,
    snapshot: Option<(Attachment, std::path::PathBuf)>,
    to_stdout: bool,
}

impl Work {
    fn start(
        stream: &LocalMediaStream,
        track: &Arc<VideoTrack>,
        limit: Option<u64>,
        recorder: Option<Recorder>,
        snapshot: Option<Snapshot>,
        events: &Sender<Event>,
    ) -> Result<Self> {
        let snapshot = match snapshot {
            None => None,
            Some(snapshot) => {
                let path = snapshot.path().to_owned();
                Some((stream.attach(snapshot)?, path))
            }
        };
        let to_stdout = recorder.as_ref().is_some_and(|recorder| recorder.progress().path() == Path::new("-"));
        let main = match recorder {
            Some(recorder) => {
                let recorder = match limit {
                    Some(limit) => recorder.with_frame_limit(limit),
                    None => recorder,
                };
                let progress = recorder.progress();
                let attachment = stream.attach(Announced { sink: recorder, events: events.clone() })?;
                Main::Record { attachment, progress }
            }
            None => {
                let frames = Arc::new(AtomicU64::new(0));
                let callback = count(track, limit, frames.clone(), events.clone(), snapshot.is_none());
                Main::Count { callback, frames }
            }
        };
        Ok(Self { main, snapshot, to_stdout })
    }

    fn frames(&self) -> u64 {
        match &self.main {
            Main::Record { progress, .. } => progress.frames(),
            Main::Count { frames, .. } => frames.load(Ordering::Relaxed),
        }
    }

    /// Ends everything in order: the files first, with what waits for them, then the camera.
    fn finish(self, stream: &LocalMediaStream, track: &VideoTrack, event: Event, elapsed: Duration) -> Report {
        let (mut consumers, mut files, mut error) = (Vec::new(), Vec::new(), None);
        let mut ended_by = match event {
            Event::Signal(signal) => signal.as_str().to_owned(),
            Event::Done => "frames".to_owned(),
            Event::Elapsed => "duration".to_owned(),
            Event::TrackEnded(reason) => {
                error = reason;
                "trackEnded".to_owned()
            }
        };
        let source = track.statistics();
        match self.main {
            Main::Count { callback, .. } => {
                callback.cancel();
                consumers.push(callback.statistics());
            }
            Main::Record { attachment, progress } => {
                let outcome = attachment.finish();
                consumers.push(outcome.statistics);
                match outcome.result {
                    // The reader of a pipe that has what it wanted is no error.
                    Err(failure) if self.to_stdout && failure.errno() == Some(Errno::EPIPE as i32) => {
                        ended_by = "outputClosed".to_owned();
                    }
                    Err(failure) if error.is_none() => {
                        ended_by = "error".to_owned();
                        error = Some(failure);
                    }
                    _ => {}
                }
                if !self.to_stdout {
                    files.push(Written {
                        path: progress.path().to_owned(),
                        frames: progress.frames(),
                        bytes: progress.bytes(),
                    });
                }
            }
        }
        if let Some((snapshot, path)) = self.snapshot {
            let outcome = snapshot.finish();
            match outcome.result {
                Ok(()) => {
                    let bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
                    files.push(Written { path, frames: 1, bytes });
                }
                Err(failure) => error = error.or(Some(failure)),
            }
        }
        stream.stop();
        Report { settings: track.settings().clone(), source, consumers, files, ended_by, elapsed, error }
    }
}

/// Counts frames on the capture thread, up to a limit.
fn count(
    track: &Arc<VideoTrack>,
    limit: Option<u64>,
    frames: Arc<AtomicU64>,
    events: Sender<Event>,
    may_stop: bool,
) -> FrameCallback {
    let weak = Arc::downgrade(track);
    track.on_frame(move |_| {
        let count = frames.fetch_add(1, Ordering::Relaxed) + 1;
        if Some(count) == limit {
            // Here and now, so that not one frame more is counted; unless someone else still needs the camera.
            if let (true, Some(track)) = (may_stop, weak.upgrade()) {
                track.stop();
            }
            let _ = events.send(Event::Done);
        }
    })
}

/// A sink that says when it has ended.
struct Announced<S> {
    sink: S,
    events: Sender<Event>,
}

impl<S: Sink> Sink for Announced<S> {
    fn name(&self) -> &str {
        self.sink.name()
    }

    fn loaded_metadata(&mut self, tracks: &[TrackMetadata]) -> Result<()> {
        self.sink.loaded_metadata(tracks)
    }

    fn video_frame(&mut self, track: usize, frame: &VideoFrame) -> Result<Flow> {
        self.sink.video_frame(track, frame)
    }

    fn ended(&mut self) -> Result<()> {
        let outcome = self.sink.ended();
        let _ = self.events.send(Event::Done);
        outcome
    }
}
