//! What consumes a stream on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;

use super::audio_data::AudioData;
use super::bell::Bell;
use super::consumer::{Consumer, ConsumerStatistics};
use super::frame::VideoFrame;
use super::lane::{Lane, feed, lane};
use super::medium::Medium;
use super::queue::{Bound, DropPolicy, Queue};
use super::track::{AudioTrack, VideoTrack};
use crate::capture::{AudioFormat, VideoFormat};
use crate::error::{Error, ErrorName, Result};
use crate::resolve::{AudioSettings, VideoSettings};
use crate::thread;

/// How much sound waits for a sink that is busy, whatever its pictures do: seconds and bytes.
const SOUND: (Duration, u64) = (Duration::from_secs(2), 16 << 20);

/// What a sink learns of a track before its first frame.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TrackMetadata {
    /// The device's name.
    pub label: String,
    /// What the track gives.
    pub settings: TrackSettings,
    /// The format of what the track yields, as negotiated.
    pub(crate) format: TrackFormat,
}

/// `getSettings()` of a track of either kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TrackSettings {
    /// A camera's.
    Video(VideoSettings),
    /// A microphone's.
    Audio(AudioSettings),
}

impl TrackSettings {
    /// The device's name.
    pub(super) fn label(&self) -> &str {
        match self {
            Self::Video(settings) => &settings.label,
            Self::Audio(settings) => &settings.label,
        }
    }

    /// Whether the device is built in here, not one of the machine.
    pub fn is_synthetic(&self) -> bool {
        match self {
            Self::Video(settings) => settings.synthetic,
            Self::Audio(settings) => settings.synthetic,
        }
    }
}

/// The negotiated format of a track of either kind.
#[derive(Debug, Clone)]
pub(crate) enum TrackFormat {
    Video(Arc<VideoFormat>),
    #[cfg_attr(not(feature = "record"), allow(dead_code, reason = "only the recorder writes sound down"))]
    Audio(AudioFormat),
}

/// What may wait for a sink that is busy. When more comes the oldest is dropped, or what comes, as each says; either is counted
/// as [`ConsumerStatistics::behind`].
///
/// Sound is small and is kept for two seconds either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backlog {
    /// The newest so many frames, the driver's own buffers: for a sink that shows what is now.
    Newest(usize),
    /// So many frames, the driver's own buffers, in their order and without a gap: what comes while so many wait is dropped.
    /// For a sink that works on neighbouring frames.
    InOrder(usize),
    /// The newest frames of so much time and so many bytes, whichever is less. What waits longer than a moment is copied, so
    /// that the camera has its buffers: for a sink that wants every frame, and may be held up for seconds.
    Recent {
        /// From the oldest frame to the newest.
        span: Duration,
        /// Of all of them.
        bytes: u64,
    },
}

impl Default for Backlog {
    /// The newest 8 frames.
    fn default() -> Self {
        Self::Newest(8)
    }
}

/// Consumes a stream: a recorder, a snapshot, a viewer.
///
/// All calls come on one thread that belongs to the sink: [`Sink::loaded_metadata`] once, as the element's
/// `loadedmetadata`, then [`Sink::video_frame`] for each frame and [`Sink::audio_data`] for each block of sound, the oldest
/// first of what is there, then [`Sink::ended`] once.
pub trait Sink: Send {
    /// What it is called in statistics.
    fn name(&self) -> &str;

    /// What may wait for it while it is busy. Asked once.
    fn backlog(&self) -> Backlog {
        Backlog::default()
    }

    /// The tracks are known: the cameras first, then the microphones.
    ///
    /// # Errors
    /// Ends the sink.
    fn loaded_metadata(&mut self, tracks: &[TrackMetadata]) -> Result<()>;

    /// A frame of the track with this index.
    ///
    /// # Errors
    /// Ends the sink; [`Sink::ended`] is still called.
    fn video_frame(&mut self, track: usize, frame: &VideoFrame) -> Result<Flow>;

    /// A block of sound of the track with this index. A sink that is deaf need not say so.
    ///
    /// # Errors
    /// As [`Sink::video_frame`].
    fn audio_data(&mut self, track: usize, data: &AudioData) -> Result<Flow> {
        let _ = (track, data);
        Ok(Flow::Continue)
    }

    /// What the track with this index yields from here on is of another format: the device came back in another mode, or
    /// `applyConstraints()` chose one. As the element's `resize`. A sink that looks at each frame need not say anything.
    ///
    /// # Errors
    /// Ends the sink; [`Sink::ended`] is still called.
    fn reconfigured(&mut self, track: usize, metadata: &TrackMetadata) -> Result<()> {
        let _ = (track, metadata);
        Ok(())
    }

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
    queues: Vec<Arc<dyn Waiting>>,
}

/// How a sink ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// What it came to.
    pub result: Result<()>,
    /// What was counted of it, for each track as in [`Sink::loaded_metadata`].
    pub statistics: Vec<ConsumerStatistics>,
}

impl Attachment {
    pub(super) fn start(video: &[Arc<VideoTrack>], audio: &[Arc<AudioTrack>], sink: Box<dyn Sink>) -> Result<Self> {
        if video.is_empty() && audio.is_empty() {
            return Err(Error::new(ErrorName::AbortError, "the stream has no track to attach to"));
        }
        let bell = Arc::new(Bell::default());
        let pictures = match sink.backlog() {
            Backlog::Newest(frames) => Bound::items(frames, DropPolicy::Newest),
            Backlog::InOrder(frames) => Bound::items(frames, DropPolicy::InOrder),
            Backlog::Recent { span, bytes } => Bound::backlog(span, bytes),
        };
        let (mut metadata, mut lanes, mut queues) = (Vec::new(), Vec::new(), Vec::new());
        for track in video {
            metadata.push(track.metadata());
            let (lane, queue) = lane(track, sink.name(), pictures, &bell);
            lanes.push(lane);
            queues.push(queue);
        }
        for track in audio {
            metadata.push(track.metadata());
            let (lane, queue) = lane(track, sink.name(), Bound::backlog(SOUND.0, SOUND.1), &bell);
            lanes.push(lane);
            queues.push(queue);
        }
        let (done, outcome) = mpsc::sync_channel(1);
        let thread = thread::start(format!("usermedia-{}", sink.name()), "the sink", move || {
            let _ = done.send(run(sink, &metadata, lanes, &bell));
        })?;
        Ok(Self { thread: Some(thread), outcome, queues })
    }

    /// What was counted of the sink so far, for each track as in [`Sink::loaded_metadata`].
    pub fn statistics(&self) -> Vec<ConsumerStatistics> {
        self.queues.iter().map(|queue| queue.statistics()).collect()
    }

    /// Whether the sink has ended: by itself, or with the stream.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the sink: it gets the frames that wait for it, and then its end. Waits for that.
    pub fn finish(self) -> Outcome {
        self.queues.iter().for_each(|queue| queue.end());
        self.wait()
    }

    /// Waits until the sink has ended by itself or with the stream.
    pub fn wait(mut self) -> Outcome {
        let outcome = self.outcome.recv().unwrap_or_else(|_| Outcome {
            result: Err(Error::new(ErrorName::AbortError, "the sink panicked")),
            statistics: self.statistics(),
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

/// What waits for a sink from one track, whichever its kind, as the [`Attachment`] sees it.
pub(super) trait Waiting: Send + Sync {
    fn end(&self);
    fn statistics(&self) -> ConsumerStatistics;
}

impl<M: Medium> Waiting for Queue<M> {
    fn end(&self) {
        Consumer::end(self, None);
    }

    fn statistics(&self) -> ConsumerStatistics {
        Consumer::statistics(self)
    }
}

fn run(mut sink: Box<dyn Sink>, tracks: &[TrackMetadata], mut lanes: Vec<Box<dyn Lane>>, bell: &Bell) -> Outcome {
    let result = sink.loaded_metadata(tracks).and_then(|()| feed(&mut *sink, &mut lanes, bell));
    let statistics = lanes.iter().map(|lane| lane.statistics()).collect();
    drop(lanes);
    let ended = sink.ended();
    Outcome { result: result.and(ended), statistics }
}
