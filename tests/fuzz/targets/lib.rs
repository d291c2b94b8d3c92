//! What the targets have in common: the target itself is a function of the library's (src/fuzzing).

use std::sync::Once;

pub use libfuzzer_sys::fuzz_target;

/// Makes a program that fuzzes the target of that name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        $crate::fuzz_target!(|bytes: &[u8]| $crate::run($name, bytes));
    };
}

/// Runs a target.
pub fn run(name: &str, bytes: &[u8]) {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| prepare(name));
    usermedia::fuzzing::run(name, bytes);
}

fn prepare(name: &str) {
    usermedia::fuzzing::guard_mappings(poison);
    if ["jpeg", "frames"].contains(&name) {
        // libFuzzer's bindings end the program at any panic. The picture decoder's are caught: a forged picture must not end a
        // program, and that is what is to be seen here. A panic that nobody catches still ends this one.
        std::panic::set_hook(Box::new(|_| {}));
    }
}

unsafe extern "C" {
    /// Of AddressSanitizer's interface (sanitizer/asan_interface.h), with which `cargo fuzz` links every target.
    fn __asan_poison_memory_region(address: *const core::ffi::c_void, size: usize);
}

/// Has AddressSanitizer report who reads there. munmap takes that back.
fn poison(address: *const u8, size: usize) {
    // SAFETY: what is told of is the rest of a page that is mapped, and that no program has business in.
    unsafe { __asan_poison_memory_region(address.cast(), size) }
}
