//! A system whose devices come and go by script: what the files say is a tree's, what is heard of changes the test tells.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::ScriptedKernel;
use crate::seam::holding::Holding;
use crate::seam::watch::{Changes, Watch};
use crate::seam::world::{Access, LinuxWorld, Node, World};

/// The system, as the library and the test see it.
#[derive(Debug)]
pub(crate) struct ScriptedWorld {
    kernel: Arc<ScriptedKernel>,
    tree: LinuxWorld,
    script: Mutex<Script>,
}

#[derive(Debug, Default)]
struct Script {
    /// Nodes of which sysfs says nothing.
    shown: Vec<Node>,
    deaf: bool,
    opened: usize,
    open: Vec<Weak<Inbox>>,
}

/// What an open watch has not been asked for yet.
#[derive(Debug)]
struct Inbox {
    told: Mutex<Told>,
    readable: EventFd,
}

#[derive(Debug, Default)]
struct Told {
    changes: Changes,
    broken: bool,
}

impl ScriptedWorld {
    /// A system without files.
    pub(crate) fn new(kernel: &Arc<ScriptedKernel>) -> Arc<Self> {
        Self::over(LinuxWorld::rooted("/nonexistent"), kernel)
    }

    /// A system with the files of that tree.
    pub(crate) fn over(tree: LinuxWorld, kernel: &Arc<ScriptedKernel>) -> Arc<Self> {
        Arc::new(Self { kernel: kernel.clone(), tree, script: Mutex::default() })
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn each(&self, act: impl Fn(&mut Told)) {
        let mut script = self.script();
        script.open.retain(|inbox| inbox.strong_count() > 0);
        for inbox in script.open.iter().filter_map(Weak::upgrade) {
            act(&mut inbox.told());
            inbox.readable.write(1).expect("a counter far from full");
        }
        drop(script);
        self.kernel.touched();
    }

    /// These are in `/dev` now, besides those of the tree; sysfs says nothing of them.
    pub(crate) fn show(&self, nodes: &[&str]) {
        let node = |path: &&str| Node { path: path.into(), present: true, sysfs: None };
        self.script().shown = nodes.iter().map(node).collect();
    }

    /// Something happened to that node.
    pub(crate) fn tell(&self, node: &str) {
        self.each(|told| told.changes.nodes.extend([node.into()]));
    }

    /// More happened than there was room for.
    pub(crate) fn overflow(&self) {
        self.each(|told| told.changes.overflowed = true);
    }

    /// The open watches break, and those to come hear nothing.
    pub(crate) fn deafen(&self) {
        self.script().deaf = true;
        self.each(|told| told.broken = true);
    }

    /// Watches that are opened from now on hear again.
    pub(crate) fn cure(&self) {
        self.script().deaf = false;
    }

    /// How many watches are open now, and how many ever were.
    pub(crate) fn watches(&self) -> (usize, usize) {
        let script = self.script();
        (script.open.iter().filter(|inbox| inbox.strong_count() > 0).count(), script.opened)
    }
}

impl Inbox {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watch; without an inbox it hears nothing.
struct ScriptedWatch(Option<Arc<Inbox>>);

impl Watch for ScriptedWatch {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.0.iter().map(|inbox| inbox.readable.as_fd()).collect()
    }

    fn drain(&mut self) -> Changes {
        let Some(inbox) = &self.0 else { return Changes::default() };
        let _ = inbox.readable.read();
        let told = std::mem::take(&mut *inbox.told());
        if told.broken {
            self.0 = None;
            return Changes { overflowed: true, ..told.changes };
        }
        told.changes
    }

    fn hears(&self) -> bool {
        self.0.is_some()
    }
}

impl World for ScriptedWorld {
    fn v4l_nodes(&self) -> Vec<Node> {
        let mut nodes = self.tree.v4l_nodes();
        nodes.extend(self.script().shown.iter().cloned());
        nodes
    }

    fn read(&self, path: &Path) -> Option<String> {
        self.tree.read(path)
    }

    fn link(&self, path: &Path) -> Option<PathBuf> {
        self.tree.link(path)
    }

    fn list(&self, directory: &Path) -> Vec<String> {
        self.tree.list(directory)
    }

    fn access(&self, node: &Path) -> Option<Access> {
        self.tree.access(node)
    }

    fn holdings(&self, node: &Path) -> Vec<Holding> {
        self.tree.holdings(node)
    }

    fn watch(&self) -> Box<dyn Watch> {
        let mut script = self.script();
        if script.deaf {
            return Box::new(ScriptedWatch(None));
        }
        let readable = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
        let inbox = Arc::new(Inbox { told: Mutex::default(), readable: readable.expect("an eventfd") });
        script.open.push(Arc::downgrade(&inbox));
        script.opened += 1;
        Box::new(ScriptedWatch(Some(inbox)))
    }
}
