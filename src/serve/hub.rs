//! From one capture to its viewers: each has one place for the newest picture, and nobody waits for anybody.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::message::Header;
use super::picture::Picture;
use super::sound::{Level, Sound};
use crate::error::Error;

/// How many blocks of sound wait for a listener: more than half a second of periods of 10 ms.
const MOST_SOUND: usize = 64;

/// How many pictures later one must be let go of, if it is a driver's buffer that somebody is still sending.
const PATIENCE: u64 = 2;

/// The kind of a viewer that is a page with `usermedia.js`.
pub(super) const PAGE: &str = "page";

/// What a viewer wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wants {
    pub(super) pictures: bool,
    pub(super) levels: bool,
    pub(super) sound: bool,
    /// To be told when something has changed.
    pub(super) state: bool,
}

/// What waits for a viewer.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) picture: Option<Arc<Picture>>,
    /// Pictures that were replaced before they were taken.
    pub(super) skipped: u64,
    pub(super) sound: VecDeque<Arc<Sound>>,
    /// Frames of sound that were dropped before they were taken.
    pub(super) unheard: u64,
    pub(super) level: Option<(Header, Level)>,
    pub(super) changed: bool,
}

/// Somebody who looks or listens.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) id: u64,
    /// `stream`, `websocket`, `page` or `snapshot`.
    pub(super) kind: &'static str,
    wants: Mutex<Wants>,
    inbox: Mutex<Inbox>,
    event: EventFd,
    pub(super) sent: Meter,
    /// Pictures that were replaced before they were taken, over all.
    pub(super) skipped: AtomicU64,
}

impl Viewer {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wants(&self) -> Wants {
        *self.wants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on. What waits already and is not wanted any more is dropped.
    pub(super) fn want(&self, wants: Wants) {
        *self.wants.lock().unwrap_or_else(PoisonError::into_inner) = wants;
        let mut inbox = self.inbox();
        let picture = inbox.picture.take_if(|_| !wants.pictures);
        let sound = if wants.sound { VecDeque::new() } else { std::mem::take(&mut inbox.sound) };
        inbox.level = inbox.level.take().filter(|_| wants.levels);
        drop(inbox);
        drop((picture, sound));
    }

    /// Takes what waits; the picture only if `pictures`.
    pub(super) fn take(&self, pictures: bool) -> Inbox {
        // Readable again only when something comes after this.
        let _ = self.event.read();
        let mut inbox = self.inbox();
        let kept = if pictures { None } else { inbox.picture.take() };
        let skipped = if pictures { 0 } else { std::mem::take(&mut inbox.skipped) };
        std::mem::replace(&mut inbox, Inbox { picture: kept, skipped, ..Inbox::default() })
    }

    /// Makes the descriptor unreadable without taking anything.
    pub(super) fn hush(&self) {
        let _ = self.event.read();
    }

    fn ring(&self) {
        // A full counter is as readable as any.
        let _ = self.event.write(1);
    }

    fn give_picture(&self, picture: &Arc<Picture>) {
        if !self.wants().pictures {
            return;
        }
        let mut inbox = self.inbox();
        let before = inbox.picture.replace(picture.clone());
        if before.is_some() {
            inbox.skipped += 1;
            self.skipped.fetch_add(1, Ordering::Relaxed);
        }
        drop(inbox);
        self.ring();
    }

    fn give_sound(&self, (header, level): &(Header, Level), sound: Option<&Arc<Sound>>) {
        let wants = self.wants();
        let mut inbox = self.inbox();
        let mut oldest = None;
        if wants.levels {
            let level = match inbox.level.take() {
                Some((_, before)) => before.and(level.clone()),
                None => level.clone(),
            };
            inbox.level = Some((*header, level));
        }
        if let Some(sound) = sound.filter(|_| wants.sound) {
            if inbox.sound.len() >= MOST_SOUND {
                oldest = inbox.sound.pop_front();
                inbox.unheard += oldest.as_ref().map_or(0, |sound| u64::from(sound.frames));
            }
            inbox.sound.push_back(sound.clone());
        }
        drop(inbox);
        drop(oldest);
        if wants.levels || wants.sound {
            self.ring();
        }
    }
}

impl AsFd for Viewer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// How many there were in the last second that is over.
#[derive(Debug)]
pub(super) struct Meter {
    began: Instant,
    count: Mutex<Count>,
}

#[derive(Debug, Default)]
struct Count {
    second: u64,
    now: u64,
    last: u64,
    total: u64,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), count: Mutex::default() }
    }

    fn turn(&self) -> MutexGuard<'_, Count> {
        let second = self.began.elapsed().as_secs();
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if second != count.second {
            count.last = if second == count.second + 1 { count.now } else { 0 };
            (count.second, count.now) = (second, 0);
        }
        count
    }

    pub(super) fn add(&self) {
        let mut count = self.turn();
        count.now += 1;
        count.total += 1;
    }

    /// In the last whole second.
    pub(super) fn rate(&self) -> u64 {
        self.turn().last
    }

    pub(super) fn total(&self) -> u64 {
        self.turn().total
    }
}

/// Everybody who looks or listens, and what was shown to them.
#[derive(Debug)]
pub(super) struct Hub {
    viewers: Mutex<Vec<Arc<Viewer>>>,
    next_viewer: AtomicU64,
    /// The number of the newest picture.
    newest: AtomicU64,
    /// Pictures up to this number are to be let go of.
    released: AtomicU64,
    /// Frames that came from the camera.
    pub(super) captured: Meter,
    /// Pictures that were shown to somebody.
    pub(super) shown: Meter,
    /// JPEGs that were made here.
    pub(super) encoded: AtomicU64,
    /// Pictures that were sent out of the camera's own buffer.
    pub(super) lent: AtomicU64,
    /// Pictures of which a slow viewer's rest was copied, so that the camera has its buffer back.
    pub(super) copied: AtomicU64,
    /// Frames of which no picture could be made.
    pub(super) unusable: AtomicU64,
    /// Why none could be made of the last one.
    problem: Mutex<Option<Error>>,
}

impl Hub {
    pub(super) fn new() -> Self {
        Self {
            viewers: Mutex::default(),
            next_viewer: AtomicU64::new(1),
            newest: AtomicU64::new(0),
            released: AtomicU64::new(0),
            captured: Meter::new(),
            shown: Meter::new(),
            encoded: AtomicU64::new(0),
            lent: AtomicU64::new(0),
            copied: AtomicU64::new(0),
            unusable: AtomicU64::new(0),
            problem: Mutex::default(),
        }
    }

    /// Those who are there now.
    pub(super) fn viewers(&self) -> Vec<Arc<Viewer>> {
        self.viewers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One more, until what this gives is dropped.
    pub(super) fn join(self: &Arc<Self>, kind: &'static str, wants: Wants) -> io::Result<Seat> {
        let event = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let viewer = Arc::new(Viewer {
            id: self.next_viewer.fetch_add(1, Ordering::Relaxed),
            kind,
            wants: Mutex::new(wants),
            inbox: Mutex::default(),
            event,
            sent: Meter::new(),
            skipped: AtomicU64::new(0),
        });
        self.viewers.lock().unwrap_or_else(PoisonError::into_inner).push(viewer.clone());
        Ok(Seat { hub: self.clone(), viewer })
    }

    /// Whether a picture would be looked at.
    pub(super) fn is_watched(&self) -> bool {
        self.viewers().iter().any(|viewer| viewer.wants().pictures)
    }

    /// Whether a page with `usermedia.js` other than the viewer `own` has tracks of a kind, which `wants` tells.
    pub(super) fn is_held_by_another(&self, own: u64, wants: impl Fn(&Wants) -> bool) -> bool {
        self.viewers().iter().any(|viewer| viewer.kind == PAGE && viewer.id != own && wants(&viewer.wants()))
    }

    /// Whether samples would be heard.
    fn is_listened_to(&self) -> bool {
        self.viewers().iter().any(|viewer| viewer.wants().sound)
    }

    /// The number of the next picture.
    pub(super) fn next_number(&self) -> u64 {
        self.newest.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Why no picture could be made of the last frame.
    pub(super) fn problem(&self) -> Option<Error> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// No picture can be made of a frame, or one can again.
    pub(super) fn note(&self, problem: Option<Error>) {
        self.unusable.fetch_add(u64::from(problem.is_some()), Ordering::Relaxed);
        let before =
            std::mem::replace(&mut *self.problem.lock().unwrap_or_else(PoisonError::into_inner), problem.clone());
        if before != problem {
            self.tell();
        }
    }

    /// Gives a picture to everybody who looks.
    pub(super) fn show(&self, picture: Picture) {
        let count = if picture.is_lent() { &self.lent } else { &self.encoded };
        count.fetch_add(1, Ordering::Relaxed);
        self.shown.add();
        let picture = Arc::new(picture);
        for viewer in self.viewers() {
            viewer.give_picture(&picture);
        }
    }

    /// Gives a block of sound to everybody who listens.
    pub(super) fn sound(&self, level: &(Header, Level), sound: impl FnOnce() -> Sound) {
        let sound = self.is_listened_to().then(|| Arc::new(sound()));
        for viewer in self.viewers() {
            viewer.give_sound(level, sound.as_ref());
        }
    }

    /// Tells everybody who wants to know that something has changed.
    pub(super) fn tell(&self) {
        for viewer in self.viewers() {
            if viewer.wants().state {
                viewer.inbox().changed = true;
                viewer.ring();
            }
        }
    }

    /// Whether whoever still sends this picture out of the camera's buffer must copy the rest.
    pub(super) fn must_let_go(&self, picture: &Picture) -> bool {
        let newest = self.newest.load(Ordering::Relaxed);
        let released = self.released.load(Ordering::Relaxed);
        picture.is_lent() && (newest.saturating_sub(picture.number) >= PATIENCE || picture.number <= released)
    }

    /// Has everybody let go of the camera's buffers, because it is about to need all of them.
    pub(super) fn release(&self) {
        self.released.store(self.newest.load(Ordering::Relaxed), Ordering::Relaxed);
        for viewer in self.viewers() {
            let picture = viewer.inbox().picture.take();
            drop(picture);
            viewer.ring();
        }
    }
}

/// A viewer's place; it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    hub: Arc<Hub>,
    viewer: Arc<Viewer>,
}

impl std::ops::Deref for Seat {
    type Target = Viewer;

    fn deref(&self) -> &Viewer {
        &self.viewer
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.viewers.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| other.id != self.viewer.id);
        // Whoever holds the list at this moment holds the viewer a little longer, and not a buffer with it.
        let waiting = std::mem::take(&mut *self.viewer.inbox());
        drop(waiting);
    }
}
