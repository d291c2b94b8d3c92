//! A kernel made of a script, for tests: cameras of plain data, faults at any call, and a clock that the test moves.
//!
//! Descriptors are real pipes, so that the real epoll waits for them; buffers are memory files, so that a mapping is a
//! mapping. Everything else is decided by the test, one line at a time:
//!
//! ```text
//! let kernel = ScriptedKernel::new();
//! let camera = kernel.plug("/dev/video0", ScriptedCamera::new(b"YUYV", 64, 48));
//! camera.fail(Call::StreamOn, Errno::EIO, 1);          // once; FOREVER is a number of times as well
//! camera.run(30);                                      // thirty frames, a period apart
//! camera.give(Frame::good().error());
//! camera.unplug();
//! ```
//!
//! Time stands still unless a test moves it, and no test waits for it: [`ScriptedKernel::settle`] returns when the
//! reactor has nothing left to do.
#![cfg_attr(
    not(test),
    allow(dead_code, unused_imports, reason = "whoever writes tests, fuzz targets and benches takes what they need")
)]

mod call;
mod camera;
mod card;
mod control;
mod frame;
mod kernel;
mod memory;
mod node;
mod pcm;
mod script;
mod world;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};

pub(crate) use call::{Call, FOREVER};
pub(crate) use camera::{ScriptedCamera, pixels};
pub(crate) use control::ScriptedControl;
pub(crate) use frame::{Frame, JPEG};
pub(crate) use memory::guard_mappings;
pub(crate) use node::mark;
pub(crate) use pcm::{PcmScript, ScriptedPcm, ScriptedPcms};
pub(crate) use script::CameraScript;
pub(crate) use world::ScriptedWorld;

use node::Node;

/// When a script begins: the machine has been up for a while.
const START: u64 = 1_000_000_000_000;
/// How long a reactor may take to come to rest before the test is said to hang.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
struct State {
    now: u64,
    nodes: BTreeMap<PathBuf, Node>,
    /// Turns of the reactor's loop.
    waits: u64,
    /// How often the script changed something that the reactor may have to look at.
    version: u64,
    /// Where each reactor waits: for a moment there may be two, one ending while the next begins.
    resting: HashMap<ThreadId, Rest>,
    misuse: Vec<String>,
    /// How threads were to be scheduled, in words.
    scheduled: Vec<String>,
    /// What is said to who wants to change that.
    unschedulable: Option<Errno>,
    /// Whether a wait is broken off next, as in a process that goes on after it was stopped.
    interrupted: bool,
}

/// A reactor with nothing to do.
#[derive(Debug, Clone, Copy)]
struct Rest {
    /// What it saw of the script.
    version: u64,
    deadline: Option<u64>,
}

/// The kernel.
pub(crate) struct ScriptedKernel {
    state: Mutex<State>,
    changed: Condvar,
    /// Has a resting reactor look at the clock again.
    nudge: EventFd,
}

impl fmt::Debug for ScriptedKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScriptedKernel")
    }
}

impl ScriptedKernel {
    /// A machine without cameras.
    pub(crate) fn new() -> Arc<Self> {
        let state = State {
            now: START,
            nodes: BTreeMap::new(),
            waits: 0,
            version: 0,
            resting: HashMap::new(),
            misuse: Vec::new(),
            scheduled: Vec::new(),
            unschedulable: None,
            interrupted: false,
        };
        let nudge = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), nudge: nudge.expect("an eventfd") })
    }

    /// Puts a camera there, in place of one that was.
    pub(crate) fn plug(self: &Arc<Self>, path: &str, camera: ScriptedCamera) -> CameraScript {
        self.state().nodes.insert(path.into(), Node::new(camera));
        CameraScript { kernel: self.clone(), path: path.into() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many times the reactor has waited.
    pub(crate) fn waits(&self) -> u64 {
        self.state().waits
    }

    /// What no program may do, and this one did.
    pub(crate) fn misuse(&self) -> Vec<String> {
        let state = self.state();
        state.misuse.iter().chain(state.nodes.values().flat_map(|node| &node.misuse)).cloned().collect()
    }

    /// How threads were to be scheduled, in words.
    pub(crate) fn scheduled(&self) -> Vec<String> {
        self.state().scheduled.clone()
    }

    /// Nobody may change how threads are scheduled.
    pub(crate) fn refuse_scheduling(&self, errno: Errno) {
        self.state().unschedulable = Some(errno);
    }

    fn schedule(&self, how: String) -> Result<(), Errno> {
        let mut state = self.state();
        match state.unschedulable {
            Some(errno) => Err(errno),
            None => {
                state.scheduled.push(how);
                Ok(())
            }
        }
    }

    /// Waits until the reactor has done all there is to do.
    pub(crate) fn settle(&self) {
        let state = self.state();
        // A deadline that passed while the reactor slept, and nobody told it.
        if state.resting.values().any(|rest| rest.deadline.is_some_and(|at| at <= state.now)) {
            self.touch(state);
        } else {
            drop(state);
        }
        let busy = |state: &mut State| {
            let (version, now) = (state.version, state.now);
            let rests = |rest: &Rest| rest.version == version && rest.deadline.is_none_or(|at| at > now);
            state.resting.is_empty() || !state.resting.values().all(rests)
        };
        let (state, waited) =
            self.changed.wait_timeout_while(self.state(), PATIENCE, busy).unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "the reactor does not come to rest: {state:?}");
    }

    /// Lets time pass, the reactor's deadlines each at its moment.
    pub(crate) fn advance(&self, time: Duration) {
        let target = self.state().now + u64::try_from(time.as_nanos()).expect("a time that passes");
        loop {
            self.settle();
            let mut state = self.state();
            let deadline = state.resting.values().filter_map(|rest| rest.deadline).min().filter(|&at| at < target);
            state.now = deadline.unwrap_or(target).max(state.now);
            self.touch(state);
            if deadline.is_none() {
                return self.settle();
            }
        }
    }

    /// Moves the clock and nothing else: what a callback does that takes its time.
    pub(crate) fn pass_time(&self, time: Duration) {
        self.state().now += u64::try_from(time.as_nanos()).expect("a time that passes");
    }

    /// The process was stopped for so long (SIGSTOP), and begins again when something is there to look at.
    pub(crate) fn stop_process(&self, time: Duration) {
        self.pass_time(time);
        self.state().interrupted = true;
    }

    /// Something beside the cameras has changed: a resting reactor looks again.
    fn touched(&self) {
        self.touch(self.state());
    }

    /// Has a resting reactor look again.
    fn touch(&self, mut state: MutexGuard<'_, State>) {
        state.version += 1;
        drop(state);
        let _ = self.nudge.write(1);
        self.changed.notify_all();
    }

    /// One call at an open descriptor: counted, held up and failed as the script says, else done by `act`.
    fn call<T>(
        &self,
        fd: BorrowedFd<'_>,
        call: Call,
        act: impl FnOnce(&mut Node, RawFd) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let fd = fd.as_raw_fd();
        let mut state = self.state();
        let Some(path) = state.nodes.iter().find(|(_, node)| node.is_open(fd)).map(|(path, _)| path.clone()) else {
            state.misuse.push(format!("{call:?} on a descriptor that is not open"));
            return Err(Errno::EBADF);
        };
        state = self.pass(state, &path, call);
        let node = state.nodes.get_mut(&path).ok_or(Errno::EBADF)?;
        let answer = node.faults.meet(call).and_then(|()| match node.gone {
            true => Err(Errno::ENODEV),
            false => act(node, fd),
        });
        node.refresh();
        drop(state);
        self.changed.notify_all();
        answer
    }

    /// Counts a call, and waits for as long as the script blocks it.
    fn pass<'a>(&'a self, mut state: MutexGuard<'a, State>, path: &Path, call: Call) -> MutexGuard<'a, State> {
        if let Some(node) = state.nodes.get_mut(path) {
            *node.calls.entry(call).or_default() += 1;
        }
        self.changed.notify_all();
        let blocked = |state: &mut State| state.nodes.get(path).is_some_and(|node| node.blocked.contains(&call));
        self.changed.wait_while(state, blocked).unwrap_or_else(PoisonError::into_inner)
    }
}
