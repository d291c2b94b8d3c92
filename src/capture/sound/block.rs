//! Blocks of samples, copied once out of the ring, and the pool they come back to.

use std::sync::Arc;

/// A shared right to read a block. The last one dropped leaves it to its pool.
#[derive(Debug, Clone)]
pub(crate) struct Block(Arc<[u8]>);

impl Block {
    /// A block of its own, filled with one byte: silence.
    pub(crate) fn filled(length: usize, byte: u8) -> Self {
        Self(vec![byte; length].into())
    }

    /// A block of its own with these bytes.
    #[cfg(test)]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// All of its bytes, whether or not they were filled this time.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Blocks of one size. Nothing is allocated while enough of them are free.
#[derive(Debug)]
pub(crate) struct BlockPool {
    blocks: Vec<Arc<[u8]>>,
    size: usize,
    most: usize,
    /// Where the search for a free one starts: behind the one that was taken last.
    next: usize,
}

/// A free block, about to be filled.
pub(crate) struct BlockMut<'a>(&'a mut Arc<[u8]>);

impl BlockPool {
    /// `ready` blocks of `size` bytes at once, and up to `most` when consumers hold so many.
    pub(crate) fn new(size: usize, ready: usize, most: usize) -> Self {
        let mut blocks = Vec::with_capacity(most.max(ready));
        blocks.resize_with(ready, || vec![0; size].into());
        Self { blocks, size, most, next: 0 }
    }

    /// A block that nobody holds; `None` where consumers hold the most there may be.
    pub(crate) fn take(&mut self) -> Option<BlockMut<'_>> {
        let count = self.blocks.len();
        // A block that only the pool has is free: no count of its own to keep.
        let free = (0..count)
            .map(|step| (self.next + step) % count)
            .find(|&index| self.blocks.get_mut(index).is_some_and(|block| Arc::get_mut(block).is_some()));
        let index = match free {
            Some(index) => index,
            None if count < self.most => {
                self.blocks.push(vec![0; self.size].into());
                count
            }
            None => return None,
        };
        self.next = index + 1;
        self.blocks.get_mut(index).map(BlockMut)
    }
}

impl BlockMut<'_> {
    /// Where the samples go.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        Arc::get_mut(self.0).unwrap_or_default()
    }

    /// No more writing.
    pub(crate) fn into_block(self) -> Block {
        Block(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(block: &Block) -> *const u8 {
        block.bytes().as_ptr()
    }

    #[test]
    fn a_block_comes_back_when_its_last_holder_lets_go() {
        let mut pool = BlockPool::new(4, 1, 1);
        let block = pool.take().unwrap().into_block();
        let (first, other) = (address(&block), block.clone());
        drop(block);
        assert!(pool.take().is_none());
        drop(other);
        assert_eq!(address(&pool.take().unwrap().into_block()), first);
    }

    #[test]
    fn a_pool_grows_up_to_its_bound_and_no_further() {
        let mut pool = BlockPool::new(4, 1, 3);
        let held: Vec<_> = std::iter::from_fn(|| pool.take().map(BlockMut::into_block)).collect();
        assert_eq!(held.len(), 3);
        drop(held);
        assert!(pool.take().is_some());
    }

    #[test]
    fn what_was_written_is_read() {
        let mut pool = BlockPool::new(4, 1, 1);
        let mut block = pool.take().unwrap();
        block.bytes_mut().copy_from_slice(&[1, 2, 3, 4]);
        assert_eq!(block.into_block().bytes(), [1, 2, 3, 4]);
    }
}
