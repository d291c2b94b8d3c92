//! A stream: the tracks that one request gave.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::random_id;
use super::sink::{Attachment, Sink};
use super::track::VideoTrack;
use super::{AudioTrack, MediaStreamTrackState};
use crate::error::Result;

type OnEnded = Box<dyn FnOnce() + Send>;

/// `LocalMediaStream` of the 2012 drafts, and `MediaStream` of today's: a set of tracks with an id.
///
/// [`Clone`] is the W3C method: a stream with its own id whose tracks are clones. Dropping the last stream that has a
/// track stops that track, unless the caller keeps the track itself.
pub struct LocalMediaStream {
    id: String,
    video: Mutex<Vec<Arc<VideoTrack>>>,
    on_ended: Arc<Mutex<Option<OnEnded>>>,
}

impl LocalMediaStream {
    pub(super) fn new(video: Vec<Arc<VideoTrack>>) -> Self {
        Self { id: random_id(), video: Mutex::new(video), on_ended: Arc::default() }
    }

    fn video(&self) -> MutexGuard<'_, Vec<Arc<VideoTrack>>> {
        self.video.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream's own id: a random UUID, 36 characters as the 2012 `label`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether a track of it is still live.
    pub fn active(&self) -> bool {
        self.video().iter().any(|track| track.ready_state() == MediaStreamTrackState::Live)
    }

    /// The cameras: `getVideoTracks()`.
    pub fn video_tracks(&self) -> Vec<Arc<VideoTrack>> {
        self.video().clone()
    }

    /// The microphones: `getAudioTracks()`. Sound is not captured yet: always empty.
    pub fn audio_tracks(&self) -> Vec<Arc<AudioTrack>> {
        Vec::new()
    }

    /// Adds a track, unless it is there already.
    pub fn add_track(&self, track: Arc<VideoTrack>) {
        let mut tracks = self.video();
        if !tracks.iter().any(|other| other.id() == track.id()) {
            tracks.push(track);
        }
    }

    /// Takes a track out; it goes on if the caller keeps it.
    pub fn remove_track(&self, track: &VideoTrack) {
        let mut tracks = self.video();
        let gone = tracks.iter().position(|other| other.id() == track.id()).map(|at| tracks.remove(at));
        // Its last holder may be this one: stopping it takes a while, and the list is free meanwhile.
        drop(tracks);
        drop(gone);
    }

    /// Ends every track: `LocalMediaStream.stop()` of 2012. Returns within 100 ms, the devices closed.
    pub fn stop(&self) {
        for track in self.video_tracks() {
            track.stop();
        }
    }

    /// Has `callback` called once, on the dispatcher thread, when every track that is in the stream now has ended for
    /// another reason than `stop()`.
    pub fn on_ended(&self, callback: impl FnOnce() + Send + 'static) {
        *self.on_ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(callback));
        let tracks = self.video_tracks();
        let left = Arc::new(AtomicUsize::new(tracks.len()));
        for track in tracks {
            let (left, on_ended) = (left.clone(), self.on_ended.clone());
            track.on_ended(move |_| {
                if left.fetch_sub(1, Ordering::SeqCst) > 1 {
                    return;
                }
                // The slot is free while the callback runs: it may fill it anew.
                let callback = on_ended.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(callback) = callback {
                    callback();
                }
            });
        }
    }

    /// Attaches a sink: a thread of its own gets `loaded_metadata`, then frames, then `ended`. What `video.srcObject =
    /// stream` is to a page.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn attach(&self, sink: impl Sink + 'static) -> Result<Attachment> {
        Attachment::start(&self.video_tracks(), Box::new(sink))
    }
}

impl Clone for LocalMediaStream {
    fn clone(&self) -> Self {
        Self::new(self.video().iter().map(|track| Arc::new(VideoTrack::clone(track))).collect())
    }
}

impl fmt::Debug for LocalMediaStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalMediaStream")
            .field("id", &self.id)
            .field("video_tracks", &*self.video())
            .finish_non_exhaustive()
    }
}
