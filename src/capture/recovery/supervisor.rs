//! A source and what is done to keep it: the ladder's rungs, climbed on the control thread.
//!
//! The reactor's reader gives to a [`Post`], which hands on what it gets and turns the reader's end into trouble. Each start
//! has a post of its own: what a reader says that was replaced meanwhile is heard by nobody.

mod post;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use nix::errno::Errno;

use self::post::Post;
use super::device::{Asked, Device};
use super::event::{MuteReason, RecoveryEvent, RecoveryStep};
use super::ladder::{Failure, Ladder, Rung, Verdict};
use super::policy::RecoveryPolicy;
use crate::capture::engine::Engine;
use crate::capture::hotplug::Subscription;
use crate::capture::source::{Captured, Outlet, Running, SourceEnd};
use crate::capture::statistics::Incident;
use crate::devices::control::ControlGoal;
use crate::error::{Error, ErrorName, Result};

/// One source, as the control thread keeps it.
pub(in crate::capture) struct Supervisor<T: Captured> {
    me: Weak<Self>,
    engine: Weak<Engine>,
    /// In which its jobs follow each other on the control threads, wherever the device is by then.
    lane: String,
    outlet: Arc<dyn Outlet<T>>,
    counters: Arc<T::Counters>,
    policy: RecoveryPolicy,
    /// Held for as long as a rung takes, on the control thread only.
    state: Mutex<State<T>>,
    /// What the driver agreed to, last.
    format: Mutex<Option<T::Format>>,
    /// No rung is begun any more.
    stopped: AtomicBool,
    /// Of the post that is heard.
    generation: AtomicU64,
    /// When this generation's first frame came; 0 before that.
    flowing_since: AtomicU64,
    /// A job that looks for the device again is on its way.
    looking: AtomicBool,
    /// Whether it gives nothing for now. Held while that is told, so that what two threads tell has an order.
    muted: Mutex<Option<Muted>>,
}

/// What is known of a silence.
#[derive(Debug, Clone, Copy)]
struct Muted {
    since: u64,
    reason: MuteReason,
}

struct State<T: Captured> {
    device: Box<dyn Device<T>>,
    /// Open, and on the reactor unless it is between two rungs.
    running: Option<Running>,
    ladder: Ladder,
    /// What ends a pause: a moment, or a device that comes. Only while it is looked for.
    watch: Option<Subscription>,
    /// What began it.
    end: SourceEnd,
}

impl<T: Captured> Supervisor<T> {
    pub(in crate::capture) fn new(
        engine: &Arc<Engine>,
        device: Box<dyn Device<T>>,
        lane: String,
        counters: Arc<T::Counters>,
        outlet: Arc<dyn Outlet<T>>,
        policy: RecoveryPolicy,
    ) -> Arc<Self> {
        let state =
            State { device, running: None, ladder: Ladder::new(policy), watch: None, end: SourceEnd::Unplugged };
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            engine: Arc::downgrade(engine),
            lane,
            outlet,
            counters,
            policy,
            state: Mutex::new(state),
            format: Mutex::new(None),
            stopped: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            flowing_since: AtomicU64::new(0),
            looking: AtomicBool::new(false),
            muted: Mutex::new(None),
        })
    }

    /// Opens the device for the first time, and gives what the driver agreed to. On the control thread.
    pub(in crate::capture) fn start(&self, engine: &Arc<Engine>) -> Result<T::Format> {
        let mut state = self.state();
        self.open(&mut state, engine)
    }

    /// What the driver agreed to, last; `None` before the first start.
    pub(in crate::capture) fn format(&self) -> Option<T::Format> {
        self.format.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The lane of its jobs.
    pub(in crate::capture) fn lane(&self) -> &str {
        &self.lane
    }

    /// No rung is begun from here on; the one that is under way ends by itself. From any thread.
    pub(in crate::capture) fn give_up(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Closes the device. On the control thread.
    pub(in crate::capture) fn stop(&self, engine: &Arc<Engine>) {
        self.give_up();
        let mut state = self.state();
        self.close(&mut state, engine);
        state.watch = None;
    }

    /// Starts it in another mode: muted until its first frame. Where that cannot be had it goes on in the mode it had, and
    /// the error says why. On the control thread.
    pub(in crate::capture) fn reconfigure(&self, engine: &Arc<Engine>, mut asked: Asked<T>) -> Result<T::Format> {
        let mut state = self.state();
        if self.is_stopped() {
            return Err(Error::new(ErrorName::AbortError, "it was stopped"));
        }
        state.watch = None;
        self.mute(MuteReason::Reconfiguring, engine.kernel.now());
        self.close(&mut state, engine);
        state.device.exchange(&mut asked);
        let opened = self.open(&mut state, engine);
        let Err(refused) = opened else { return opened };
        state.device.exchange(&mut asked);
        if let Err(error) = self.open(&mut state, engine) {
            // Neither the new mode nor the old one: a failure like any other.
            self.tell(engine, RecoveryStep::Failed(state.device.explain(error)));
            let end = SourceEnd::Failed(Errno::EIO);
            state.end = end;
            let verdict = state.ladder.trouble(end, None, engine.kernel.now());
            let over = self.follow(&mut state, engine, verdict);
            self.finish(state, over);
        }
        Err(refused)
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn muted(&self) -> MutexGuard<'_, Option<Muted>> {
        self.muted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn tell(&self, engine: &Engine, step: RecoveryStep) {
        engine.tell(&*self.outlet, step);
    }

    /// It gives nothing, for this reason: told where that is new.
    fn mute(&self, reason: MuteReason, now: u64) {
        let mut muted = self.muted();
        let step = match *muted {
            Some(before) if before.reason == reason => return,
            Some(_) => RecoveryStep::ReasonChanged(reason),
            None => RecoveryStep::Muted(reason),
        };
        if muted.is_none() && reason == MuteReason::Stalled {
            T::note(&self.counters, Incident::Stall);
        }
        *muted = Some(Muted { since: muted.map_or(now, |before| before.since), reason });
        self.outlet.event(&RecoveryEvent::new(now, step));
    }

    /// The first frame of a start. On the reactor.
    fn flows(&self, now: u64) {
        self.flowing_since.store(now.max(1), Ordering::SeqCst);
        let mut muted = self.muted();
        if let Some(Muted { since, .. }) = muted.take() {
            T::note(&self.counters, Incident::Recovery);
            let after = Duration::from_nanos(now.saturating_sub(since));
            self.outlet.event(&RecoveryEvent::new(now, RecoveryStep::Resumed { after }));
        }
    }

    /// A reader has left. On the reactor.
    fn trouble(&self, generation: u64, end: SourceEnd) {
        let current = (generation, generation + 1);
        if self.generation.compare_exchange(current.0, current.1, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return;
        }
        let engine = self.engine.upgrade().filter(|_| self.policy.recovers());
        let Some(engine) = engine else { return self.outlet.ended(end) };
        if self.is_stopped() {
            return;
        }
        // A silence that goes on may be for want of a signal: the device is asked for that where it may block.
        if end != SourceEnd::Stalled || self.muted().is_none() {
            self.mute(end.mute_reason(), engine.kernel.now());
        }
        self.post(&engine, move |this, engine| {
            // Where it was started in another mode meanwhile, this was the trouble of the stream before.
            if this.generation.load(Ordering::SeqCst) == current.1 {
                this.rescue(engine, end);
            }
        });
    }

    /// Has something done on the control thread.
    fn post(&self, engine: &Arc<Engine>, job: impl FnOnce(&Self, &Arc<Engine>) + Send + 'static) {
        let (me, weak) = (self.me.clone(), Arc::downgrade(engine));
        engine.control.post(&self.lane, move || {
            if let (Some(this), Some(engine)) = (me.upgrade(), weak.upgrade())
                && !this.is_stopped()
            {
                job(&this, &engine);
            }
        });
    }

    fn rescue(&self, engine: &Arc<Engine>, end: SourceEnd) {
        let mut state = self.state();
        if let Some(running) = &mut state.running {
            running.leave(engine);
        }
        if end == SourceEnd::Stalled {
            let no_signal = state.running.as_ref().is_some_and(|running| state.device.has_no_signal(running));
            let reason = if no_signal { MuteReason::NoSignal } else { end.mute_reason() };
            self.mute(reason, engine.kernel.now());
        }
        if end == SourceEnd::Unplugged {
            // Its node's name is free for the next device once nobody has it open.
            self.close(&mut state, engine);
        }
        let flowing_since = Some(self.flowing_since.swap(0, Ordering::SeqCst)).filter(|&since| since != 0);
        state.end = end;
        let verdict = state.ladder.trouble(end, flowing_since, engine.kernel.now());
        let over = self.follow(&mut state, engine, verdict);
        self.finish(state, over);
    }

    /// The pause is over, or the devices have changed.
    fn look_again(&self, engine: &Arc<Engine>) {
        self.looking.store(false, Ordering::SeqCst);
        let mut state = self.state();
        if state.watch.is_none() {
            // An attempt has succeeded meanwhile.
            return;
        }
        let verdict = state.ladder.look_again(engine.kernel.now());
        let over = self.follow(&mut state, engine, verdict);
        self.finish(state, over);
    }

    /// Says that it is over, if it is: with the state free, because whoever hears it stops the source.
    fn finish(&self, state: MutexGuard<'_, State<T>>, over: Option<SourceEnd>) {
        drop(state);
        if let Some(end) = over {
            self.outlet.ended(end);
        }
    }

    /// Climbs until an attempt succeeds or a pause begins. How it ended, if it did.
    fn follow(&self, state: &mut State<T>, engine: &Arc<Engine>, mut verdict: Verdict) -> Option<SourceEnd> {
        while !self.is_stopped() {
            match verdict {
                Verdict::Climb(rung) => match self.attempt(state, engine, rung) {
                    Ok(()) => {
                        state.watch = None;
                        return None;
                    }
                    Err(failure) => verdict = state.ladder.failed(failure, engine.kernel.now()),
                },
                Verdict::Wait { until } => {
                    let watch = state.watch.get_or_insert_with(|| self.watch(engine));
                    watch.wake_at(Some(until));
                    return None;
                }
                Verdict::GiveUp => {
                    self.close(state, engine);
                    return Some(state.end);
                }
            }
        }
        None
    }

    fn attempt(&self, state: &mut State<T>, engine: &Arc<Engine>, rung: Rung) -> std::result::Result<(), Failure> {
        let done = match rung {
            Rung::Restart => {
                let Some(running) = &mut state.running else { return Err(Failure::Refused) };
                if !state.device.can_restart() {
                    return Err(Failure::Refused);
                }
                let post = self.next_post();
                self.tell(engine, RecoveryStep::Restarting);
                T::note(&self.counters, Incident::Restart);
                state.device.restart(running, engine, post)
            }
            Rung::Reopen => {
                self.tell(engine, RecoveryStep::Reopening);
                T::note(&self.counters, Incident::Reopening);
                self.close(state, engine);
                self.open(state, engine).map(drop)
            }
            Rung::Search => {
                self.close(state, engine);
                // First: what comes between a look and a subscription would be missed.
                state.watch.get_or_insert_with(|| self.watch(engine));
                if !state.device.locate() {
                    return Err(Failure::Absent { told: !engine.hotplug().is_deaf() });
                }
                self.tell(engine, RecoveryStep::Searching);
                T::note(&self.counters, Incident::Reopening);
                self.open(state, engine).map(drop)
            }
        };
        done.map_err(|error| {
            let gone = [Errno::ENODEV, Errno::ENOENT, Errno::ENXIO].map(|errno| Some(errno as i32));
            let failure = if gone.contains(&error.errno()) {
                Failure::Absent { told: !engine.hotplug().is_deaf() }
            } else {
                Failure::Refused
            };
            self.tell(engine, RecoveryStep::Failed(state.device.explain(error)));
            failure
        })
    }

    fn open(&self, state: &mut State<T>, engine: &Arc<Engine>) -> Result<T::Format> {
        let post = self.next_post();
        let (running, format) = state.device.open(engine, post)?;
        state.running = Some(running);
        Ok(format)
    }

    /// Sets controls while frames flow on. On the control thread.
    ///
    /// # Errors
    /// Something that is required is not to be had; nothing is changed then.
    pub(in crate::capture) fn set_controls(&self, goals: &[ControlGoal]) -> Result<()> {
        let mut state = self.state();
        if self.is_stopped() {
            return Err(Error::new(ErrorName::AbortError, "it was stopped"));
        }
        let State { device, running, .. } = &mut *state;
        if let Some(format) = device.set_controls(running.as_mut(), goals)? {
            *self.format.lock().unwrap_or_else(PoisonError::into_inner) = Some(format.clone());
            self.outlet.formatted(&format);
        }
        Ok(())
    }

    /// A post for the next start; the one before is heard no more.
    fn next_post(&self) -> Arc<dyn Outlet<T>> {
        let generation = self.generation.fetch_add(1, Ordering::SeqCst) + 1;
        Arc::new(Post {
            supervisor: self.me.clone(),
            outlet: self.outlet.clone(),
            generation,
            fresh: AtomicBool::new(true),
        })
    }

    fn close(&self, state: &mut State<T>, engine: &Arc<Engine>) {
        if let Some(running) = state.running.take() {
            engine.stop(running, state.device.path());
        }
    }

    /// Has it looked for again when devices have come or gone, or when the subscription's alarm goes off.
    fn watch(&self, engine: &Arc<Engine>) -> Subscription {
        let (me, weak) = (self.me.clone(), Arc::downgrade(engine));
        engine.hotplug().subscribe(Arc::new(move || {
            if let (Some(this), Some(engine)) = (me.upgrade(), weak.upgrade())
                && !this.looking.swap(true, Ordering::SeqCst)
            {
                this.post(&engine, |this, engine| this.look_again(engine));
            }
        }))
    }
}
