//! What a test does to a camera of a script, and sees of it.

use std::path::PathBuf;
use std::sync::Arc;

use nix::errno::Errno;

use super::ScriptedKernel;
use super::call::{Call, Fault};
use super::camera::ScriptedCamera;
use super::frame::Frame;
use super::node::Node;
use super::node::output::WrittenFrame;
use crate::seam::MemoryFlags;

/// A camera of a script, as the test holds it.
#[derive(Debug, Clone)]
pub(crate) struct CameraScript {
    pub(super) kernel: Arc<ScriptedKernel>,
    pub(super) path: PathBuf,
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
