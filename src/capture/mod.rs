//! How buffers flow: from the driver, through a lease, to whoever reads, and back.
//!
//! Two threads serve any number of devices. The *reactor* ([`reactor`]) waits for all of them in one epoll, takes one
//! buffer per readiness and delivers it; nothing on it may block. The *control* threads ([`control`]) do what can
//! block. A camera is split along that line: its control half opens, configures, starts and stops ([`v4l2`]), its reader
//! dequeues, checks ([`inspect`]), places in time ([`timeline`]) and counts ([`statistics`], [`drift`]). A buffer that was
//! delivered is *leased* ([`lease`], [`buffer`]); the last drop queues it back from whichever thread dropped it.
//!
//! A device that stalls, fails or is unplugged is kept ([`recovery`]): started anew, opened anew, found again.
//!
//! This room knows drivers and buffers; who consumes the frames is an [`Outlet`] to it.

mod alsa;
mod buffer;
mod camera;
mod control;
mod demand;
mod drift;
mod engine;
mod export;
mod format;
mod held;
mod hotplug;
mod inspect;
mod lease;
mod memory;
mod microphone;
mod reactor;
mod recovery;
mod scheduling;
mod sound;
mod source;
mod spares;
mod statistics;
pub(crate) mod sync;
mod synthetic;
#[cfg(all(test, not(loom)))]
mod tests;
mod timeline;
mod v4l2;
mod worker;

pub(crate) use buffer::{Lease, LeaseMut, Mark};
pub(crate) use demand::Demand;
pub use drift::ClockDrift;
pub(crate) use engine::{Engine, Keep};
pub(crate) use export::CpuRead;
pub use format::VideoFormat;
pub(crate) use held::HeldFrames;
pub(crate) use hotplug::{Hotplug, Subscription};
pub(crate) use inspect::Payload;
#[cfg(all(test, not(loom)))]
pub(crate) use sound::AudioInfo;
pub(crate) use sound::{Block, MicrophoneRequest};
pub(crate) use source::{CameraRequest, Closing, FrameInfo, Outlet, Source, SourceEnd};
pub(crate) use synthetic::pattern;
pub(crate) use worker::Worker;

// Not exported any further: parts of a sealed trait.
pub use recovery::{MuteReason, RecoveryEvent, RecoveryPolicy, RecoveryStep, StallLimit};
pub use scheduling::CaptureScheduling;
pub use sound::{AudioFormat, AudioStatistics, CapturedAudio};
pub use source::{Captured, CapturedFrame, Item};
pub use statistics::SourceStatistics;
pub use timeline::TimestampSource;
