//! Machines for tests: a tree of files in place of `/dev`, `/sys` and `/proc`, a kernel whose nodes answer as told, and
//! sound cards from a list.

mod kernel;
mod sound;
mod tree;

use std::sync::Arc;

pub(crate) use self::kernel::FakeKernel;
#[cfg_attr(not(any(test, feature = "json")), allow(unused_imports, reason = "for the fuzz targets"))]
pub(crate) use self::kernel::FakeNode;
#[cfg(test)]
pub(crate) use self::kernel::{Sizes, discrete};
pub(crate) use self::sound::FakePcms;
pub(crate) use self::tree::Tree;
use super::Machine;

/// A machine of the tree's files and that kernel, without sound.
pub(crate) fn machine(tree: &Tree, kernel: &Arc<FakeKernel>) -> Machine {
    Machine {
        kernel: kernel.clone(),
        world: Arc::new(tree.world()),
        pcm: Arc::new(FakePcms::default()),
        pcms: Arc::new(FakePcms::default()),
    }
}
