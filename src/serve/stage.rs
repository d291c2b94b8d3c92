//! What is captured now, as everybody sees it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::hub::Hub;
use crate::constraints::MediaTrackRequest;
use crate::devices::MediaDeviceInfo;
use crate::error::Error;
use crate::stream::{AudioData, MediaStreamTrack, Medium, StreamStatistics, VideoFrame};

/// One kind of media: what was asked, and what came of it.
#[derive(Debug)]
pub(super) struct Part<M: Medium> {
    pub(super) asked: MediaTrackRequest,
    pub(super) track: Option<Arc<MediaStreamTrack<M>>>,
    /// Why there is no track, where one was asked for.
    pub(super) error: Option<Error>,
    /// How many tracks there have been.
    pub(super) opened: u64,
}

impl<M: Medium> Default for Part<M> {
    fn default() -> Self {
        Self { asked: MediaTrackRequest::NotRequested, track: None, error: None, opened: 0 }
    }
}

/// What is captured, and of what there is.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) video: Part<VideoFrame>,
    pub(super) audio: Part<AudioData>,
    /// Cameras and microphones, the unusable ones with the reason.
    pub(super) devices: Vec<MediaDeviceInfo>,
}

/// What connections read and the keeper writes.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) hub: Arc<Hub>,
    parts: Mutex<Parts>,
    /// Goes up with every listing of the devices.
    listings: AtomicU64,
    /// Of JPEGs made here.
    pub(super) quality: u8,
}

impl Stage {
    pub(super) fn new(quality: u8) -> Self {
        let (hub, parts) = (Arc::new(Hub::new()), Mutex::default());
        Self { hub, parts, listings: AtomicU64::new(0), quality }
    }

    pub(super) fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which listing of the devices there is.
    pub(super) fn listing(&self) -> u64 {
        self.listings.load(Ordering::Relaxed)
    }

    /// Another listing.
    pub(super) fn list(&self, devices: Vec<MediaDeviceInfo>) {
        self.parts().devices = devices;
        self.listings.fetch_add(1, Ordering::Relaxed);
        self.hub.tell();
    }

    /// Whether the camera that was asked for is being opened.
    pub(super) fn is_opening(&self) -> bool {
        let video = &self.parts().video;
        video.track.is_none() && video.error.is_none() && video.asked.is_requested()
    }

    /// Why there is no picture now, as a sentence; `None` where there is one.
    pub(super) fn no_picture(&self) -> Option<String> {
        let parts = self.parts();
        match (&parts.video.track, &parts.video.error) {
            (Some(track), _) => {
                track.mute_reason().map(|reason| format!("The camera gives no pictures now: {reason}."))
            }
            (None, Some(error)) => {
                let hint = error.remedy().map(|remedy| format!(" To mend that: {remedy}.")).unwrap_or_default();
                Some(format!("There is no camera: {}.{hint}", error.message()))
            }
            (None, None) if !parts.video.asked.is_requested() => Some("No camera was asked for.".to_owned()),
            (None, None) => Some("The camera is being opened.".to_owned()),
        }
    }

    /// Everything that was counted.
    pub(super) fn statistics(&self) -> StreamStatistics {
        let parts = self.parts();
        let (video, audio) = (parts.video.track.clone(), parts.audio.track.clone());
        drop(parts);
        StreamStatistics::of(video.as_deref(), audio.as_deref())
    }
}
