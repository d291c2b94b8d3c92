//! The system around the devices, asked once for each thing: a listing asks every node of a card for its parent, and a
//! request that names a camera lists twice, first to find who is meant and then for its modes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::seam::{Access, Holding, Node, Watch, World};

/// How long an answer counts: one listing, or two in succession. Who waits for a person in between asks again.
const MOMENT: Duration = Duration::from_millis(250);

/// A world that remembers for a moment what it was told. What may change without a device coming or going (permissions,
/// holders) it asks for each time.
#[derive(Debug)]
pub(super) struct RememberedWorld {
    world: Arc<dyn World>,
    since: Instant,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    nodes: HashMap<PathBuf, Vec<Node>>,
    texts: HashMap<PathBuf, Option<String>>,
    links: HashMap<PathBuf, Option<PathBuf>>,
    lists: HashMap<PathBuf, Vec<String>>,
}

impl RememberedWorld {
    /// Remembers from now on.
    pub(super) fn of(world: Arc<dyn World>) -> Self {
        Self { world, since: Instant::now(), told: Mutex::default() }
    }

    /// What was told before, or else now.
    fn once<T: Clone>(
        &self,
        path: &Path,
        told: impl Fn(&mut Told) -> &mut HashMap<PathBuf, T>,
        ask: impl FnOnce(&dyn World) -> T,
    ) -> T {
        if self.since.elapsed() > MOMENT {
            return ask(self.world.as_ref());
        }
        let lock = || self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = told(&mut lock()).get(path) {
            return known.clone();
        }
        let answer = ask(self.world.as_ref());
        told(&mut lock()).insert(path.to_owned(), answer.clone());
        answer
    }
}

impl World for RememberedWorld {
    fn v4l_nodes(&self) -> Vec<Node> {
        self.once(Path::new("/dev"), |told| &mut told.nodes, |world| world.v4l_nodes())
    }

    fn read(&self, path: &Path) -> Option<String> {
        self.once(path, |told| &mut told.texts, |world| world.read(path))
    }

    fn link(&self, path: &Path) -> Option<PathBuf> {
        self.once(path, |told| &mut told.links, |world| world.link(path))
    }

    fn list(&self, directory: &Path) -> Vec<String> {
        self.once(directory, |told| &mut told.lists, |world| world.list(directory))
    }

    fn access(&self, node: &Path) -> Option<Access> {
        self.world.access(node)
    }

    fn holdings(&self, node: &Path) -> Vec<Holding> {
        self.world.holdings(node)
    }

    fn watch(&self) -> Box<dyn Watch> {
        self.world.watch()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::fixture::Tree;

    #[test]
    fn what_was_told_counts_for_a_moment_and_no_longer() {
        let tree = Tree::new();
        tree.node("video0", "devices/platform/cam.0", "platform", &[]);
        tree.file("sys/name", "before");
        let name = Path::new("/sys/name");
        let mut world = RememberedWorld::of(Arc::new(tree.world()));
        assert_eq!((world.v4l_nodes().len(), world.read(name).as_deref()), (1, Some("before")));
        tree.file("sys/name", "after");
        tree.remove("dev/video0");
        assert!(world.v4l_nodes()[0].present);
        assert_eq!(world.read(name).as_deref(), Some("before"));
        world.since -= MOMENT * 2;
        assert!(!world.v4l_nodes()[0].present);
        assert_eq!(world.read(name).as_deref(), Some("after"));
    }
}
