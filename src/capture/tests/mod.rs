//! The data path on the scripted kernel: what docs call its invariants, and every fault that a driver can show.

mod bench;
mod controls;
mod faults;
mod formats;
mod hotplug;
mod leases;
mod microphone;
mod raw;
mod recovery;
mod recovery_bench;
mod recovery_formats;
mod recovery_unplugged;
mod sound;
mod sound_faults;
mod sound_sums;
mod sound_synthetic;
mod starting;
mod stopping;
mod sums;
