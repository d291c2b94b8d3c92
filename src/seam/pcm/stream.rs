//! One PCM that captures: its parameters, its state, its clock and its ring.

use std::fmt;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;

use crate::format::SampleFormat;

/// What is asked of a PCM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PcmParameters {
    pub format: SampleFormat,
    /// In Hz.
    pub rate: u32,
    pub channels: u32,
    /// Frames between two wake-ups; the nearest there is will do.
    pub period_frames: u32,
    /// Frames of the ring; the nearest there is will do.
    pub buffer_frames: u32,
    /// The ring goes on when nobody reads it, over frames that were not read, instead of stopping: `stop_threshold` at
    /// the boundary. Only for PCMs without a plugin: those do not say how far they were run over.
    pub free_running: bool,
    /// Whether the ring may be read where it is mapped.
    pub mapped: bool,
}

/// What a PCM agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PcmSetup {
    pub rate: u32,
    pub channels: u32,
    pub period_frames: u32,
    pub buffer_frames: u32,
    /// Whether the ring is mapped; otherwise libasound copies out of it.
    pub mapped: bool,
}

/// A parameter that a PCM can refuse, by ALSA's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PcmParameter {
    Access,
    Format,
    Channels,
    Rate,
    PeriodSize,
    BufferSize,
    /// All of them together.
    HwParams,
    SwParams,
}

/// Which parameter was refused, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ParameterRefused {
    pub parameter: PcmParameter,
    pub errno: Errno,
}

/// `SND_PCM_STATE_*`, as far as capture tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PcmState {
    Prepared,
    Running,
    Xrun,
    Suspended,
    Disconnected,
    /// One that a capture has no business in.
    Other,
}

/// Where the card is, and when it was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PcmStatus {
    /// Frames to be read. More than the ring holds where it ran over and went on.
    pub avail: u64,
    /// When that many were there, in nanoseconds on the clock that the PCM uses: CLOCK_MONOTONIC unless a plugin does as
    /// it likes. 0 where it says nothing.
    pub timestamp: u64,
}

/// Opens PCMs.
pub(crate) trait PcmSystem: Send + Sync + fmt::Debug {
    /// Opens the PCM of that name (`hw:1,0`, `default`) for capture, without waiting: `EBUSY` where another process
    /// holds it.
    fn open(&self, name: &str) -> Result<Box<dyn Pcm>, Errno>;
}

/// An open PCM. Dropping it stops and closes it, which may block.
///
/// What may block: `configure`, `prepare`, `start`, `resume` and the drop. All else answers at once.
pub(crate) trait Pcm: Send + fmt::Debug {
    /// Sets its parameters and prepares it. The access is the mapped ring where there is one.
    fn configure(&mut self, wanted: &PcmParameters) -> Result<PcmSetup, ParameterRefused>;
    /// What to wait for; none before it is configured. They are valid for as long as the PCM is.
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, EpollFlags)>;
    /// What the readiness of the descriptor of that index means for the PCM: in a plugin often something else.
    fn revents(&mut self, descriptor: usize, flags: EpollFlags) -> Result<EpollFlags, Errno>;
    /// `snd_pcm_prepare`.
    fn prepare(&mut self) -> Result<(), Errno>;
    /// `snd_pcm_start`.
    fn start(&mut self) -> Result<(), Errno>;
    /// `snd_pcm_resume`: `EAGAIN` while it is not done, `ENOSYS` where only preparing anew helps.
    fn resume(&mut self) -> Result<(), Errno>;
    /// `snd_pcm_state`.
    fn state(&self) -> PcmState;
    /// `snd_pcm_avail_update`: frames to be read, as far as the last wake-up knew. On a mapped ring no system call.
    fn avail(&mut self) -> Result<u64, Errno>;
    /// `snd_pcm_status`: the same as of now, with its time. One system call.
    fn status(&mut self) -> Result<PcmStatus, Errno>;
    /// Copies the oldest whole frames that fit into `out` and frees their place; how many.
    fn read(&mut self, out: &mut [u8]) -> Result<u32, Errno>;
    /// Frees the place of the oldest frames, at most `frames`; how many.
    fn skip(&mut self, frames: u64) -> Result<u64, Errno>;
}
