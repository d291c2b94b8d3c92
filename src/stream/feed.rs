//! From a source to its tracks: the first half of the reactor's way out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use nix::errno::Errno;

use super::early::Early;
use super::medium::{Format, Medium};
use super::outlet::{Shared, TrackOutlet};
use crate::capture::{Demand, MuteReason, Outlet, RecoveryEvent, RecoveryStep, SourceEnd, Worker};
use crate::error::{Error, ErrorName};
use crate::trace;

/// How many events are kept.
const EVENTS: usize = 64;

/// All tracks of one source.
pub(super) struct Feed<M: Medium> {
    label: String,
    /// Where callers' callbacks run; gone with the last device.
    dispatcher: Weak<Worker>,
    tracks: Shared<Arc<TrackOutlet<M>>>,
    /// What comes while the request that opened the source has not made its track yet.
    early: Early<M::Captured>,
    /// Why the source ended, once it has.
    ended: Mutex<Option<Error>>,
    past: Mutex<Past>,
}

/// What happened to the source.
#[derive(Default)]
struct Past {
    muted: Option<MuteReason>,
    /// The last few, the oldest first.
    events: VecDeque<RecoveryEvent>,
    /// Why the last attempt of this muting failed, if it did.
    error: Option<Error>,
}

impl<M: Medium> Feed<M> {
    pub(super) fn new(label: &str, dispatcher: &Arc<Worker>) -> Self {
        Self {
            label: label.to_owned(),
            dispatcher: Arc::downgrade(dispatcher),
            tracks: Shared::new(),
            early: Early::new(),
            ended: Mutex::new(None),
            past: Mutex::default(),
        }
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the source gives nothing for now, if it does not.
    pub(super) fn muted(&self) -> Option<MuteReason> {
        self.past().muted
    }

    /// The last few things that happened to it, the oldest first.
    pub(super) fn events(&self) -> Vec<RecoveryEvent> {
        self.past().events.iter().cloned().collect()
    }

    fn end_state(&self) -> MutexGuard<'_, Option<Error>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attaches a track; one that comes after the end ends with it.
    pub(super) fn attach(&self, track: Arc<TrackOutlet<M>>) {
        // Under the lock, so that an end that comes meanwhile finds the track in the list.
        let ended = self.end_state();
        match ended.clone() {
            None => self.early.hand_over(|early| {
                if let Some((early, arrived)) = early {
                    // It has no consumer yet: it keeps it.
                    track.give(&early, arrived);
                }
                self.tracks.push(track);
            }),
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

    /// Its tracks, those that have ended left out.
    pub(super) fn tracks(&self) -> Arc<[Arc<TrackOutlet<M>>]> {
        self.tracks.get()
    }

    pub(super) fn detach(&self, track: &Arc<TrackOutlet<M>>) {
        self.tracks.retain(|other| !Arc::ptr_eq(other, track));
    }
}

impl<M: Medium> Outlet<M::Captured> for Feed<M> {
    fn give(&self, captured: &M::Captured, now: u64) {
        let tracks = self.tracks.get();
        if tracks.is_empty() && self.early.keep(captured.clone(), now).is_ok() {
            return;
        }
        // Looked at again where the first one has come meanwhile.
        let tracks = if tracks.is_empty() { self.tracks.get() } else { tracks };
        for track in tracks.iter() {
            track.give(captured, now);
        }
    }

    fn demand(&self) -> Demand {
        self.tracks.get().iter().fold(Demand::default(), |sum, track| sum.and(track.demand()))
    }

    fn event(&self, event: &RecoveryEvent) {
        self.past().note(event);
        if matches!(event.step, RecoveryStep::Muted(_)) {
            self.early.forget();
            self.tracks.get().iter().for_each(|track| track.fall_silent());
        }
        let listening: Vec<_> = self.tracks.get().iter().filter(|track| track.is_listened_to()).cloned().collect();
        let heard = trace::is_heard() || !listening.is_empty();
        if let (true, Some(dispatcher)) = (heard, self.dispatcher.upgrade()) {
            let (event, label) = (event.clone(), self.label.clone());
            dispatcher.post(move || {
                trace::recovery(M::KIND, &label, &event);
                listening.iter().for_each(|track| track.tell(&event));
            });
        }
    }

    fn formatted(&self, format: &Format<M>) {
        self.tracks.get().iter().for_each(|track| track.reformat(format));
    }

    fn ended(&self, end: SourceEnd) {
        let last = {
            let mut past = self.past();
            past.muted = None;
            past.error.take()
        };
        let error = end_error(&self.label, end, last);
        if let (true, Some(dispatcher)) = (trace::is_heard(), self.dispatcher.upgrade()) {
            let (error, label) = (error.clone(), self.label.clone());
            dispatcher.post(move || trace::ended(M::KIND, &label, &error));
        }
        let tracks = {
            let mut ended = self.end_state();
            *ended = Some(error.clone());
            let tracks = self.tracks.get();
            self.tracks.clear();
            self.early.close();
            tracks
        };
        for track in tracks.iter() {
            track.end(Some(error.clone()));
        }
    }
}

impl Past {
    fn note(&mut self, event: &RecoveryEvent) {
        match &event.step {
            RecoveryStep::Muted(reason) => {
                self.muted = Some(*reason);
                self.error = None;
            }
            RecoveryStep::ReasonChanged(reason) => self.muted = Some(*reason),
            RecoveryStep::Restarting | RecoveryStep::Reopening | RecoveryStep::Searching => self.error = None,
            RecoveryStep::Failed(error) => self.error = Some(error.clone()),
            RecoveryStep::SteppedDown(_) => {}
            RecoveryStep::Resumed { .. } => self.muted = None,
        }
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        // All at the first one: what runs for months must not grow for hours.
        self.events.reserve_exact(EVENTS - self.events.len());
        self.events.push_back(event.clone());
    }
}

/// What a track says whose device did not come back: why it went, and why the last attempt to have it back failed.
fn end_error(label: &str, end: SourceEnd, last: Option<Error>) -> Error {
    let (message, errno, remedy) = match end {
        SourceEnd::Unplugged => {
            (format!("{label} was unplugged"), Errno::ENODEV, "plug it in again and ask for it anew")
        }
        SourceEnd::Stalled => (
            format!("{label} gives no more frames"),
            Errno::ETIMEDOUT,
            "unplug it and plug it in again; a camera that waits for a trigger wants StallLimit::Never",
        ),
        SourceEnd::Damaged => (
            format!("{label} gives only damaged frames"),
            Errno::EIO,
            "try another cable or another port, or ask for a smaller size or a lower frame rate",
        ),
        SourceEnd::FormatChanged => {
            (format!("{label} changed its format"), Errno::EPIPE, "ask for it anew, in the format it has now")
        }
        SourceEnd::Failed(errno) => (
            format!("{label} stopped with an error: {}", errno.desc()),
            errno,
            "ask for it anew; if that fails too, unplug it and plug it in again",
        ),
    };
    let Some(last) = last else {
        return Error::new(ErrorName::NotReadableError, message).with_errno(errno as i32).with_remedy(remedy);
    };
    let message = format!("{message}, and could not be had back: {}", last.message());
    let remedy = last.remedy().unwrap_or(remedy).to_owned();
    last.replace_message(message, remedy)
}
