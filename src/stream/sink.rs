//! What consumes a stream on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::consumer::{Consumer, ConsumerStatistics};
use super::frame::VideoFrame;
use super::processor::{FrameQueue, MediaStreamTrackProcessor};
use super::track::VideoTrack;
use crate::capture::VideoFormat;
use crate::error::{Error, ErrorName, Result};
use crate::resolve::VideoSettings;

/// How many frames wait for a sink that is busy.
const QUEUE: usize = 8;

/// What a sink learns of a track before its first frame.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TrackMetadata {
    /// The camera's name.
    pub label: String,
    /// What the track gives.
    pub settings: VideoSettings,
    /// The format of the track's frames, as negotiated.
    #[cfg_attr(not(feature = "record"), allow(dead_code, reason = "only the recorder writes it down"))]
    pub(crate) format: Arc<VideoFormat>,
}

/// Consumes a stream: a recorder, a snapshot, a viewer.
///
/// All calls come on one thread that belongs to the sink: [`Sink::loaded_metadata`] once, as the element's
/// `loadedmetadata`, then [`Sink::video_frame`] for each frame, then [`Sink::ended`] once.
pub trait Sink: Send {
    /// What it is called in statistics.
    fn name(&self) -> &str;

    /// The tracks are known.
    ///
    /// # Errors
    /// Ends the sink.
    fn loaded_metadata(&mut self, tracks: &[TrackMetadata]) -> Result<()>;

    /// A frame of the track with this index.
    ///
    /// # Errors
    /// Ends the sink; [`Sink::ended`] is still called.
    fn video_frame(&mut self, track: usize, frame: &VideoFrame) -> Result<Flow>;

    /// There will be no more frames.
    ///
    /// # Errors
    /// The outcome of the sink, where nothing failed before.
    fn ended(&mut self) -> Result<()>;
}

/// Whether a sink wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    Continue,
    /// It has all it wanted.
    Done,
}

/// A sink at work. Dropping it leaves the sink to go on until the stream ends.
pub struct Attachment {
    thread: Option<JoinHandle<()>>,
    outcome: Receiver<Outcome>,
    queue: Arc<FrameQueue>,
}

/// How a sink ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// What it came to.
    pub result: Result<()>,
    /// What was counted of it.
    pub statistics: ConsumerStatistics,
}

impl Attachment {
    pub(super) fn start(tracks: &[Arc<VideoTrack>], sink: Box<dyn Sink>) -> Result<Self> {
        let Some(track) = tracks.first() else {
            return Err(Error::new(ErrorName::AbortError, "the stream has no track to attach to"));
        };
        let metadata = TrackMetadata {
            label: track.label().to_owned(),
            settings: track.settings().clone(),
            format: track.format().clone(),
        };
        let processor = track.named_processor(sink.name(), QUEUE);
        let queue = processor.queue();
        let (done, outcome) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name(format!("usermedia-{}", sink.name()))
            .spawn(move || {
                let _ = done.send(run(sink, &[metadata], processor));
            })
            .map_err(|error| Error::new(ErrorName::AbortError, format!("no thread for the sink: {error}")))?;
        Ok(Self { thread: Some(thread), outcome, queue })
    }

    /// What was counted of the sink so far.
    pub fn statistics(&self) -> ConsumerStatistics {
        self.queue.statistics()
    }

    /// Whether the sink has ended: by itself, or with the stream.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the sink: it gets the frames that wait for it, and then its end. Waits for that.
    pub fn finish(self) -> Outcome {
        self.queue.end(None);
        self.wait()
    }

    /// Waits until the sink has ended by itself or with the stream.
    pub fn wait(mut self) -> Outcome {
        let outcome = self.outcome.recv().unwrap_or_else(|_| Outcome {
            result: Err(Error::new(ErrorName::AbortError, "the sink panicked")),
            statistics: self.queue.statistics(),
        });
        if let Some(thread) = self.thread.take() {
            // It has sent its last word, or panicked, which was printed.
            let _ = thread.join();
        }
        outcome
    }

    /// As [`Attachment::wait`], but not longer than `limit`; `None` when it has not ended by then.
    pub fn wait_timeout(&mut self, limit: Duration) -> Option<Outcome> {
        self.outcome.recv_timeout(limit).ok()
    }
}

fn run(mut sink: Box<dyn Sink>, tracks: &[TrackMetadata], mut processor: MediaStreamTrackProcessor) -> Outcome {
    let mut result = sink.loaded_metadata(tracks);
    while result.is_ok() {
        match processor.next() {
            Some(Ok(frame)) => match sink.video_frame(0, &frame) {
                Ok(Flow::Continue) => {}
                Ok(Flow::Done) => break,
                Err(error) => result = Err(error),
            },
            Some(Err(error)) => result = Err(error),
            None => break,
        }
    }
    let statistics = processor.statistics();
    drop(processor);
    let ended = sink.ended();
    Outcome { result: result.and(ended), statistics }
}
