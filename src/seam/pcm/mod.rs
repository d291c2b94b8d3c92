//! libasound behind two narrow traits: the cards there are, and one PCM that captures.

mod directory;
mod libasound;
mod linux;
mod stream;

#[cfg(any(test, feature = "scripted"))]
pub(crate) use directory::SoundCard;
pub(crate) use directory::{Accepted, CapturePcm, LinuxPcmDirectory, PcmDirectory, PcmRanges};
pub(crate) use linux::LinuxPcmSystem;
#[cfg(any(test, feature = "scripted"))]
pub(crate) use stream::PcmStatus;
pub(crate) use stream::{ParameterRefused, Pcm, PcmParameter, PcmParameters, PcmSetup, PcmState, PcmSystem};
