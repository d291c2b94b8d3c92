//! A camera or microphone that runs, and everything its tracks share.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::feed::Feed;
use super::medium::Medium;
use super::offer::Offer;
use super::queue::Clock;
use super::session::Session;
use crate::capture::{Source, Worker};
use crate::devices::MediaDeviceInfo;
use crate::error::{Error, ErrorName, Result};
use crate::resolve::ResolveOptions;
use crate::trace;

/// One open device with its tracks. The source stops when the last track lets go.
pub(super) struct Running<M: Medium> {
    source: Arc<Source<M::Captured>>,
    feed: Arc<Feed<M>>,
    offer: Arc<Offer>,
    /// What was asked of it last.
    wanted: Mutex<Arc<M::Settings>>,
    /// How modes are chosen.
    options: ResolveOptions,
    /// Held while something is changed about it for one of its tracks.
    turn: Mutex<()>,
    session: Arc<Session>,
    clock: OnceLock<Clock>,
}

impl<M: Medium> Running<M> {
    pub(super) fn new(
        source: Source<M::Captured>,
        feed: Arc<Feed<M>>,
        offer: Arc<Offer>,
        wanted: M::Settings,
        options: ResolveOptions,
        session: Arc<Session>,
    ) -> Self {
        let (wanted, turn) = (Mutex::new(Arc::new(wanted)), Mutex::new(()));
        Self { source: Arc::new(source), feed, offer, wanted, options, turn, session, clock: OnceLock::new() }
    }

    pub(super) fn source(&self) -> &Source<M::Captured> {
        &self.source
    }

    pub(super) fn feed(&self) -> &Arc<Feed<M>> {
        &self.feed
    }

    /// What it offers: see [`Offer::get`].
    pub(super) fn device(&self) -> &MediaDeviceInfo {
        self.offer.get()
    }

    pub(super) fn offer(&self) -> &Arc<Offer> {
        &self.offer
    }

    /// As negotiated, at the device's own rate.
    pub(super) fn settings(&self) -> M::Settings {
        M::negotiated(&self.wanted(), &self.source.format())
    }

    /// What was asked of it last.
    pub(super) fn wanted(&self) -> Arc<M::Settings> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something else was asked of it.
    pub(super) fn asked(&self, wanted: M::Settings) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(wanted);
    }

    /// How modes are chosen.
    pub(super) fn options(&self) -> &ResolveOptions {
        &self.options
    }

    /// Waits until nobody else changes anything about it.
    ///
    /// # Errors
    /// On the capture thread: who has the turn may be waiting for that.
    pub(super) fn turn(&self) -> Result<MutexGuard<'_, ()>> {
        if self.session.engine().is_capture_thread() {
            return Err(Error::new(ErrorName::AbortError, "a device cannot be changed from on_frame or on_data")
                .with_remedy("do it on a thread of your own"));
        }
        Ok(self.turn.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn dispatcher(&self) -> Arc<Worker> {
        self.session.dispatcher().clone()
    }

    /// The engine's clock. It keeps the engine's kernel, not the source.
    pub(super) fn clock(&self) -> Clock {
        self.clock.get_or_init(|| Arc::new(self.source.clock())).clone()
    }

    /// Closes the device, whoever still holds it.
    pub(super) fn stop(&self) {
        self.source.stop();
    }
}

impl<M: Medium> Drop for Running<M> {
    fn drop(&mut self) {
        if trace::is_heard() {
            // The last holder may be a callback on the capture thread.
            let label = M::label(&self.wanted()).to_owned();
            self.session.dispatcher().post(move || trace::stopped(M::KIND, &label));
        }
    }
}

/// The devices of one kind that run.
pub(super) struct Registry<M: Medium>(Mutex<Vec<Weak<Running<M>>>>);

impl<M: Medium> Default for Registry<M> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<M: Medium> Registry<M> {
    /// Those that run now: not those that ended by themselves and are not let go of yet.
    pub(super) fn running(&self) -> Vec<Arc<Running<M>>> {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|device| device.strong_count() > 0);
        let running: Vec<_> = list.iter().filter_map(Weak::upgrade).collect();
        // The list is free when the last holder of an ended device lets go, which stops it, in here.
        drop(list);
        running.into_iter().filter(|device| !device.feed().is_ended()).collect()
    }

    /// The one with this `deviceId`.
    pub(super) fn find(&self, device_id: &str) -> Option<Arc<Running<M>>> {
        self.running().into_iter().find(|device| M::device_id(&device.wanted()) == device_id)
    }

    pub(super) fn register(&self, device: &Arc<Running<M>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(device));
    }
}
