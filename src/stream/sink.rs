//! What consumes a stream on a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

use super::consumer::ConsumerStatistics;
use super::frame::VideoFrame;
use super::processor::MediaStreamTrackProcessor;
use super::track::VideoTrack;
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
    /// V4L2's colour numbers: see [`VideoFrame::colour_numbers`].
    pub colour_numbers: [u32; 4],
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

/// A sink at work. Dropping it lets the sink go on until the stream ends; [`Attachment::finish`] ends it now.
pub struct Attachment {
    thread: Option<JoinHandle<()>>,
    outcome: Receiver<Outcome>,
    stop: Arc<VideoTrack>,
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
            colour_numbers: track.colour_numbers(),
        };
        // A track of its own, so that the sink can be ended without ending the caller's.
        let own = Arc::new(VideoTrack::clone(track));
        own.set_enabled(true);
        let processor = own.named_processor(sink.name(), QUEUE);
        let (done, outcome) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name(format!("usermedia-{}", sink.name()))
            .spawn(move || {
                let result = run(sink, &[metadata], processor);
                let _ = done.send(result);
            })
            .map_err(|error: io::Error| {
                Error::new(ErrorName::AbortError, format!("no thread for the sink: {error}"))
            })?;
        Ok(Self { thread: Some(thread), outcome, stop: own })
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
