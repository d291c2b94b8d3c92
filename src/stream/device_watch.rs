//! `devicechange`: from a notice that something may have changed to what has.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::time::Duration;

use super::session::{Session, SessionPlace};
use crate::capture::{Engine, Hotplug, Subscription, Worker};
use crate::devices::{DeviceChange, DeviceTracker, Machine, MediaDeviceInfo};
use crate::error::{Error, ErrorName, Result};
use crate::time::nanoseconds;

/// How long after a notice the devices are listed. A camera that is plugged in makes dozens of notices, node by node, and
/// ids are final only when all of its nodes are there.
const GATHERING: Duration = Duration::from_millis(100);

/// How long to wait between listings where nobody tells of changes: at first, and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

type Callback = Box<dyn FnMut(&[DeviceChange]) + Send>;

/// Somebody who is told of device changes, as long as this lives: see
/// [`MediaDevices::on_device_change`](super::MediaDevices::on_device_change).
pub struct DeviceWatch {
    devices: Vec<MediaDeviceInfo>,
    /// `None` for the built-in devices, which never change.
    watching: Option<Watching>,
}

/// Fields in the order in which they must go: the observer before the engine that it listens to.
struct Watching {
    observer: Arc<Observer>,
    session: Arc<Session>,
}

impl DeviceWatch {
    /// Of devices that never change.
    pub(super) fn of(devices: Vec<MediaDeviceInfo>) -> Self {
        Self { devices, watching: None }
    }

    /// Begins to watch. Waits for the first listing.
    pub(super) fn start(machine: &Machine, place: &SessionPlace, callback: Callback) -> Result<Self> {
        let session = place.current_or_start(machine)?;
        let engine = session.engine();
        if engine.is_capture_thread() {
            // The listing is made on the control thread, which may be waiting for this one.
            return Err(Error::new(ErrorName::AbortError, "devices cannot be watched from on_frame or on_data")
                .with_remedy("ask for it on a thread of your own"));
        }
        let observer = Arc::new_cyclic(|observer: &Weak<Observer>| {
            let to_tell = observer.clone();
            let notice = Arc::new(move || {
                if let Some(observer) = to_tell.upgrade() {
                    observer.look_soon();
                }
            });
            Observer {
                machine: machine.clone(),
                engine: Arc::downgrade(engine),
                hotplug: engine.hotplug().clone(),
                dispatcher: session.dispatcher().clone(),
                subscription: engine.hotplug().subscribe(notice),
                looking: AtomicBool::new(false),
                state: Mutex::default(),
                callback: Mutex::new(Some(callback)),
                stopped: AtomicBool::new(false),
            }
        });
        // Nothing changes unseen between this and the subscription, which came first.
        let (listed, listing) = mpsc::sync_channel(1);
        let first = observer.clone();
        engine.post(move || drop(listed.send(first.begin())));
        let devices = listing.recv().map_err(|_| Error::new(ErrorName::AbortError, "listing the devices broke off"))?;
        Ok(Self { devices, watching: Some(Watching { observer, session }) })
    }

    /// The devices that were there when the watching began, unusable ones with the reason: what the changes change. Nodes
    /// that are no cameras or microphones (metadata, codecs) are not among them.
    pub fn devices(&self) -> &[MediaDeviceInfo] {
        &self.devices
    }

    /// Whether nobody tells of changes here, so that the devices are listed again now and then (every 8 seconds at
    /// least): in a container with a `/dev` of its own, the kernel's uevents and inotify both say nothing.
    pub fn is_polling(&self) -> bool {
        self.watching.as_ref().is_some_and(|watching| watching.session.engine().hotplug().is_deaf())
    }

    /// Waits until the looks and the calls that were asked for by now are done.
    #[cfg(all(test, not(loom)))]
    pub(super) fn flush(&self) {
        let Some(watching) = &self.watching else { return };
        let (done, looked) = mpsc::sync_channel(2);
        let told = done.clone();
        watching.session.engine().post(move || done.send(()).unwrap());
        looked.recv().unwrap();
        watching.observer.dispatcher.post(move || told.send(()).unwrap());
        looked.recv().unwrap();
    }
}

impl Drop for DeviceWatch {
    fn drop(&mut self) {
        if let Some(watching) = &self.watching {
            watching.observer.stop();
        }
    }
}

/// What hears, looks and tells.
struct Observer {
    machine: Machine,
    /// Not held: it ends with the handle's session.
    engine: Weak<Engine>,
    hotplug: Arc<Hotplug>,
    dispatcher: Arc<Worker>,
    subscription: Subscription,
    /// A look is on its way.
    looking: AtomicBool,
    state: Mutex<State>,
    callback: Mutex<Option<Callback>>,
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    tracker: DeviceTracker,
    /// When the devices are to be listed next, if they are.
    due: Option<u64>,
    /// How long to wait for the next one where nobody tells.
    backoff: Option<Duration>,
}

impl Observer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the devices listed on the control thread. On the reactor's.
    fn look_soon(self: Arc<Self>) {
        if self.looking.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Some(engine) = self.engine.upgrade() {
            engine.post(move || self.look());
        }
    }

    /// The first look.
    fn begin(&self) -> Vec<MediaDeviceInfo> {
        let Some(engine) = self.engine.upgrade() else { return Vec::new() };
        let tracker = DeviceTracker::new(self.machine.enumerate_all());
        let devices = tracker.devices().cloned().collect();
        let mut state = self.state();
        state.tracker = tracker;
        self.rest(&mut state, None, engine.now());
        devices
    }

    /// A notice has come, or the time of a listing.
    fn look(self: &Arc<Self>) {
        self.looking.store(false, Ordering::SeqCst);
        let Some(engine) = self.engine.upgrade().filter(|_| !self.stopped.load(Ordering::SeqCst)) else { return };
        let mut state = self.state();
        let now = engine.now();
        if state.due.is_none_or(|due| now < due) {
            // A notice: it brings the next listing forward.
            let soon = after(now, GATHERING);
            let due = state.due.map_or(soon, |due| due.min(soon));
            return self.look_at(&mut state, Some(due));
        }
        let listing = self.machine.enumerate_all();
        let now = engine.now();
        let (changes, next) = state.tracker.update(listing, now);
        if !changes.is_empty() {
            state.backoff = None;
        }
        self.rest(&mut state, next, now);
        drop(state);
        if !changes.is_empty() {
            let observer = self.clone();
            self.dispatcher.post(move || observer.tell(&changes));
        }
    }

    /// Until when to rest, if nobody tells before.
    fn rest(&self, state: &mut State, next: Option<u64>, now: u64) {
        let mut next = next;
        if self.hotplug.is_deaf() {
            let (first, most) = LOOK_AGAIN;
            let pause = state.backoff.map_or(first, |pause| (pause * 2).min(most));
            state.backoff = Some(pause);
            next = Some(next.map_or(after(now, pause), |next| next.min(after(now, pause))));
        }
        self.look_at(state, next);
    }

    fn look_at(&self, state: &mut State, due: Option<u64>) {
        state.due = due;
        self.subscription.wake_at(due);
    }

    /// Calls back, on the dispatcher.
    fn tell(&self, changes: &[DeviceChange]) {
        // Taken out for the call: a callback may drop its own handle.
        let callback = self.callback.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut callback) = callback.filter(|_| !self.stopped.load(Ordering::SeqCst)) else { return };
        // A panic has been printed by its hook; it ends this consumer, and nothing is listed for it any more.
        if catch_unwind(AssertUnwindSafe(|| callback(changes))).is_err() {
            self.stopped.store(true, Ordering::SeqCst);
        } else if !self.stopped.load(Ordering::SeqCst) {
            *self.callback.lock().unwrap_or_else(PoisonError::into_inner) = Some(callback);
        }
    }

    /// Nothing is told any more; a call that is under way ends.
    fn stop(self: &Arc<Self>) {
        self.stopped.store(true, Ordering::SeqCst);
        // What the callback holds goes on the thread it was called on.
        let observer = self.clone();
        self.dispatcher.post(move || drop(observer.callback.lock().unwrap_or_else(PoisonError::into_inner).take()));
    }
}

fn after(now: u64, pause: Duration) -> u64 {
    now.saturating_add(nanoseconds(pause))
}

/// Bare notices that a device may have come or changed, for whoever tries again at each of them.
#[cfg(feature = "cli")]
pub(crate) struct DeviceNotices {
    /// Before the session: the subscription goes before its engine.
    _subscription: Subscription,
    session: Arc<Session>,
}

#[cfg(feature = "cli")]
impl DeviceNotices {
    pub(super) fn start(
        machine: &Machine,
        place: &SessionPlace,
        notice: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self> {
        let session = place.current_or_start(machine)?;
        Ok(Self { _subscription: session.engine().hotplug().subscribe(Arc::new(notice)), session })
    }

    /// Whether there will be none, whatever happens.
    pub(crate) fn is_deaf(&self) -> bool {
        self.session.engine().hotplug().is_deaf()
    }
}
