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
pub(crate) use node::output::WrittenFrame;
pub(crate) use pcm::{PcmScript, ScriptedPcm, ScriptedPcms};
pub(crate) use world::ScriptedWorld;

use crate::seam::MemoryFlags;
use call::Fault;
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

/// A camera of a script, as the test holds it.
#[derive(Debug, Clone)]
pub(crate) struct CameraScript {
    kernel: Arc<ScriptedKernel>,
    path: PathBuf,
}

impl CameraScript {
    fn with<T>(&self, act: impl FnOnce(&mut Node, u64) -> T) -> T {
        let mut state = self.kernel.state();
        let now = state.now;
        let answer = act(state.nodes.get_mut(&self.path).expect("plugged in before"), now);
        self.kernel.touch(state);
        answer
    }

    fn look<T>(&self, look: impl FnOnce(&Node) -> T) -> T {
        look(self.kernel.state().nodes.get(&self.path).expect("plugged in before"))
    }

    /// What S_CTRL was asked for, in its order.
    pub(crate) fn written(&self) -> Vec<(u32, i32)> {
        self.look(|node| node.camera.written.clone())
    }

    /// What a control is set to.
    pub(crate) fn control(&self, id: u32) -> i32 {
        self.look(|node| node.camera.control(id).expect("it has that control").value)
    }

    /// Changes what it is.
    pub(crate) fn change(&self, change: impl FnOnce(&mut ScriptedCamera)) {
        self.with(|node, _| change(&mut node.camera));
    }

    /// Has the next `times` of a call fail.
    pub(crate) fn fail(&self, call: Call, errno: Errno, times: u64) {
        self.fail_after(0, call, errno, times);
    }

    /// Has a call fail `times` times once it went well `after` times more.
    pub(crate) fn fail_after(&self, after: u64, call: Call, errno: Errno, times: u64) {
        self.with(|node, _| {
            node.faults.add(Fault { call, errno, after, times });
            node.refresh();
        });
    }

    /// Nothing fails any more.
    pub(crate) fn mend(&self) {
        self.with(|node, _| {
            node.faults.clear();
            node.refresh();
        });
    }

    /// Has a call not return until [`CameraScript::unblock`].
    pub(crate) fn block(&self, call: Call) {
        self.with(|node, _| node.blocked.push(call));
    }

    /// Lets every call go on.
    pub(crate) fn unblock(&self) {
        self.with(|node, _| node.blocked.clear());
    }

    /// A frame, now. Whether the driver had a buffer for it.
    pub(crate) fn give(&self, frame: Frame) -> bool {
        let given = self.push(frame);
        self.kernel.settle();
        given
    }

    /// As [`CameraScript::give`], without waiting for what becomes of it: the reactor may end with this very frame.
    pub(crate) fn push(&self, frame: Frame) -> bool {
        self.with(|node, now| node.give(&frame, now))
    }

    /// A frame, one period after the one before.
    pub(crate) fn next(&self, frame: Frame) -> bool {
        let period = self.look(|node| node.camera.period());
        self.kernel.advance(period * (frame.skipped + 1));
        self.give(frame)
    }

    /// So many good frames, a period apart. How many there were buffers for.
    pub(crate) fn run(&self, frames: u32) -> u32 {
        (0..frames).map(|_| u32::from(self.next(Frame::good()))).sum()
    }

    /// Has QUERYBUF tell so many memory planes, whatever the format has.
    pub(crate) fn change_buffers(&self, planes: u32) {
        self.with(|node, _| node.buffer_planes = Some(planes));
    }

    /// Its descriptors hang up, and nothing fails otherwise.
    pub(crate) fn hang_up(&self) {
        self.with(|node, _| node.hang_up());
    }

    /// Pulls the plug.
    pub(crate) fn unplug(&self) {
        self.with(|node, _| node.unplug());
    }

    /// Its source changes: V4L2_EVENT_SOURCE_CHANGE.
    pub(crate) fn change_source(&self) {
        self.with(|node, _| node.change_source());
    }

    /// How many of a call there were.
    pub(crate) fn calls(&self, call: Call) -> u64 {
        self.look(|node| node.calls.get(&call).copied().unwrap_or(0))
    }

    /// How many calls of any kind there were.
    pub(crate) fn all_calls(&self) -> u64 {
        Call::ALL.iter().map(|&call| self.calls(call)).sum()
    }

    /// A writer that heeds no lease writes `byte` over a buffer, a frame of this number and time, or half of one.
    pub(crate) fn write_over(&self, index: u32, byte: u8, done: Option<(u32, u64)>) {
        self.with(|node, _| node.write_over(index, byte, done));
    }

    /// What a writer has queued so far.
    pub(crate) fn frames_written(&self) -> Vec<WrittenFrame> {
        self.look(|node| node.written.clone())
    }

    /// How many descriptors of it are open.
    pub(crate) fn open_count(&self) -> usize {
        self.look(|node| node.open_count())
    }

    /// How many mappings of its buffers there are.
    pub(crate) fn mappings(&self) -> usize {
        self.look(|node| node.mappings())
    }

    /// How many dma-bufs of its buffers are open.
    pub(crate) fn dma_bufs(&self) -> usize {
        self.look(Node::dma_bufs)
    }

    /// How many readings of exported memory have begun and not ended.
    pub(crate) fn readings(&self) -> u32 {
        self.look(|node| node.reading)
    }

    /// Whether its buffers may be cached, and the kernel sees to it that nothing stale is read.
    pub(crate) fn is_non_coherent(&self) -> bool {
        self.look(|node| node.memory.contains(MemoryFlags::NON_COHERENT))
    }

    /// How many buffers the driver has to fill.
    pub(crate) fn queued(&self) -> usize {
        self.look(|node| node.queued())
    }
}
