//! A camera or microphone as the caller holds it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::audio_data::AudioData;
use super::bell::Bell;
use super::consumer::{Consumer, ConsumerStatistics};
use super::feed::Feed;
use super::frame::VideoFrame;
use super::inline::{FrameCallback, InlineConsumer};
use super::medium::{Format, Medium};
use super::offer::Offer;
use super::outlet::TrackOutlet;
use super::processor::MediaStreamTrackProcessor;
use super::queue::{Bound, Clock, DropPolicy, Queue};
use super::running::Running;
use super::sink::TrackMetadata;
use super::{MediaStreamTrackState, random_id};
use crate::capture::{Closing, MuteReason, RecoveryEvent, RecoveryStep, Worker};
use crate::constraints::MediaStreamConstraints;
use crate::devices::MediaDeviceInfo;
use crate::error::Error;

/// `MediaStreamTrack` of W3C Media Capture and Streams; see [`VideoTrack`] and [`AudioTrack`].
///
/// [`Clone`] is the W3C method: a track of its own, with its own id, `enabled` and end, on the same device and the same
/// buffers. The device is closed when its last track is stopped or dropped, held frames or not.
pub struct MediaStreamTrack<M: Medium> {
    id: String,
    label: String,
    feed: Arc<Feed<M>>,
    outlet: Arc<TrackOutlet<M>>,
    hold: Arc<Mutex<Hold<M>>>,
    offer: Arc<Offer>,
}

/// A camera as the caller holds it: kind `video`, yields [`VideoFrame`]s.
pub type VideoTrack = MediaStreamTrack<VideoFrame>;

/// A microphone as the caller holds it: kind `audio`, yields [`AudioData`].
pub type AudioTrack = MediaStreamTrack<AudioData>;

/// A track's hold on its device.
struct Hold<M: Medium> {
    /// `None` once it ended.
    device: Option<Arc<Running<M>>>,
    /// What the source had counted when the track ended.
    last: M::Statistics,
    /// How far the closing of the device is; `None` for a track that never had one.
    closing: Option<Closing>,
}

impl<M: Medium> Hold<M> {
    /// Lets go. The last track that does stops the device when it drops what this gives: with the lock free again.
    fn let_go(hold: &Mutex<Self>) -> Option<Arc<Running<M>>> {
        let mut hold = hold.lock().unwrap_or_else(PoisonError::into_inner);
        let device = hold.device.take()?;
        hold.last = device.source().statistics();
        Some(device)
    }
}

impl<M: Medium> MediaStreamTrack<M> {
    pub(super) fn new(device: Arc<Running<M>>, wanted: M::Settings, constraints: MediaStreamConstraints) -> Self {
        Self::sharing(device, Arc::new(wanted), Arc::new(constraints))
    }

    fn sharing(device: Arc<Running<M>>, wanted: Arc<M::Settings>, constraints: Arc<MediaStreamConstraints>) -> Self {
        let label = M::label(&wanted).to_owned();
        let outlet = Arc::new(TrackOutlet::new(wanted, constraints, device.source().format()));
        let feed = device.feed().clone();
        feed.attach(outlet.clone());
        let track = Self {
            id: random_id(),
            label,
            feed,
            outlet,
            offer: device.offer().clone(),
            hold: Arc::new(Mutex::new(Hold {
                closing: Some(device.source().closing()),
                device: Some(device),
                last: M::Statistics::default(),
            })),
        };
        // A device that ends by itself is let go at once, whether or not the caller looks.
        let hold = Arc::downgrade(&track.hold);
        track.outlet.on_end(Box::new(move |error| {
            if error.is_some()
                && let Some(device) = hold.upgrade().and_then(|hold| Hold::let_go(&hold))
            {
                device.stop();
            }
        }));
        track
    }

    fn hold(&self) -> MutexGuard<'_, Hold<M>> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The track's own id: a random UUID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `"video"` or `"audio"`.
    pub fn kind(&self) -> &'static str {
        M::KIND
    }

    /// The device's name.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether the picture is shown, or the sound heard. A disabled track yields black frames or silence, in the device's
    /// format, at its times.
    pub fn enabled(&self) -> bool {
        self.outlet.is_enabled()
    }

    /// Shows the picture, or black; lets the sound be heard, or silence. Compressed formats other than JPEG have no black: a disabled track yields no frames
    /// there.
    pub fn set_enabled(&self, enabled: bool) {
        self.outlet.set_enabled(enabled);
    }

    /// Whether the device gives nothing for now, through no doing of the caller's. It goes on by itself, or the track ends:
    /// see [`RecoveryPolicy`](crate::RecoveryPolicy).
    pub fn muted(&self) -> bool {
        self.mute_reason().is_some()
    }

    /// Why the track is muted, if it is.
    pub fn mute_reason(&self) -> Option<MuteReason> {
        self.feed.muted().filter(|_| !self.outlet.is_ended())
    }

    /// What happened to the device while it was kept: the last 64 events, the oldest first.
    pub fn recovery_events(&self) -> Vec<RecoveryEvent> {
        self.feed.events()
    }

    /// Has `callback` called on the dispatcher thread when the track is muted: W3C's `mute`, once for each time. That a muted
    /// track has another reason by now is told by [`on_recovery_event`](Self::on_recovery_event) alone.
    pub fn on_mute(&self, mut callback: impl FnMut(MuteReason) + Send + 'static) {
        self.on_recovery_event(move |event| {
            if let RecoveryStep::Muted(reason) = event.step {
                callback(reason);
            }
        });
    }

    /// Has `callback` called on the dispatcher thread when frames flow again: W3C's `unmute`.
    pub fn on_unmute(&self, mut callback: impl FnMut() + Send + 'static) {
        self.on_recovery_event(move |event| {
            if matches!(event.step, RecoveryStep::Resumed { .. }) {
                callback();
            }
        });
    }

    /// Has `callback` called on the dispatcher thread with each thing that happens while the device is kept: what is tried,
    /// what fails, when frames flow again.
    pub fn on_recovery_event(&self, callback: impl FnMut(&RecoveryEvent) + Send + 'static) {
        self.outlet.on_event(Box::new(callback));
    }

    /// `Live` until it is stopped, or the device ends.
    pub fn ready_state(&self) -> MediaStreamTrackState {
        if self.outlet.is_ended() { MediaStreamTrackState::Ended } else { MediaStreamTrackState::Live }
    }

    /// Why it ended, if it ended badly.
    pub fn error(&self) -> Option<Error> {
        self.outlet.error()
    }

    /// What a sink learns of it.
    pub(super) fn metadata(&self) -> TrackMetadata {
        M::metadata((*self.settings()).clone(), self.format())
    }

    /// The format of its frames or blocks.
    pub(crate) fn format(&self) -> Format<M> {
        self.outlet.format()
    }

    /// What it gives: `getSettings()`, as negotiated with the driver. Another mode after a recovery, or after
    /// `applyConstraints()`, is another answer here.
    pub fn settings(&self) -> Arc<M::Settings> {
        self.outlet.settings()
    }

    /// What the device offers: `getCapabilities()`, as listed when it was opened. Where the request named a pixel format,
    /// the rest is listed when this is called for the first time, which may take a moment: not on the capture thread.
    pub fn capabilities(&self) -> &MediaDeviceInfo {
        self.offer.get()
    }

    /// What was asked: `getConstraints()`.
    pub fn constraints(&self) -> Arc<MediaStreamConstraints> {
        self.outlet.constraints()
    }

    /// The device it holds; `None` once it ended.
    pub(super) fn device(&self) -> Option<Arc<Running<M>>> {
        self.hold().device.clone()
    }

    /// Its end of the source.
    pub(super) fn outlet(&self) -> &Arc<TrackOutlet<M>> {
        &self.outlet
    }

    /// What was counted at the device, all its tracks together, up to now or to the end.
    pub fn statistics(&self) -> M::Statistics {
        let hold = self.hold();
        hold.device.as_ref().map_or(hold.last, |device| device.source().statistics())
    }

    /// Frames that could not be made into what the track gives.
    pub(crate) fn unreadable(&self) -> u64 {
        self.outlet.unreadable()
    }

    /// What was counted of each consumer attached now.
    pub fn consumer_statistics(&self) -> Vec<ConsumerStatistics> {
        self.outlet.consumers().iter().map(|consumer| consumer.statistics()).collect()
    }

    /// Frames or blocks for a thread of the caller's own, of which the newest `max_buffer_size` wait (at least 1). The first
    /// consumer of a track begins with the newest frame or block of the last second, if there is one, others with the next.
    pub fn processor(&self, max_buffer_size: usize) -> MediaStreamTrackProcessor<M> {
        self.processor_with(max_buffer_size, DropPolicy::Newest)
    }

    /// As [`MediaStreamTrack::processor`], with a say in which frames are dropped when `max_buffer_size` of them wait.
    pub fn processor_with(&self, max_buffer_size: usize, policy: DropPolicy) -> MediaStreamTrackProcessor<M> {
        self.bounded_processor("processor", Bound::items(max_buffer_size, policy), None)
    }

    pub(super) fn bounded_processor(
        &self,
        name: &str,
        bound: Bound,
        bell: Option<Arc<Bell>>,
    ) -> MediaStreamTrackProcessor<M> {
        let clock = self.clock();
        let now = clock();
        let queue = Arc::new(Queue::new(name, bound, clock, bell));
        self.outlet.attach(queue.clone(), Some(now));
        MediaStreamTrackProcessor::new(queue, &self.outlet)
    }

    fn inline(&self, name: &'static str, callback: impl FnMut(&M) + Send + 'static) -> FrameCallback<M> {
        let interval = M::interval(&self.settings(), &self.format());
        let clock = self.clock();
        let consumer = Arc::new(InlineConsumer::new(name, Box::new(callback), interval, clock.clone()));
        match self.device() {
            // What came is given on the thread that gives all else, and what comes until then is in its place.
            Some(device) if self.outlet.has_early() => {
                let (outlet, consumer) = (Arc::downgrade(&self.outlet), consumer.clone());
                device.source().on_capture_thread(move || {
                    if let Some(outlet) = outlet.upgrade() {
                        outlet.begin(consumer.clone(), clock());
                        // Cancelled meanwhile, before there was anything to detach.
                        if consumer.is_ended() {
                            outlet.detach(&(consumer as Arc<dyn Consumer<M>>));
                        }
                    }
                });
            }
            // One that comes just now is let go: a callback is not called here, with a lock held.
            _ => self.outlet.attach(consumer.clone(), None),
        }
        FrameCallback::new(consumer, &self.outlet)
    }

    fn clock(&self) -> Clock {
        match &self.hold().device {
            Some(device) => device.clock(),
            None => Arc::new(|| 0),
        }
    }

    /// Has `callback` called once, on the dispatcher thread, when the device ends by itself, at once if it has; not by
    /// [`VideoTrack::stop`] (W3C: `stop()` fires no event). Every callback given here is called.
    pub fn on_ended(&self, callback: impl FnOnce(Option<Error>) + Send + 'static) {
        let dispatcher = self.hold().device.as_ref().map(|device| device.dispatcher());
        self.outlet.on_end(Box::new(move |error| {
            if error.is_none() {
                return;
            }
            // After the end the session may be gone, and its dispatcher with it: this one ends with its one call.
            let dispatcher = dispatcher.unwrap_or_else(|| Arc::new(Worker::new("usermedia-dispatch")));
            dispatcher.post(move || callback(error));
        }));
    }

    /// Ends the track. The last one of a device closes it, held frames or not; returns within 100 ms.
    pub fn stop(&self) {
        self.outlet.end(None);
        if let Some(device) = Hold::let_go(&self.hold) {
            device.feed().detach(&self.outlet);
            // The last one to let go stops the source.
            drop(device);
        }
        // Someone else may have stopped it just now, from a callback say: the device is gone when this returns.
        let closing = self.hold().closing.clone();
        if let Some(closing) = closing {
            closing.wait();
        }
    }
}

impl MediaStreamTrack<VideoFrame> {
    /// Has `callback` called with each frame on the capture thread: no hand-over, nothing waits, but it holds up every
    /// other device while it runs, on a stack of 1 MiB. It may keep clones; while it has four it is not called
    /// ([`ConsumerStatistics::holding`]). A panic in it ends it and nothing else. As the first consumer of a track it begins with
    /// the newest frame of the last second, if there is one.
    pub fn on_frame(&self, callback: impl FnMut(&VideoFrame) + Send + 'static) -> FrameCallback {
        self.inline("on_frame", callback)
    }
}

impl MediaStreamTrack<AudioData> {
    /// Has `callback` called with each block on the capture thread, as [`VideoTrack::on_frame`] with each frame.
    pub fn on_data(&self, callback: impl FnMut(&AudioData) + Send + 'static) -> FrameCallback<AudioData> {
        self.inline("on_data", callback)
    }
}

impl<M: Medium> Clone for MediaStreamTrack<M> {
    fn clone(&self) -> Self {
        let device = self.hold().device.clone();
        match device {
            Some(device) => {
                let track = Self::sharing(device, self.outlet.wanted(), self.constraints());
                track.outlet.set_enabled(self.enabled());
                track
            }
            None => {
                let outlet =
                    Arc::new(TrackOutlet::new(self.outlet.wanted(), self.constraints(), self.outlet.device_format()));
                outlet.end(self.outlet.error());
                Self {
                    id: random_id(),
                    label: self.label.clone(),
                    feed: self.feed.clone(),
                    outlet,
                    hold: Arc::new(Mutex::new(Hold { device: None, last: self.statistics(), closing: None })),
                    offer: self.offer.clone(),
                }
            }
        }
    }
}

impl<M: Medium> Drop for MediaStreamTrack<M> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl<M: Medium> fmt::Debug for MediaStreamTrack<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaStreamTrack")
            .field("kind", &M::KIND)
            .field("id", &self.id)
            .field("label", &self.label())
            .field("ready_state", &self.ready_state())
            .finish_non_exhaustive()
    }
}
