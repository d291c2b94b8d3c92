//! Whom it concerns when a device comes, goes or changes its permissions: one watch for all who wait.
//!
//! The watch's descriptors lie in an epoll of their own, and that one in the reactor's: so they come and go with the
//! subscriptions without a word to the reactor's thread, from any thread. While nobody subscribes nothing is open, and
//! while nothing changes nothing wakes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::buffer::Reaper;
use super::reactor::{EventSource, Next};
use crate::seam::{Watch, World};

/// What a subscriber has called.
pub(crate) type Notice = Arc<dyn Fn() + Send + Sync>;

/// No alarm is set.
const NEVER: u64 = u64::MAX;

/// Tells subscribers of devices.
pub(crate) struct Hotplug {
    world: Arc<dyn World>,
    /// What the watch's descriptors lie in, and `reset`.
    epoll: Epoll,
    /// Has the reactor look at the next alarm again.
    reset: EventFd,
    /// Closes watches: the kernel takes its time over that.
    reaper: Arc<dyn Reaper>,
    state: Mutex<State>,
    /// Held while a watch is being opened.
    opening: Mutex<()>,
    /// When the next alarm goes off, or [`NEVER`]: read at every turn of the reactor, so without a lock.
    next: AtomicU64,
}

#[derive(Default)]
struct State {
    watch: Option<Box<dyn Watch>>,
    /// Whether all of its descriptors are waited for.
    is_heard: bool,
    listeners: Vec<Listener>,
    count: u64,
}

struct Listener {
    id: u64,
    notice: Notice,
    alarm: Option<u64>,
}

impl Hotplug {
    pub(super) fn new(world: Arc<dyn World>, reaper: Arc<dyn Reaper>) -> io::Result<Arc<Self>> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let reset = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        epoll.add(&reset, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        Ok(Arc::new(Self {
            world,
            epoll,
            reset,
            reaper,
            state: Mutex::default(),
            opening: Mutex::default(),
            next: AtomicU64::new(NEVER),
        }))
    }

    /// What the reactor serves.
    pub(super) fn source(self: &Arc<Self>) -> Box<dyn EventSource> {
        Box::new(Ear(self.clone()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `notice` on the reactor's thread, where it must not block, whenever a video or sound node or its permissions
    /// may have changed, until the subscription is dropped; a call that has begun then ends. The first subscription opens
    /// the sources, the last one closes them.
    ///
    /// What changed before is not told: subscribe first, then look.
    pub(crate) fn subscribe(self: &Arc<Self>, notice: Notice) -> Subscription {
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = self.state().watch.is_none();
        // Opened with the state free, which the reactor may want meanwhile. One that hears nothing is opened anew: what
        // kept it from opening, such as the limit of inotify instances, may be over.
        let opened = (closed || self.is_deaf()).then(|| self.world.watch());
        let mut state = self.state();
        if let Some(watch) = opened {
            let event = || EpollEvent::new(EpollFlags::EPOLLIN, 1);
            let refused = watch.descriptors().into_iter().filter(|fd| self.epoll.add(fd, event()).is_err());
            state.is_heard = refused.count() == 0;
            let deaf = state.watch.replace(watch);
            self.close(deaf);
        }
        let id = state.count;
        state.count += 1;
        state.listeners.push(Listener { id, notice, alarm: None });
        Subscription { hotplug: Arc::downgrade(self), id }
    }

    /// Whether nobody will tell, because neither source could be opened or neither reaches this process: who waits for a
    /// device must look by itself now and then. To be asked by a subscriber.
    pub(crate) fn is_deaf(&self) -> bool {
        let state = self.state();
        !state.is_heard || state.watch.as_ref().is_none_or(|watch| !watch.hears())
    }

    /// Has a watch closed by the control thread.
    fn close(&self, watch: Option<Box<dyn Watch>>) {
        let Some(watch) = watch else { return };
        for descriptor in watch.descriptors() {
            // Now, not when it is closed: nobody drains it any more, and it would wake the reactor for ever.
            let _ = self.epoll.delete(descriptor);
        }
        self.reaper.bury(Box::new(watch));
    }

    fn unsubscribe(&self, id: u64) {
        let mut state = self.state();
        let position = state.listeners.iter().position(|listener| listener.id == id);
        let gone = position.map(|position| state.listeners.swap_remove(position));
        let closed = if state.listeners.is_empty() { state.watch.take() } else { None };
        drop(state);
        // What the notice holds is dropped with nothing locked.
        drop(gone);
        self.close(closed);
    }

    fn set_alarm(&self, id: u64, at: Option<u64>) {
        let mut state = self.state();
        if let Some(listener) = state.listeners.iter_mut().find(|listener| listener.id == id) {
            listener.alarm = at;
        }
        if self.settle(&state) {
            drop(state);
            // A full counter means that the reactor is about to look anyway.
            let _ = self.reset.write(1);
        }
    }

    /// Whether the next alarm is earlier than it was. (Where it is later, the reactor wakes once for nothing.)
    fn settle(&self, state: &State) -> bool {
        let next = state.listeners.iter().filter_map(|listener| listener.alarm).min().unwrap_or(NEVER);
        self.next.swap(next, Ordering::SeqCst) > next
    }

    /// Something is ready.
    fn hear(&self) {
        let _ = self.reset.read();
        let mut state = self.state();
        let changes = state.watch.as_mut().map(|watch| watch.drain()).unwrap_or_default();
        if changes.is_empty() {
            return;
        }
        let notices: Vec<Notice> = state.listeners.iter().map(|listener| listener.notice.clone()).collect();
        drop(state);
        // With nothing locked: a notice may end its own subscription.
        notices.iter().for_each(|notice| notice());
    }

    /// Some alarm has gone off.
    fn ring(&self, now: u64) {
        let mut state = self.state();
        let due = |listener: &mut Listener| listener.alarm.take_if(|at| *at <= now).is_some();
        let rung: Vec<Notice> =
            state.listeners.iter_mut().filter_map(|listener| due(listener).then(|| listener.notice.clone())).collect();
        self.settle(&state);
        drop(state);
        rung.iter().for_each(|notice| notice());
    }
}

/// A subscriber's hold on its notices. Dropping it ends them, from any thread.
pub(crate) struct Subscription {
    /// Not held: what outlives the engine hears nothing.
    hotplug: Weak<Hotplug>,
    id: u64,
}

impl Subscription {
    /// Has the notice called at this time too, on the engine's clock; once, in place of what was asked before.
    pub(crate) fn wake_at(&self, at: Option<u64>) {
        if let Some(hotplug) = self.hotplug.upgrade() {
            hotplug.set_alarm(self.id, at);
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(hotplug) = self.hotplug.upgrade() {
            hotplug.unsubscribe(self.id);
        }
    }
}

/// The reactor's side.
struct Ear(Arc<Hotplug>);

impl EventSource for Ear {
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, EpollFlags)> {
        vec![(self.0.epoll.0.as_fd(), EpollFlags::EPOLLIN)]
    }

    fn ready(&mut self, _descriptor: usize, _flags: EpollFlags, _now: u64) -> Next {
        self.0.hear();
        Next::Stay
    }

    fn deadline(&self) -> Option<u64> {
        Some(self.0.next.load(Ordering::SeqCst)).filter(|&at| at != NEVER)
    }

    fn due(&mut self, now: u64) -> Next {
        self.0.ring(now);
        Next::Stay
    }
}
