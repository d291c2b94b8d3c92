//! A camera as the caller holds it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::consumer::{Consumer, ConsumerStatistics};
use super::decimator::Decimator;
use super::frame::VideoFrame;
use super::inline::{FrameCallback, InlineConsumer};
use super::outlet::TrackOutlet;
use super::processor::{Clock, FrameQueue, MediaStreamTrackProcessor};
use super::running::RunningCamera;
use super::{MediaStreamTrackState, random_id};
use crate::capture::{Closing, SourceStatistics, VideoFormat, Worker};
use crate::constraints::MediaStreamConstraints;
use crate::devices::MediaDeviceInfo;
use crate::error::Error;
use crate::resolve::VideoSettings;

/// A video track: `MediaStreamTrack` of W3C Media Capture and Streams, kind `video`.
///
/// [`Clone`] is the W3C method: a track of its own, with its own id, `enabled` and end, on the same camera and the same
/// driver buffers. The camera is closed when its last track is stopped or dropped, held frames or not.
pub struct VideoTrack {
    id: String,
    label: String,
    settings: VideoSettings,
    constraints: MediaStreamConstraints,
    outlet: Arc<TrackOutlet>,
    hold: Arc<Mutex<Hold>>,
    capabilities: MediaDeviceInfo,
    format: Arc<VideoFormat>,
}

/// A track's hold on its camera.
struct Hold {
    /// `None` once it ended.
    camera: Option<Arc<RunningCamera>>,
    /// What the source had counted when the track ended.
    last: SourceStatistics,
    /// How far the closing of the camera is; `None` for a track that never had one.
    closing: Option<Closing>,
}

impl Hold {
    /// Lets go. The last track that does stops the camera when it drops what this gives: with the lock free again.
    fn let_go(hold: &Mutex<Self>) -> Option<Arc<RunningCamera>> {
        let mut hold = hold.lock().unwrap_or_else(PoisonError::into_inner);
        let camera = hold.camera.take()?;
        hold.last = camera.source().statistics();
        Some(camera)
    }
}

impl VideoTrack {
    pub(super) fn new(
        camera: Arc<RunningCamera>,
        settings: VideoSettings,
        constraints: MediaStreamConstraints,
    ) -> Self {
        let decimator = match (settings.native_frame_rate, settings.frame_rate) {
            (Some(native), Some(delivered)) => Decimator::new(native, delivered),
            _ => None,
        };
        let outlet = Arc::new(TrackOutlet::new(decimator));
        camera.feed().attach(outlet.clone());
        let track = Self {
            id: random_id(),
            label: settings.label.clone(),
            settings,
            constraints,
            outlet,
            capabilities: camera.device().clone(),
            format: camera.source().format().clone(),
            hold: Arc::new(Mutex::new(Hold {
                closing: Some(camera.source().closing()),
                camera: Some(camera),
                last: SourceStatistics::default(),
            })),
        };
        // A camera that ends by itself is let go at once, whether or not the caller looks.
        let hold = Arc::downgrade(&track.hold);
        track.outlet.on_end(Box::new(move |error| {
            if error.is_some()
                && let Some(camera) = hold.upgrade().and_then(|hold| Hold::let_go(&hold))
            {
                camera.stop();
            }
        }));
        track
    }

    fn hold(&self) -> MutexGuard<'_, Hold> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The track's own id: a random UUID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Always `"video"`.
    pub fn kind(&self) -> &'static str {
        "video"
    }

    /// The camera's name.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether the picture is shown. A disabled track yields black frames, in the camera's format, at its times.
    pub fn enabled(&self) -> bool {
        self.outlet.is_enabled()
    }

    /// Shows the picture, or black. Compressed formats other than JPEG have no black: a disabled track yields no frames
    /// there.
    pub fn set_enabled(&self, enabled: bool) {
        self.outlet.set_enabled(enabled, &self.format);
    }

    /// Whether the camera gives nothing for now, through no doing of the caller's.
    pub fn muted(&self) -> bool {
        false
    }

    /// `Live` until it is stopped, or the camera ends.
    pub fn ready_state(&self) -> MediaStreamTrackState {
        if self.outlet.is_ended() { MediaStreamTrackState::Ended } else { MediaStreamTrackState::Live }
    }

    /// Why it ended, if it ended badly.
    pub fn error(&self) -> Option<Error> {
        self.outlet.error()
    }

    /// The format of its frames.
    pub(crate) fn format(&self) -> &Arc<VideoFormat> {
        &self.format
    }

    /// What it gives: `getSettings()`, as negotiated with the driver.
    pub fn settings(&self) -> &VideoSettings {
        &self.settings
    }

    /// What the camera offers: `getCapabilities()`, as listed when it was opened.
    pub fn capabilities(&self) -> &MediaDeviceInfo {
        &self.capabilities
    }

    /// What was asked: `getConstraints()`.
    pub fn constraints(&self) -> &MediaStreamConstraints {
        &self.constraints
    }

    /// What was counted at the camera, all its tracks together, up to now or to the end.
    pub fn statistics(&self) -> SourceStatistics {
        let hold = self.hold();
        hold.camera.as_ref().map_or(hold.last, |camera| camera.source().statistics())
    }

    /// What was counted of each consumer attached now.
    pub fn consumer_statistics(&self) -> Vec<ConsumerStatistics> {
        self.outlet.consumers().iter().map(|consumer| consumer.statistics()).collect()
    }

    /// Frames for a thread of the caller's own, of which the newest `max_buffer_size` wait (at least 1).
    pub fn processor(&self, max_buffer_size: usize) -> MediaStreamTrackProcessor {
        self.named_processor("processor", max_buffer_size)
    }

    pub(crate) fn named_processor(&self, name: &str, max_buffer_size: usize) -> MediaStreamTrackProcessor {
        let queue = Arc::new(FrameQueue::new(name, max_buffer_size, self.clock()));
        self.outlet.attach(queue.clone());
        MediaStreamTrackProcessor::new(queue, &self.outlet)
    }

    /// Has `callback` called with each frame on the capture thread: no hand-over, nothing waits, but it holds up every
    /// other frame of every camera while it runs. A panic in it ends it and nothing else.
    pub fn on_frame(&self, callback: impl FnMut(&VideoFrame) + Send + 'static) -> FrameCallback {
        let interval = self.settings.native_frame_rate.or(self.settings.frame_rate).map(|rate| rate.interval_ns());
        let consumer: Arc<dyn Consumer> = Arc::new(InlineConsumer::new(Box::new(callback), interval, self.clock()));
        self.outlet.attach(consumer.clone());
        FrameCallback::new(consumer, &self.outlet)
    }

    fn clock(&self) -> Clock {
        match &self.hold().camera {
            Some(camera) => camera.clock(),
            None => Arc::new(|| 0),
        }
    }

    /// Has `callback` called once, on the dispatcher thread, when the camera ends by itself, at once if it has; not by
    /// [`VideoTrack::stop`] (W3C: `stop()` fires no event). Every callback given here is called.
    pub fn on_ended(&self, callback: impl FnOnce(Option<Error>) + Send + 'static) {
        let dispatcher = self.hold().camera.as_ref().map(|camera| camera.dispatcher());
        self.outlet.on_end(Box::new(move |error| {
            if error.is_none() {
                return;
            }
            // After the end the session may be gone, and its dispatcher with it: this one ends with its one call.
            let dispatcher = dispatcher.or_else(|| Worker::start("usermedia-dispatch").ok().map(Arc::new));
            if let Some(dispatcher) = dispatcher {
                dispatcher.post(move || callback(error));
            }
        }));
    }

    /// Ends the track. The last one of a camera closes it, held frames or not; returns within 100 ms.
    pub fn stop(&self) {
        self.outlet.end(None);
        if let Some(camera) = Hold::let_go(&self.hold) {
            camera.feed().detach(&self.outlet);
            // The last one to let go stops the source.
            drop(camera);
        }
        // Someone else may have stopped it just now, from a callback say: the device is gone when this returns.
        let closing = self.hold().closing.clone();
        if let Some(closing) = closing {
            closing.wait();
        }
    }
}

impl Clone for VideoTrack {
    fn clone(&self) -> Self {
        let camera = self.hold().camera.clone();
        match camera {
            Some(camera) => {
                let track = Self::new(camera, self.settings.clone(), self.constraints.clone());
                track.outlet.set_enabled(self.enabled(), &self.format);
                track
            }
            None => {
                let outlet = Arc::new(TrackOutlet::new(None));
                outlet.end(self.outlet.error());
                Self {
                    id: random_id(),
                    label: self.label.clone(),
                    settings: self.settings.clone(),
                    constraints: self.constraints.clone(),
                    outlet,
                    hold: Arc::new(Mutex::new(Hold { camera: None, last: self.statistics(), closing: None })),
                    capabilities: self.capabilities.clone(),
                    format: self.format.clone(),
                }
            }
        }
    }
}

impl Drop for VideoTrack {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for VideoTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VideoTrack")
            .field("id", &self.id)
            .field("label", &self.label)
            .field("ready_state", &self.ready_state())
            .finish_non_exhaustive()
    }
}
