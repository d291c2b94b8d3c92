//! A stream: the tracks that one request gave.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::medium::Medium;
use super::sink::{Attachment, Sink};
use super::statistics::{StreamStatistics, TrackStatistics};
use super::track::{AudioTrack, MediaStreamTrack, VideoTrack};
use super::{AudioData, MediaStreamTrackState, VideoFrame, random_id};
use crate::error::Result;

type OnEnded = Box<dyn FnOnce() + Send>;

/// `LocalMediaStream` of the 2012 drafts, and `MediaStream` of today's: a set of tracks with an id.
///
/// [`Clone`] is the W3C method: a stream with its own id whose tracks are clones. Dropping the last stream that has a
/// track stops that track, unless the caller keeps the track itself.
pub struct LocalMediaStream {
    id: String,
    tracks: Tracks,
    on_ended: Arc<Mutex<Option<OnEnded>>>,
}

/// A stream's tracks, by kind.
#[derive(Default)]
pub struct Tracks {
    pub(super) video: Mutex<Vec<Arc<VideoTrack>>>,
    pub(super) audio: Mutex<Vec<Arc<AudioTrack>>>,
}

impl LocalMediaStream {
    pub(super) fn new(video: Vec<Arc<VideoTrack>>, audio: Vec<Arc<AudioTrack>>) -> Self {
        let tracks = Tracks { video: Mutex::new(video), audio: Mutex::new(audio) };
        Self { id: random_id(), tracks, on_ended: Arc::default() }
    }

    fn list<M: Medium>(&self) -> MutexGuard<'_, Vec<Arc<MediaStreamTrack<M>>>> {
        M::tracks(&self.tracks).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream's own id: a random UUID, 36 characters as the 2012 `label`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether a track of it is still live.
    pub fn active(&self) -> bool {
        fn any_live<M: Medium>(tracks: &[Arc<MediaStreamTrack<M>>]) -> bool {
            tracks.iter().any(|track| track.ready_state() == MediaStreamTrackState::Live)
        }
        any_live(&self.video_tracks()) || any_live(&self.audio_tracks())
    }

    /// The cameras: `getVideoTracks()`.
    pub fn video_tracks(&self) -> Vec<Arc<VideoTrack>> {
        self.list::<VideoFrame>().clone()
    }

    /// The microphones: `getAudioTracks()`.
    pub fn audio_tracks(&self) -> Vec<Arc<AudioTrack>> {
        self.list::<AudioData>().clone()
    }

    /// Adds a track, unless it is there already.
    pub fn add_track<M: Medium>(&self, track: Arc<MediaStreamTrack<M>>) {
        let mut tracks = self.list::<M>();
        if !tracks.iter().any(|other| other.id() == track.id()) {
            tracks.push(track);
        }
    }

    /// Takes a track out; it goes on if the caller keeps it.
    pub fn remove_track<M: Medium>(&self, track: &MediaStreamTrack<M>) {
        let mut tracks = self.list::<M>();
        let gone = tracks.iter().position(|other| other.id() == track.id()).map(|at| tracks.remove(at));
        // Its last holder may be this one: stopping it takes a while, and the list is free meanwhile.
        drop(tracks);
        drop(gone);
    }

    /// Ends every track: `LocalMediaStream.stop()` of 2012. Returns within 100 ms of each device, closed.
    pub fn stop(&self) {
        self.video_tracks().iter().for_each(|track| track.stop());
        self.audio_tracks().iter().for_each(|track| track.stop());
    }

    /// Has `callback` called once, on the dispatcher thread, when every track that is in the stream now has ended for
    /// another reason than `stop()`.
    pub fn on_ended(&self, callback: impl FnOnce() + Send + 'static) {
        *self.on_ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(callback));
        let (video, audio) = (self.video_tracks(), self.audio_tracks());
        let left = Arc::new(AtomicUsize::new(video.len() + audio.len()));
        let count = || {
            let (left, on_ended) = (left.clone(), self.on_ended.clone());
            move |_| {
                if left.fetch_sub(1, Ordering::SeqCst) > 1 {
                    return;
                }
                // The slot is free while the callback runs: it may fill it anew.
                let callback = on_ended.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(callback) = callback {
                    callback();
                }
            }
        };
        video.iter().for_each(|track| track.on_ended(count()));
        audio.iter().for_each(|track| track.on_ended(count()));
    }

    /// Everything that was counted, up to now: of each device, and of each consumer that is attached to a track of this stream.
    pub fn statistics(&self) -> StreamStatistics {
        StreamStatistics {
            video: self.video_tracks().iter().map(|track| TrackStatistics::of(track)).collect(),
            audio: self.audio_tracks().iter().map(|track| TrackStatistics::of(track)).collect(),
        }
    }

    /// Attaches a sink: a thread of its own gets `loaded_metadata`, then frames, then `ended`. What `video.srcObject =
    /// stream` is to a page.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn attach(&self, sink: impl Sink + 'static) -> Result<Attachment> {
        Attachment::start(&self.video_tracks(), &self.audio_tracks(), Box::new(sink))
    }
}

impl Clone for LocalMediaStream {
    fn clone(&self) -> Self {
        fn cloned<M: Medium>(tracks: Vec<Arc<MediaStreamTrack<M>>>) -> Vec<Arc<MediaStreamTrack<M>>> {
            tracks.iter().map(|track| Arc::new(MediaStreamTrack::clone(track))).collect()
        }
        Self::new(cloned(self.video_tracks()), cloned(self.audio_tracks()))
    }
}

impl fmt::Debug for LocalMediaStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalMediaStream")
            .field("id", &self.id)
            .field("video_tracks", &self.video_tracks())
            .field("audio_tracks", &self.audio_tracks())
            .finish_non_exhaustive()
    }
}
