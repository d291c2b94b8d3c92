//! The atomics and locks that the lease uses: the standard library's, or loom's when a model is being checked.

#[cfg(loom)]
pub(super) use loom::sync::{
    Condvar, Mutex,
    atomic::{AtomicU8, AtomicUsize, Ordering},
};
#[cfg(not(loom))]
pub(super) use std::sync::{
    Condvar, Mutex,
    atomic::{AtomicU8, AtomicUsize, Ordering},
};
