//! How much resolving over ranges allocates: counted, in a process of its own.

#![cfg(feature = "json")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use support::{ask, idle_loopback};

struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator as it is; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the promises of `dealloc`; the block came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test, so that no other one allocates meanwhile.
#[test]
fn an_idle_loopback_resolves_in_a_few_kib() {
    let devices = [idle_loopback()];
    for request in [
        r#"{"video":true}"#,
        r#"{"video":{"width":1280,"height":720,"frameRate":30}}"#,
        r#"{"video":{"width":{"ideal":5000},"aspectRatio":1.2345678}}"#,
        r#"{"video":{"aspectRatio":{"ideal":1.2345678}}}"#,
        r#"{"video":{"height":{"min":7000},"aspectRatio":{"exact":1.0001234568},"frameRate":{"exact":999}}}"#,
        r#"{"video":{"aspectRatio":{"min":1.7,"max":1.8},"width":{"max":8000},"advanced":[{"aspectRatio":1.7777777778},{"height":1081}]}}"#,
        r#"{"video":{"width":{"exact":9000}}}"#,
        r#"{"video":{"width":1280,"advanced":[{"aspectRatio":0.00001},{"aspectRatio":0.3333333},{"width":9000}]}}"#,
        r#"{"video":{"aspectRatio":{"exact":0.00001}}}"#,
        r#"{"video":{"mandatory":{"minWidth":700,"maxFrameRate":10},"optional":[{"minAspectRatio":1.7},{"minFrameRate":1000}]}}"#,
    ] {
        let before = ALLOCATED.load(Ordering::Relaxed);
        let start = std::time::Instant::now();
        let outcome = ask(request, &devices);
        let elapsed = start.elapsed();
        // Everything ever allocated, freed or not.
        let bytes = ALLOCATED.load(Ordering::Relaxed) - before;
        println!("{bytes:6} bytes, {elapsed:?}: {request} -> {}", support::describe(outcome));
        assert!(bytes <= 10 << 10, "{bytes} bytes for {request}");
    }
}
