//! The C library's heap, which is also Rust's.

/// Has all threads of this process share one heap. glibc gives each that allocates one of its own, which it begins with some
/// 64 KB and keeps; `mallopt(3)`, `M_ARENA_MAX`. For a program that allocates nothing while frames flow, whose threads do
/// not wait for each other there. Other C libraries have one heap at any rate.
pub(crate) fn share_one() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt takes two numbers and no pointers; glibc takes its own lock (malloc/malloc.c, __libc_mallopt), and a number
    // that it does not like changes nothing.
    unsafe {
        nix::libc::mallopt(nix::libc::M_ARENA_MAX, 1);
    }
}
