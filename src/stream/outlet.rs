//! From a source to its tracks, and from a track to its consumers: the reactor's way out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::consumer::Consumer;
use super::gate::Gate;
use super::medium::{Format, Medium};
use crate::capture::{Outlet, SourceEnd};
use crate::error::{Error, ErrorName};

/// A list that is read for every frame and changed rarely: readers take a reference and leave the lock at once.
struct Shared<T>(Mutex<Arc<[T]>>);

impl<T: Clone> Shared<T> {
    fn new() -> Self {
        Self(Mutex::new(Arc::new([])))
    }

    fn lock(&self) -> MutexGuard<'_, Arc<[T]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self) -> Arc<[T]> {
        self.lock().clone()
    }

    fn push(&self, item: T) {
        let mut list = self.lock();
        *list = list.iter().cloned().chain([item]).collect();
    }

    fn retain(&self, keep: impl Fn(&T) -> bool) {
        let mut list = self.lock();
        *list = list.iter().filter(|item| keep(item)).cloned().collect();
    }

    fn clear(&self) {
        *self.lock() = Arc::new([]);
    }
}

/// All tracks of one source.
pub(super) struct Feed<M: Medium> {
    label: String,
    tracks: Shared<Arc<TrackOutlet<M>>>,
    /// Why the source ended, once it has.
    ended: Mutex<Option<Error>>,
}

impl<M: Medium> Feed<M> {
    pub(super) fn new(label: &str) -> Self {
        Self { label: label.to_owned(), tracks: Shared::new(), ended: Mutex::new(None) }
    }

    fn end_state(&self) -> MutexGuard<'_, Option<Error>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attaches a track; one that comes after the end ends with it.
    pub(super) fn attach(&self, track: Arc<TrackOutlet<M>>) {
        // Under the lock, so that an end that comes meanwhile finds the track in the list.
        let ended = self.end_state();
        match ended.clone() {
            None => self.tracks.push(track),
            Some(error) => {
                drop(ended);
                track.end(Some(error));
            }
        }
    }

    /// Whether the source ended by itself.
    pub(super) fn is_ended(&self) -> bool {
        self.end_state().is_some()
    }

    pub(super) fn detach(&self, track: &Arc<TrackOutlet<M>>) {
        self.tracks.retain(|other| !Arc::ptr_eq(other, track));
    }
}

impl<M: Medium> Outlet<M::Captured> for Feed<M> {
    fn give(&self, captured: &M::Captured, now: u64) {
        for track in self.tracks.get().iter() {
            track.give(captured, now);
        }
    }

    fn ended(&self, end: SourceEnd) {
        let error = match end {
            SourceEnd::Unplugged => Error::new(ErrorName::NotReadableError, format!("{} was unplugged", self.label))
                .with_errno(nix::errno::Errno::ENODEV as i32)
                .with_remedy("plug it in again and ask for it anew"),
            SourceEnd::Failed(errno) => Error::new(
                ErrorName::NotReadableError,
                format!("{} stopped with an error: {}", self.label, errno.desc()),
            )
            .with_errno(errno as i32)
            .with_remedy("ask for it anew; if that fails too, unplug it and plug it in again"),
        };
        let tracks = {
            let mut ended = self.end_state();
            *ended = Some(error.clone());
            let tracks = self.tracks.get();
            self.tracks.clear();
            tracks
        };
        for track in tracks.iter() {
            track.end(Some(error.clone()));
        }
    }
}

type OnEnd = Box<dyn FnOnce(Option<Error>) + Send>;

struct End {
    ended: bool,
    error: Option<Error>,
    on_end: Vec<OnEnd>,
}

/// One track's end of a source.
pub(super) struct TrackOutlet<M: Medium> {
    enabled: AtomicBool,
    consumers: Shared<Arc<dyn Consumer<M>>>,
    gate: M::Gate,
    end: Mutex<End>,
}

impl<M: Medium> TrackOutlet<M> {
    pub(super) fn new(gate: M::Gate) -> Self {
        Self {
            enabled: AtomicBool::new(true),
            consumers: Shared::new(),
            gate,
            end: Mutex::new(End { ended: false, error: None, on_end: Vec::new() }),
        }
    }

    fn end_state(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
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

    pub(super) fn set_enabled(&self, enabled: bool, format: &Format<M>) {
        if !enabled {
            self.gate.cover(format);
        }
        self.enabled.store(enabled, Ordering::Relaxed);
    }

    pub(super) fn is_ended(&self) -> bool {
        self.end_state().ended
    }

    pub(super) fn error(&self) -> Option<Error> {
        self.end_state().error.clone()
    }

    /// Attaches a consumer; one that comes after the end is told of it.
    pub(super) fn attach(&self, consumer: Arc<dyn Consumer<M>>) {
        // Under the lock, so that an end that comes meanwhile finds the consumer in the list.
        let end = self.end_state();
        if end.ended {
            let error = end.error.clone();
            drop(end);
            consumer.end(error.as_ref());
        } else {
            self.consumers.push(consumer);
        }
    }

    pub(super) fn detach(&self, consumer: &Arc<dyn Consumer<M>>) {
        self.consumers.retain(|other| !Arc::ptr_eq(other, consumer));
    }

    pub(super) fn consumers(&self) -> Arc<[Arc<dyn Consumer<M>>]> {
        self.consumers.get()
    }

    pub(super) fn give(&self, captured: &M::Captured, now: u64) {
        self.gate.pass(captured, self.is_enabled(), |captured| {
            for consumer in self.consumers.get().iter() {
                consumer.offer(captured, now);
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
        for on_end in on_end {
            on_end(error.clone());
        }
    }
}
