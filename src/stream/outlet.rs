//! From a track to its consumers: the second half of the reactor's way out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::consumer::Consumer;
use super::early::{Early, is_fresh};
use super::gate::Gate;
use super::medium::{Format, Medium};
use crate::capture::{Demand, Item, RecoveryEvent};
use crate::constraints::MediaStreamConstraints;
use crate::error::Error;

/// A list that is read for every frame and changed rarely: readers take a reference and leave the lock at once.
pub(super) struct Shared<T>(Mutex<Arc<[T]>>);

impl<T: Clone> Shared<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Arc::new([])))
    }

    fn lock(&self) -> MutexGuard<'_, Arc<[T]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self) -> Arc<[T]> {
        self.lock().clone()
    }

    pub(super) fn push(&self, item: T) {
        let mut list = self.lock();
        *list = list.iter().cloned().chain([item]).collect();
    }

    pub(super) fn retain(&self, keep: impl Fn(&T) -> bool) {
        let mut list = self.lock();
        *list = list.iter().filter(|item| keep(item)).cloned().collect();
    }

    pub(super) fn clear(&self) {
        *self.lock() = Arc::new([]);
    }
}

type OnEnd = Box<dyn FnOnce(Option<Error>) + Send>;
type OnEvent = Box<dyn FnMut(&RecoveryEvent) + Send>;

/// What was asked of a track, and what it gives.
struct Given<M: Medium> {
    /// What was asked of the device, before it answered.
    wanted: Arc<M::Settings>,
    constraints: Arc<MediaStreamConstraints>,
    settings: Arc<M::Settings>,
    /// The device's.
    format: Format<M>,
}

struct End {
    ended: bool,
    error: Option<Error>,
    on_end: Vec<OnEnd>,
}

/// One track's end of a source.
pub(super) struct TrackOutlet<M: Medium> {
    given: Mutex<Given<M>>,
    enabled: AtomicBool,
    consumers: Shared<Arc<dyn Consumer<M>>>,
    early: Early<M::Passed>,
    gate: M::Gate,
    end: Mutex<End>,
    on_event: Mutex<Vec<OnEvent>>,
}

impl<M: Medium> TrackOutlet<M> {
    /// Of a device that gives this format when asked for `wanted`.
    pub(super) fn new(wanted: Arc<M::Settings>, constraints: Arc<MediaStreamConstraints>, format: Format<M>) -> Self {
        let settings = Arc::new(M::negotiated(&wanted, &format));
        let gate = M::gate(&settings);
        Self {
            given: Mutex::new(Given { wanted, constraints, settings, format }),
            enabled: AtomicBool::new(true),
            consumers: Shared::new(),
            early: Early::new(),
            gate,
            end: Mutex::new(End { ended: false, error: None, on_end: Vec::new() }),
            on_event: Mutex::new(Vec::new()),
        }
    }

    fn end_state(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn given(&self) -> MutexGuard<'_, Given<M>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked of the device.
    pub(super) fn wanted(&self) -> Arc<M::Settings> {
        self.given().wanted.clone()
    }

    /// What was asked of the track.
    pub(super) fn constraints(&self) -> Arc<MediaStreamConstraints> {
        self.given().constraints.clone()
    }

    /// Something else was asked of the track.
    pub(super) fn asked(&self, wanted: M::Settings, constraints: MediaStreamConstraints) {
        let format = {
            let mut given = self.given();
            (given.wanted, given.constraints) = (Arc::new(wanted), Arc::new(constraints));
            given.format.clone()
        };
        self.reformat(&format);
    }

    /// What the track gives.
    pub(super) fn settings(&self) -> Arc<M::Settings> {
        self.given().settings.clone()
    }

    /// The format of what it gives.
    pub(super) fn format(&self) -> Format<M> {
        let given = self.given();
        M::given(&given.settings, &given.format)
    }

    /// The format of what the device gives.
    pub(super) fn device_format(&self) -> Format<M> {
        self.given().format.clone()
    }

    /// How many frames could not be made into what it gives.
    pub(super) fn unreadable(&self) -> u64 {
        self.gate.unreadable()
    }

    /// The device was started in this format, which may be another than before.
    pub(super) fn reformat(&self, format: &Format<M>) {
        let mut given = self.given();
        let settings = M::negotiated(&given.wanted, format);
        let changed = *given.settings != settings;
        given.format = format.clone();
        if changed {
            given.settings = Arc::new(settings.clone());
        }
        drop(given);
        if changed {
            self.gate.adapt(&settings);
            self.early.forget();
            if !self.is_enabled() {
                self.gate.cover(format);
            }
        }
    }

    /// Has `on_event` called with what happens while the device is kept.
    pub(super) fn on_event(&self, on_event: OnEvent) {
        self.on_event.lock().unwrap_or_else(PoisonError::into_inner).push(on_event);
    }

    /// Whether anybody wants to be told.
    pub(super) fn is_listened_to(&self) -> bool {
        !self.on_event.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Tells who wants to know. On the dispatcher's thread.
    pub(super) fn tell(&self, event: &RecoveryEvent) {
        // The list is free while they are called: a callback may add to it.
        let mut listeners = std::mem::take(&mut *self.on_event.lock().unwrap_or_else(PoisonError::into_inner));
        for listener in &mut listeners {
            listener(event);
        }
        let mut list = self.on_event.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.append(&mut list);
        *list = listeners;
    }

    /// What else happens, once, when the track ends: on the thread that ends it, in the order of these calls.
    pub(super) fn on_end(&self, on_end: OnEnd) {
        let mut end = self.end_state();
        if end.ended {
            let error = end.error.clone();
            drop(end);
            on_end(error);
        } else {
            end.on_end.push(on_end);
        }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    pub(super) fn set_enabled(&self, enabled: bool) {
        if !enabled {
            self.gate.cover(&self.device_format());
        }
        self.enabled.store(enabled, Ordering::Relaxed);
        self.early.forget();
    }

    pub(super) fn is_ended(&self) -> bool {
        self.end_state().ended
    }

    pub(super) fn error(&self) -> Option<Error> {
        self.end_state().error.clone()
    }

    /// The device gives nothing for now.
    pub(super) fn fall_silent(&self) {
        self.early.forget();
    }

    /// Whether something came that a first consumer would be given.
    pub(super) fn has_early(&self) -> bool {
        self.early.is_there()
    }

    /// Attaches a consumer; one that comes after the end is told of it. The first one gets what came in the last moment
    /// before `now`, on this thread and under a lock; with `None` it begins with what comes, on the capture thread.
    pub(super) fn attach(&self, consumer: Arc<dyn Consumer<M>>, now: Option<u64>) {
        // Under the lock, so that an end that comes meanwhile finds the consumer in the list.
        let end = self.end_state();
        if end.ended {
            let error = end.error.clone();
            drop(end);
            consumer.end(error.as_ref());
        } else {
            self.early.hand_over(|early| {
                if let (Some(now), Some(early)) = (now, early) {
                    offer_early(&*consumer, &early, now);
                }
                self.consumers.push(consumer);
            });
        }
    }

    /// As [`TrackOutlet::attach`], on the capture thread and with no lock held while the consumer looks at what came: it may
    /// stop this very track. Nothing else comes meanwhile, as it would come on this thread.
    pub(super) fn begin(&self, consumer: Arc<dyn Consumer<M>>, now: u64) {
        if let Some(early) = self.early.hand_over(|early| early) {
            offer_early(&*consumer, &early, now);
        }
        self.attach(consumer, None);
    }

    pub(super) fn detach(&self, consumer: &Arc<dyn Consumer<M>>) {
        self.consumers.retain(|other| !Arc::ptr_eq(other, consumer));
    }

    pub(super) fn consumers(&self) -> Arc<[Arc<dyn Consumer<M>>]> {
        self.consumers.get()
    }

    /// What all consumers may have at once.
    pub(super) fn demand(&self) -> Demand {
        self.consumers.get().iter().fold(Demand::default(), |sum, consumer| sum.and(consumer.demand()))
    }

    pub(super) fn give(&self, captured: &M::Captured, now: u64) {
        self.gate.pass(captured, self.is_enabled(), |passed| {
            let consumers = self.consumers.get();
            if consumers.is_empty() && self.early.keep(passed.clone(), now).is_ok() {
                return;
            }
            // Looked at again where the first one has come meanwhile.
            let consumers = if consumers.is_empty() { self.consumers.get() } else { consumers };
            for consumer in consumers.iter() {
                consumer.offer(passed, now);
            }
        });
    }

    /// Ends it; the first end counts.
    pub(super) fn end(&self, error: Option<Error>) {
        let mut end = self.end_state();
        if end.ended {
            return;
        }
        end.ended = true;
        end.error = error.clone();
        let on_end = std::mem::take(&mut end.on_end);
        drop(end);
        for consumer in self.consumers.get().iter() {
            consumer.end(error.as_ref());
        }
        self.gate.close();
        self.early.close();
        for on_end in on_end {
            on_end(error.clone());
        }
    }
}

/// Gives a first consumer what was kept for it, if that is fresh `now` and still what was captured: a raw frame's writer did
/// not wait, and may have come round to it.
fn offer_early<M: Medium>(consumer: &dyn Consumer<M>, (early, arrived): &(M::Passed, u64), now: u64) {
    if is_fresh(*arrived, now) && !early.is_written_over() {
        consumer.offer(early, *arrived);
    }
}
