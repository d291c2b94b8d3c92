//! What `usermedia capture` does with the frames: records them or counts them, and takes a picture on the way.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;

use super::event::{Announced, Event};
use super::report::{AudioReport, Recording, Report, State, VideoReport, Written};
use super::signals::Sender;
use super::text;
use crate::capture::RecoveryEvent;
use crate::error::{Error, Result};
use crate::sink::{Recorder, RecordingProgress, Snapshot};
use crate::stream::{
    Attachment, AudioData, AudioTrack, ConsumerStatistics, FrameCallback, LocalMediaStream, MediaStreamTrackState,
    Medium, Outcome, VideoFrame, VideoTrack,
};

/// How long a picture may take once the rest is done: its own second for the exposure, and the encoding.
const PICTURE: Duration = Duration::from_secs(3);

/// The rate at which frames were delivered, by their own timestamps.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<Readings>);

#[derive(Default)]
struct Readings {
    frames: AtomicU64,
    first: AtomicU64,
    last: AtomicU64,
}

impl Meter {
    /// A frame, on the one thread that all of them come on.
    pub(super) fn frame(&self, frame: &VideoFrame) {
        if self.0.frames.fetch_add(1, Ordering::Relaxed) == 0 {
            self.0.first.store(frame.timestamp(), Ordering::Relaxed);
        }
        self.0.last.store(frame.timestamp(), Ordering::Relaxed);
    }

    /// Frames so far.
    pub(super) fn frames(&self) -> u64 {
        self.0.frames.load(Ordering::Relaxed)
    }

    /// Frames per second; `None` before the second.
    pub(super) fn rate(&self) -> Option<f64> {
        let (first, last) = (self.0.first.load(Ordering::Relaxed), self.0.last.load(Ordering::Relaxed));
        let span = last.checked_sub(first).filter(|&span| span > 0)?;
        let intervals = self.frames().checked_sub(1).filter(|&intervals| intervals > 0)?;
        Some(intervals as f64 * 1e9 / span as f64)
    }
}

/// The tracks of a stream that a capture is about: the first of each kind.
pub(super) struct Tracks {
    pub(super) video: Option<Arc<VideoTrack>>,
    pub(super) audio: Option<Arc<AudioTrack>>,
}

impl Tracks {
    pub(super) fn of(stream: &LocalMediaStream) -> Self {
        Self { video: stream.video_tracks().first().cloned(), audio: stream.audio_tracks().first().cloned() }
    }

    /// Has `events` told of each end that comes by itself, and of what happens to a device before it.
    pub(super) fn announce(&self, events: &Sender<Event>) {
        let tell = || {
            let ended = events.clone();
            move |error| ended.send(Event::TrackEnded(error))
        };
        self.video.iter().for_each(|track| track.on_ended(tell()));
        self.audio.iter().for_each(|track| track.on_ended(tell()));
        let happened = |label: &str| {
            let (label, happened) = (label.to_owned(), events.clone());
            move |event: &RecoveryEvent| happened.send(Event::Recovery(label.clone(), event.clone()))
        };
        self.video.iter().for_each(|track| track.on_recovery_event(happened(track.label())));
        self.audio.iter().for_each(|track| track.on_recovery_event(happened(track.label())));
    }

    /// The devices' names.
    pub(super) fn labels(&self) -> String {
        let video = self.video.iter().map(|track| track.label());
        let labels: Vec<_> = video.chain(self.audio.iter().map(|track| track.label())).collect();
        labels.join(" and ")
    }

    /// How many have not ended.
    pub(super) fn live(&self) -> usize {
        let video = self.video.iter().filter(|track| track.ready_state() == MediaStreamTrackState::Live).count();
        video + self.audio.iter().filter(|track| track.ready_state() == MediaStreamTrackState::Live).count()
    }

    /// Why one of them ended badly.
    fn error(&self) -> Option<Error> {
        let video = self.video.as_ref().and_then(|track| track.error());
        video.or_else(|| self.audio.as_ref().and_then(|track| track.error()))
    }
}

/// What happens to frames and sound.
enum Main {
    /// They are written.
    Record { attachment: Attachment, progress: RecordingProgress },
    /// They are counted on the capture thread, with no hand-over. The video track is a clone where someone else needs the
    /// camera for longer.
    Count { video: Option<(FrameCallback, Arc<VideoTrack>)>, audio: Option<FrameCallback<AudioData>> },
}

/// A capture at work.
pub(super) struct Work {
    main: Main,
    meter: Meter,
    snapshot: Option<(Attachment, PathBuf)>,
    to_stdout: bool,
    /// There is a camera.
    pictures: bool,
}

impl Work {
    /// Starts what is wanted of the stream; `events` hears when it is done.
    pub(super) fn start(
        stream: &LocalMediaStream,
        tracks: &Tracks,
        limit: Option<u64>,
        recorder: Option<Recorder>,
        snapshot: Option<Snapshot>,
        events: &Sender<Event>,
    ) -> Result<Self> {
        let meter = Meter::default();
        let to_stdout = recorder.as_ref().is_some_and(|recorder| recorder.progress().path() == Path::new("-"));
        let main = match recorder {
            Some(recorder) => {
                let recorder = match limit {
                    Some(limit) => recorder.with_frame_limit(limit),
                    None => recorder,
                };
                let progress = recorder.progress();
                let sink = Announced { sink: recorder, events: events.clone(), meter: meter.clone() };
                Main::Record { attachment: stream.attach(sink)?, progress }
            }
            None => {
                let video = tracks.video.as_ref().map(|track| {
                    let track = if snapshot.is_some() { Arc::new(VideoTrack::clone(track)) } else { track.clone() };
                    (count(&track, limit, meter.clone(), events.clone()), track)
                });
                // Sound is counted at the source; a consumer is there so that its age and its losses are known too.
                Main::Count { video, audio: tracks.audio.as_ref().map(|track| track.on_data(|_| {})) }
            }
        };
        let snapshot = match snapshot {
            None => None,
            Some(snapshot) => {
                let path = snapshot.path().to_owned();
                Some((stream.attach(snapshot)?, path))
            }
        };
        Ok(Self { main, meter, snapshot, to_stdout, pictures: tracks.video.is_some() })
    }

    /// Frames recorded or counted so far.
    pub(super) fn frames(&self) -> u64 {
        match &self.main {
            Main::Record { progress, .. } => progress.frames(),
            Main::Count { .. } => self.meter.frames(),
        }
    }

    /// What is recorded, if anything is.
    pub(super) fn recording(&self) -> Option<&RecordingProgress> {
        match &self.main {
            Main::Record { progress, .. } => Some(progress),
            Main::Count { .. } => None,
        }
    }

    /// What there is to say while it goes on: `123 frames, 4.2 MB`.
    pub(super) fn told(&self) -> String {
        match (&self.main, self.pictures) {
            (Main::Record { progress, .. }, true) => {
                format!("{}, {}", text::count(progress.frames(), "frame"), text::bytes(progress.bytes()))
            }
            (Main::Record { progress, .. }, false) => format!("{} of sound", text::bytes(progress.bytes())),
            (Main::Count { .. }, true) => text::count(self.meter.frames(), "frame"),
            (Main::Count { .. }, false) => "sound".to_owned(),
        }
    }

    /// Ends everything in order: the files first, with what waits for them, then the devices.
    pub(super) fn finish(self, stream: &LocalMediaStream, tracks: &Tracks, event: Event, elapsed: Duration) -> Report {
        let (mut consumers, mut files, mut recording) = (Vec::new(), Vec::new(), None);
        let hurried = matches!(event, Event::Signal(_));
        // A recorder may say that it is done because the camera ended, before the camera says so.
        let (mut ended_by, mut error) = match (event, tracks.error()) {
            (Event::Signal(signal), error) => (signal.as_str(), error),
            (Event::TrackEnded(error), _) | (Event::Done, error @ Some(_)) => ("trackEnded", error),
            (Event::Done, None) => ("frames", None),
            // What is told on the way ends nothing.
            (Event::Elapsed | Event::Recovery(..) | Event::Devices, error) => ("duration", error),
        };
        match self.main {
            Main::Count { video, audio } => {
                if let Some((callback, _track)) = video {
                    callback.cancel();
                    consumers.push(callback.statistics());
                }
                if let Some(callback) = audio {
                    callback.cancel();
                    consumers.push(callback.statistics());
                }
            }
            Main::Record { attachment, progress } => {
                let outcome = attachment.finish();
                consumers.extend(outcome.statistics);
                match outcome.result {
                    // The reader of a pipe that has what it wanted is no error.
                    Err(failure) if self.to_stdout && failure.errno() == Some(Errno::EPIPE as i32) => {
                        ended_by = "outputClosed";
                    }
                    Err(failure) if error.is_none() => {
                        ended_by = if hurried { ended_by } else { "error" };
                        error = Some(failure);
                    }
                    _ => {}
                }
                if !self.to_stdout {
                    files.extend(progress.files().into_iter().map(|file| Written {
                        path: file.path,
                        frames: file.frames,
                        bytes: file.bytes,
                        deleted: file.deleted,
                    }));
                }
                recording = Some(Recording {
                    bytes: progress.bytes(),
                    // By the frames' own times; a recording that failed has what the clock says.
                    duration: progress.duration().map_or(elapsed, Duration::from_nanos),
                    unusable: progress.unusable(),
                    deleted: progress.deleted(),
                    longest_sync: progress.longest_sync(),
                    to_disk: !self.to_stdout,
                });
            }
        }
        if let Some((snapshot, path)) = self.snapshot {
            let outcome = end_picture(snapshot, hurried);
            consumers.extend(outcome.statistics);
            match outcome.result {
                Ok(()) => {
                    let bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
                    files.push(Written { path, frames: 1, bytes, deleted: false });
                }
                Err(failure) => error = error.or(Some(failure)),
            }
        }
        let (video, audio) = reports(tracks, self.meter.rate(), consumers);
        stream.stop();
        Report { video, audio, recording, files, ended_by: ended_by.to_owned(), elapsed, error }
    }
}

/// What became of each track, its consumers told apart by their kind.
pub(super) fn reports(
    tracks: &Tracks,
    delivered_rate: Option<f64>,
    consumers: Vec<ConsumerStatistics>,
) -> (Option<VideoReport>, Option<AudioReport>) {
    let (pictures, sound) = consumers.into_iter().partition(|consumer| consumer.kind == VideoFrame::KIND);
    let video = tracks.video.as_ref().map(|track| VideoReport {
        settings: (*track.settings()).clone(),
        delivered_rate,
        source: track.statistics(),
        unreadable: track.unreadable(),
        state: State::of(track),
        consumers: pictures,
    });
    let audio = tracks.audio.as_ref().map(|track| AudioReport {
        settings: (*track.settings()).clone(),
        source: track.statistics(),
        state: State::of(track),
        consumers: sound,
    });
    (video, audio)
}

/// A picture that is still waiting for its exposure when the rest is done gets the time it needs, unless in a hurry.
fn end_picture(mut snapshot: Attachment, hurried: bool) -> Outcome {
    let patience = if hurried { Duration::ZERO } else { PICTURE };
    snapshot.wait_timeout(patience).unwrap_or_else(|| snapshot.finish())
}

/// Counts frames on the capture thread, up to a limit.
fn count(track: &Arc<VideoTrack>, limit: Option<u64>, meter: Meter, events: Sender<Event>) -> FrameCallback {
    let weak = Arc::downgrade(track);
    track.on_frame(move |frame| {
        meter.frame(frame);
        if Some(meter.frames()) == limit {
            // Here and now, so that not one frame more is counted.
            if let Some(track) = weak.upgrade() {
                track.stop();
            }
            events.send(Event::Done);
        }
    })
}
