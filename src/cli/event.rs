//! What a command that streams waits for, all on one channel.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::Failure;
use super::signals::{self, Receiver, Sender};
use crate::capture::RecoveryEvent;
use crate::error::{Error, ErrorName, Result};
use crate::stream::{AudioData, Backlog, Flow, Sink, TrackMetadata, VideoFrame};

/// What ends a capture, or is told on the way.
pub(super) enum Event {
    /// SIGINT, SIGTERM or SIGHUP.
    Signal(Signal),
    /// The recorder, the counting or the picture has all it wanted, or failed; before them, the request has its answer.
    Done,
    /// The camera ended by itself.
    TrackEnded(Option<Error>),
    /// Something happened to the device with this name, which may yet be had back.
    Recovery(String, RecoveryEvent),
    /// The time is up.
    Elapsed,
    /// A device may have come or changed, for which a request waits: no end of anything.
    Devices,
}

/// The channel, with the signals coming in on it.
pub(super) fn channel() -> Result<(Sender<Event>, Receiver<Event>), Failure> {
    signals::channel(Event::Signal).map_err(|error| no_signals(&error))
}

/// Why a command that goes on until a signal comes cannot begin.
pub(super) fn no_signals(error: &std::io::Error) -> Failure {
    Error::new(ErrorName::AbortError, format!("cannot watch for signals: {error}")).into()
}

/// Waits before a stream is there, at most so long, until a device may have come. Whether one may have; a signal is the
/// end of it all.
pub(super) fn device_within(ends: &Receiver<Event>, limit: Duration) -> Result<bool, Failure> {
    match ends.recv_timeout(limit) {
        Some(Event::Signal(signal)) => Err(Failure::Interrupted(signal)),
        Some(Event::Devices) => Ok(true),
        Some(_) | None => Ok(false),
    }
}

/// The next event that is not about devices.
pub(super) fn next(ends: &Receiver<Event>) -> Event {
    loop {
        let event = ends.recv();
        if !matches!(event, Event::Devices | Event::Recovery(..)) {
            return event;
        }
    }
}

/// A sink that says when it has ended, whichever way it did.
pub(super) struct Announced<S> {
    pub(super) sink: S,
    pub(super) events: Sender<Event>,
    /// What the frames that it took say of the rate.
    pub(super) meter: super::work::Meter,
}

impl<S: Sink> Sink for Announced<S> {
    fn name(&self) -> &str {
        self.sink.name()
    }

    fn loaded_metadata(&mut self, tracks: &[TrackMetadata]) -> Result<()> {
        self.sink.loaded_metadata(tracks)
    }

    fn reconfigured(&mut self, track: usize, metadata: &TrackMetadata) -> Result<()> {
        self.sink.reconfigured(track, metadata)
    }

    fn video_frame(&mut self, track: usize, frame: &VideoFrame) -> Result<Flow> {
        self.meter.frame(frame);
        self.sink.video_frame(track, frame)
    }

    fn backlog(&self) -> Backlog {
        self.sink.backlog()
    }

    fn audio_data(&mut self, track: usize, data: &AudioData) -> Result<Flow> {
        self.sink.audio_data(track, data)
    }

    fn ended(&mut self) -> Result<()> {
        self.sink.ended()
    }
}

impl<S> Drop for Announced<S> {
    fn drop(&mut self) {
        // Here rather than in `ended`, which a sink that panics never reaches.
        self.events.send(Event::Done);
    }
}
