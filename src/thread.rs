//! The threads of this library: each has a name and a stack of one size.

use std::thread::{Builder, JoinHandle};

use crate::error::{Error, ErrorName, Result};

/// How large their stacks are, in bytes. Less than the huge page of 2 MiB that a kernel with transparent huge pages
/// (`Documentation/admin-guide/mm/transhuge.rst`) may put in one at the first touch: with Rust's own 2 MiB, a thread that
/// needs 12 KB had 2 MiB of memory now and then.
const STACK: usize = 1 << 20;

/// A thread that is called `usermedia-…`, to be spawned.
pub(crate) fn named(name: impl Into<String>) -> Builder {
    Builder::new().name(name.into()).stack_size(STACK)
}

/// A thread that is called `usermedia-…`, at work. `purpose` is what there is no thread for, should there be none: an
/// `AbortError`.
pub(crate) fn start<T: Send + 'static>(
    name: impl Into<String>,
    purpose: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    named(name).spawn(work).map_err(|error| {
        Error::new(ErrorName::AbortError, format!("no thread for {purpose}: {error}"))
            .with_remedy("raise the limit of threads (ulimit -u)")
    })
}
