//! The system around the devices, asked once for each thing: a listing asks every node of a card for its parent.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::seam::{Access, Holding, Node, Watch, World};

/// How long an answer counts: one listing, or two in succession. Who waits for a person in between asks again.
pub(super) const MOMENT: Duration = Duration::from_secs(1);

/// A world that remembers for a moment what it was told. What may change without a device coming or going (permissions,
/// holders) it asks for each time.
#[derive(Debug)]
pub(super) struct RememberedWorld {
    world: Arc<dyn World>,
    since: Instant,
    told: Mutex<Told>,
}

/// By the path, as its bytes: a `Path` is hashed part by part.
type Known<T> = HashMap<OsString, T>;

#[derive(Debug, Default)]
struct Told {
    texts: Known<Option<String>>,
    links: Known<Option<PathBuf>>,
    lists: Known<Vec<String>>,
}

impl RememberedWorld {
    /// Remembers for the moment that began then.
    pub(super) fn since(world: Arc<dyn World>, since: Instant) -> Self {
        Self { world, since, told: Mutex::default() }
    }

    /// What was told before, or else now.
    fn once<T: Clone>(
        &self,
        path: &Path,
        told: impl Fn(&mut Told) -> &mut Known<T>,
        ask: impl FnOnce(&dyn World) -> T,
    ) -> T {
        if self.since.elapsed() > MOMENT {
            return ask(self.world.as_ref());
        }
        let lock = || self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = told(&mut lock()).get(path.as_os_str()) {
            return known.clone();
        }
        let answer = ask(self.world.as_ref());
        told(&mut lock()).insert(path.as_os_str().to_owned(), answer.clone());
        answer
    }
}

impl World for RememberedWorld {
    fn v4l_nodes(&self) -> Vec<Node> {
        self.world.v4l_nodes()
    }

    fn v4l_node(&self, path: &Path) -> Option<Node> {
        self.world.v4l_node(path)
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
        tree.file("sys/name", "before");
        let (name, sys) = (Path::new("/sys/name"), Path::new("/sys"));
        let mut world = RememberedWorld::since(Arc::new(tree.world()), Instant::now());
        assert_eq!((world.list(sys).len(), world.read(name).as_deref()), (1, Some("before")));
        tree.file("sys/name", "after");
        tree.file("sys/another", "");
        assert_eq!((world.list(sys).len(), world.read(name).as_deref()), (1, Some("before")));
        world.since -= MOMENT * 2;
        assert_eq!((world.list(sys).len(), world.read(name).as_deref()), (2, Some("after")));
    }
}
