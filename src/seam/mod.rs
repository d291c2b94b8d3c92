//! Where this library meets the system: narrow traits, each with its real implementation beside it.
//!
//! Rooms above reach the outside only through these, as `Arc<dyn …>`: one indirect call beside a system call costs
//! nothing, no type parameter leaks into the API, and tests put a scripted world in their place. Everything here speaks
//! in checked Rust values; the kernel's own structs stay in [`abi`] and [`linux`].

pub(crate) mod abi;
#[cfg(feature = "cli")]
pub(crate) mod heap;
mod holding;
mod kernel;
mod linux;
mod output;
mod pcm;
#[cfg(any(all(test, not(loom)), feature = "scripted"))]
pub(crate) mod scripted;
mod values;
mod vidioc;
mod watch;
mod world;

pub(crate) use holding::{Hold, Holding};
pub(crate) use kernel::{Kernel, retry};
pub(crate) use linux::LinuxKernel;
pub(crate) use output::OutputMemory;
#[cfg(any(test, feature = "scripted"))]
pub(crate) use pcm::PcmStatus;
pub(crate) use pcm::{
    Accepted, CapturePcm, LinuxPcmDirectory, LinuxPcmSystem, ParameterRefused, Pcm, PcmDirectory, PcmParameter,
    PcmParameters, PcmRanges, PcmSetup, PcmState, PcmSystem,
};
pub use values::RealTimePolicy;
pub(crate) use values::{
    BufferFlags, BufferType, Capability, CapabilityFlags, ControlFlags, ControlType, Dequeued, Fraction, FrameInterval,
    FrameSize, InputStatus, LOOPBACK_DRIVER, MAX_PLANES, MemoryFlags, PixelFormat, PlaneFormat, PoolFlags, SyncFlags,
};
#[cfg(any(test, feature = "scripted"))]
pub(crate) use values::{BufferMemory, ControlDescription, PlaneUse, RequestedBuffers};
pub(crate) use watch::Watch;
pub(crate) use world::{Access, LinuxWorld, Node, World, node_rank};
#[cfg(any(test, feature = "scripted"))]
#[cfg_attr(not(test), allow(unused_imports, reason = "as the script's own"))]
pub(crate) use {pcm::SoundCard, values::Interval, watch::uevent_device};
