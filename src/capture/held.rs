//! Frames that outlive their stream on drivers that cannot orphan buffers: a reopening may have to wait for them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::buffer::Pool;
use super::control::Grave;

/// The buffers of stopped streams, by node, for as long as somebody holds one. Shared by the engines that follow each
/// other: the first is gone with its last stream, its frames are not.
#[derive(Clone, Default)]
pub(crate) struct HeldFrames(Arc<Mutex<Vec<Held>>>);

struct Held {
    path: String,
    /// Its buffers keep it.
    pool: Weak<Pool>,
    /// Where its buffers go when they are let go, to be unmapped.
    grave: Arc<Grave>,
}

impl HeldFrames {
    /// The stream of that node was stopped; whoever lets go of the pool's last buffer buries it in `grave`.
    pub(super) fn note(&self, path: &str, pool: &Arc<Pool>, grave: &Arc<Grave>) {
        let held = Held { path: path.to_owned(), pool: Arc::downgrade(pool), grave: grave.clone() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(held);
    }

    /// Unmaps what was let go of by now. Whether something of that node's was still held before: where nothing was, the
    /// driver has all of it back when this returns. On a control thread.
    pub(super) fn settle(&self, path: &str) -> bool {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (still, let_go): (Vec<_>, Vec<_>) = list.drain(..).partition(|held| held.pool.strong_count() > 0);
        let held = still.iter().any(|held| held.path == path);
        *list = still;
        let graves: Vec<_> = list.iter().chain(&let_go).map(|held| held.grave.clone()).collect();
        drop(list);
        graves.iter().for_each(|grave| grave.empty());
        held
    }
}

impl fmt::Debug for HeldFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldFrames")
    }
}
