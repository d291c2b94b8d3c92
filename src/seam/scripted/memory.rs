//! The memory of scripted buffers: files, so that a mapping of one is a mapping, and a dma-buf of one a descriptor.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::seam::MAX_PLANES;

pub(super) const PAGE: u32 = 4096;

/// What QUERYBUF says for `mmap` to take: a number, as in the real kernel.
pub(super) fn offset(index: u32, plane: usize) -> u32 {
    (index * MAX_PLANES as u32 + plane as u32) * PAGE
}

/// What is told the end of each mapping, and the end of its last page.
static GUARD: OnceLock<fn(*const u8, usize)> = OnceLock::new();

/// Has `guard` told of the bytes between the end of each new mapping and the end of its last page, which no page fault
/// protects. Once in a process.
pub(crate) fn guard_mappings(guard: fn(*const u8, usize)) {
    let _ = GUARD.set(guard);
}

/// One memory plane of one buffer: a file in memory, so that a mapping of it is a mapping, and lives as long.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) file: File,
    /// How it shows in `/proc/self/maps`.
    pub(super) name: String,
    pub(super) length: u32,
}

impl Memory {
    pub(super) fn new(length: u32) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("usermedia-scripted-{}-", COUNT.fetch_add(1, Ordering::Relaxed));
        let file = File::from(memfd_create(name.as_str(), MFdFlags::MFD_CLOEXEC).expect("a memory file"));
        file.set_len(u64::from(length)).expect("memory");
        Self { file, name, length }
    }

    /// As the driver's `mmap` does it, with every page in place.
    pub(super) fn map(&self) -> Result<MmapRaw, Errno> {
        let map = MmapOptions::new()
            .len(self.length as usize)
            .populate()
            .map_raw_read_only(&self.file)
            .map_err(|error| error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw))?;
        if let Some(guard) = GUARD.get() {
            guard(map.as_ptr().wrapping_add(map.len()), map.len().next_multiple_of(PAGE as usize) - map.len());
        }
        Ok(map)
    }

    /// The file again, read-only: what is mapped from it is the same memory.
    pub(super) fn export(&self) -> Result<OwnedFd, Errno> {
        let again = File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
        again.map(OwnedFd::from).map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    }
}

/// Whether a link in `/proc/self/fd` is to one of these memory files.
pub(super) fn names_of(link: std::io::Result<PathBuf>, memories: &[String]) -> bool {
    let link = link.unwrap_or_default();
    memories.iter().any(|name| link.to_string_lossy().contains(&format!("memfd:{name}")))
}

/// How many mappings there are of memory files of these names.
pub(super) fn mapped<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").expect("/proc");
    let names: Vec<String> = names.map(|name| format!("memfd:{name}")).collect();
    maps.lines().filter(|line| names.iter().any(|name| line.contains(name.as_str()))).count()
}
