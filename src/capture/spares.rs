//! Buffers of our own, to copy or draw into, and more of them where those that hold them may hold so many.

use std::sync::Arc;

use super::buffer::{Buffer, LeaseMut, Pool};
use super::format::VideoFormat;

/// How many are made at a time when they run out.
const MORE: usize = 4;

/// Pools of equal buffers. Those that are free are taken in their order, so that what is rarely needed is rarely touched.
#[derive(Clone)]
pub(super) struct Spares {
    pools: Vec<Vec<Arc<Buffer>>>,
    sizes: Vec<usize>,
    format: Arc<VideoFormat>,
}

impl Spares {
    /// So many, with memories of these sizes.
    pub(super) fn new(count: usize, sizes: &[usize], format: Arc<VideoFormat>) -> Self {
        let pools = vec![Pool::owned(count, sizes, format.clone())];
        Self { pools, sizes: sizes.to_vec(), format }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.pools.iter().map(Vec::len).sum()
    }

    /// One that is free, and its number. Where none is, more are made up to `allowed`, which is asked for then: consumers that
    /// let go of nothing hold what they may, and the others go on with the rest.
    pub(super) fn take(&mut self, allowed: impl FnOnce() -> usize) -> Option<(LeaseMut, usize)> {
        let mut before = 0;
        for pool in &self.pools {
            if let Some(lease) = LeaseMut::take(pool) {
                let number = before + lease.index();
                return Some((lease, number));
            }
            before += pool.len();
        }
        let more = allowed().saturating_sub(before).min(MORE);
        if more == 0 {
            return None;
        }
        let pool = Pool::owned(more, &self.sizes, self.format.clone());
        let lease = LeaseMut::take(&pool)?;
        let number = before + lease.index();
        self.pools.push(pool);
        Some((lease, number))
    }

    /// Has the pages of the first few in place, which are the ones that are used.
    pub(super) fn warm(&self, count: usize) {
        let mut leases: Vec<_> = (0..count).filter_map(|_| LeaseMut::take(self.pools.first()?)).collect();
        for lease in &mut leases {
            (0..self.sizes.len()).for_each(|memory| lease.memory_mut(memory).fill(0));
        }
    }
}
