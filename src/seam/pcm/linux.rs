//! The real PCM: libasound's, one call to a line.

use std::fmt;
use std::os::fd::{BorrowedFd, RawFd};
use std::str::FromStr;

use alsa::ValueOr;
use alsa::pcm::{Access, Format, Frames, HwParams, PCM, State, TstampType};
use alsa::poll::{Descriptors, pollfd};
use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;

use super::libasound::{failed, open, quietly, still_quietly};
use super::stream::{ParameterRefused, Pcm, PcmParameter, PcmParameters, PcmSetup, PcmState, PcmStatus, PcmSystem};
use crate::format::SampleFormat;

/// libasound.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct LinuxPcmSystem;

impl PcmSystem for LinuxPcmSystem {
    fn open(&self, name: &str) -> Result<Box<dyn Pcm>, Errno> {
        quietly();
        let pcm = open(name)?;
        Ok(Box::new(LinuxPcm::of(pcm)))
    }
}

struct LinuxPcm {
    pcm: PCM,
    mapped: bool,
    frame_bytes: usize,
    /// As libasound gave them; `revents` is filled in for asking it what they mean.
    descriptors: Vec<pollfd>,
    /// Where frames that nobody wants are read to, where the ring is not mapped.
    scratch: Vec<u8>,
}

impl fmt::Debug for LinuxPcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinuxPcm").field("pcm", &self.pcm).field("mapped", &self.mapped).finish_non_exhaustive()
    }
}

fn refused(parameter: PcmParameter) -> impl Fn(alsa::Error) -> ParameterRefused {
    move |error| ParameterRefused { parameter, errno: failed(error) }
}

fn format(format: SampleFormat) -> Format {
    Format::from_str(format.name()).unwrap_or_else(|never| match never {})
}

/// What is beyond the type is beyond every card.
#[allow(clippy::unnecessary_fallible_conversions, reason = "32 bits wide on some targets")]
fn frames(count: u32) -> Frames {
    Frames::try_from(count).unwrap_or(Frames::MAX)
}

fn count(frames: Frames) -> u32 {
    u32::try_from(frames).unwrap_or(0)
}

/// Nanoseconds of a time; 0 for one that cannot be.
fn nanoseconds(seconds: i64, nanoseconds: i64) -> u64 {
    let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(seconds), u64::try_from(nanoseconds)) else { return 0 };
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

impl LinuxPcm {
    fn of(pcm: PCM) -> Self {
        Self { pcm, mapped: false, frame_bytes: 0, descriptors: Vec::new(), scratch: Vec::new() }
    }

    fn set_hardware(&mut self, wanted: &PcmParameters, mapped: bool) -> Result<PcmSetup, ParameterRefused> {
        use PcmParameter as P;
        let params = HwParams::any(&self.pcm).map_err(refused(P::HwParams))?;
        let mapped = mapped && params.set_access(Access::MMapInterleaved).is_ok();
        if !mapped {
            params.set_access(Access::RWInterleaved).map_err(refused(P::Access))?;
        }
        params.set_format(format(wanted.format)).map_err(refused(P::Format))?;
        params.set_channels_near(wanted.channels).map_err(refused(P::Channels))?;
        params.set_rate_near(wanted.rate, ValueOr::Nearest).map_err(refused(P::Rate))?;
        let period = frames(wanted.period_frames);
        params.set_period_size_near(period, ValueOr::Nearest).map_err(refused(P::PeriodSize))?;
        params.set_buffer_size_near(frames(wanted.buffer_frames)).map_err(refused(P::BufferSize))?;
        self.pcm.hw_params(&params).map_err(refused(P::HwParams))?;
        let setup = PcmSetup {
            rate: params.get_rate().map_err(refused(P::Rate))?,
            channels: params.get_channels().map_err(refused(P::Channels))?,
            period_frames: count(params.get_period_size().map_err(refused(P::PeriodSize))?),
            buffer_frames: count(params.get_buffer_size().map_err(refused(P::BufferSize))?),
            mapped,
        };
        let frame_bytes = usize::try_from(self.pcm.frames_to_bytes(1)).unwrap_or(0);
        let expected = usize::try_from(setup.channels).map(|channels| wanted.format.bytes() * channels);
        // A PCM without frames, or with frames of another size than its format's, is none to read from.
        if setup.period_frames == 0 || setup.buffer_frames == 0 || setup.rate == 0 || expected != Ok(frame_bytes) {
            return Err(ParameterRefused { parameter: P::HwParams, errno: Errno::EPROTO });
        }
        self.mapped = mapped;
        self.frame_bytes = frame_bytes;
        Ok(setup)
    }

    fn set_software(&self, setup: &PcmSetup, free_running: bool) -> Result<(), alsa::Error> {
        let params = self.pcm.sw_params_current()?;
        params.set_avail_min(frames(setup.period_frames))?;
        let boundary = params.get_boundary()?;
        // Nothing but `start` starts it.
        params.set_start_threshold(boundary)?;
        if free_running {
            params.set_stop_threshold(boundary)?;
        }
        // Where a plugin cannot, the stamps will be seen not to be true.
        let _ = params.set_tstamp_mode(true).and_then(|()| params.set_tstamp_type(TstampType::Monotonic));
        self.pcm.sw_params(&params)
    }

    /// One piece of the mapped ring, at most so many frames: how many `take` was given.
    fn piece(&self, frames: usize, take: impl FnOnce(&[u8])) -> Result<usize, Errno> {
        let frame_bytes = self.frame_bytes;
        self.pcm
            .io_bytes()
            .mmap(frames, |area| {
                take(area);
                area.len() / frame_bytes.max(1)
            })
            .map_err(failed)
    }
}

impl Pcm for LinuxPcm {
    fn configure(&mut self, wanted: &PcmParameters) -> Result<PcmSetup, ParameterRefused> {
        quietly();
        let setup = match self.set_hardware(wanted, wanted.mapped) {
            // Some cards' memory turns out not to be mappable only when it is tried.
            Err(refused) if wanted.mapped && refused.parameter == PcmParameter::HwParams => {
                self.set_hardware(wanted, false)?
            }
            answer => answer?,
        };
        self.set_software(&setup, wanted.free_running).map_err(refused(PcmParameter::SwParams))?;
        self.descriptors = self.pcm.get().map_err(refused(PcmParameter::HwParams))?;
        if !self.mapped {
            self.scratch = vec![0; setup.period_frames as usize * self.frame_bytes];
        }
        Ok(setup)
    }

    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, EpollFlags)> {
        let of = |descriptor: &pollfd| {
            let fd: RawFd = descriptor.fd;
            // SAFETY: libasound keeps a PCM's poll descriptors open from `snd_pcm_open` to `snd_pcm_close`, which is
            // called when `self.pcm` is dropped: not while `self` is borrowed. -1, which it never gives, is left out.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            (fd, EpollFlags::from_bits_truncate(i32::from(descriptor.events)))
        };
        self.descriptors.iter().filter(|descriptor| descriptor.fd >= 0).map(of).collect()
    }

    fn revents(&mut self, descriptor: usize, flags: EpollFlags) -> Result<EpollFlags, Errno> {
        still_quietly();
        for (index, pollfd) in self.descriptors.iter_mut().filter(|descriptor| descriptor.fd >= 0).enumerate() {
            // The events that epoll reports for ALSA are the low bits, which poll has as well.
            pollfd.revents = if index == descriptor { (flags.bits() & 0x7fff) as i16 } else { 0 };
        }
        let meant = self.pcm.revents(&self.descriptors).map_err(failed)?;
        Ok(EpollFlags::from_bits_truncate(i32::from(meant.bits())))
    }

    fn prepare(&mut self) -> Result<(), Errno> {
        still_quietly();
        self.pcm.prepare().map_err(failed)
    }

    fn start(&mut self) -> Result<(), Errno> {
        still_quietly();
        self.pcm.start().map_err(failed)
    }

    fn resume(&mut self) -> Result<(), Errno> {
        still_quietly();
        self.pcm.resume().map_err(failed)
    }

    fn state(&self) -> PcmState {
        // `PCM::state` panics at a state it does not know.
        let state = self.pcm.state_raw();
        let known = [
            (State::Prepared, PcmState::Prepared),
            (State::Running, PcmState::Running),
            (State::XRun, PcmState::Xrun),
            (State::Suspended, PcmState::Suspended),
            (State::Disconnected, PcmState::Disconnected),
        ];
        known.into_iter().find(|(known, _)| *known as i32 == state).map_or(PcmState::Other, |(_, state)| state)
    }

    fn avail(&mut self) -> Result<u64, Errno> {
        still_quietly();
        let avail = self.pcm.avail_update().map_err(failed)?;
        Ok(u64::try_from(avail).unwrap_or(0))
    }

    fn status(&mut self) -> Result<PcmStatus, Errno> {
        still_quietly();
        let status = self.pcm.status().map_err(failed)?;
        let time = status.get_htstamp();
        #[allow(clippy::useless_conversion, reason = "32 bits wide on some targets")]
        let timestamp = nanoseconds(i64::from(time.tv_sec), i64::from(time.tv_nsec));
        Ok(PcmStatus { avail: u64::try_from(status.get_avail()).unwrap_or(0), timestamp })
    }

    fn read(&mut self, out: &mut [u8]) -> Result<u32, Errno> {
        still_quietly();
        let Some(wanted) = out.len().checked_div(self.frame_bytes) else { return Ok(0) };
        let mut done = 0;
        while done < wanted {
            let Some(rest) = out.get_mut(done * self.frame_bytes..wanted * self.frame_bytes) else { break };
            let step = if self.mapped {
                self.piece(wanted - done, |area| {
                    let length = area.len().min(rest.len());
                    rest[..length].copy_from_slice(&area[..length]);
                })
            } else {
                match self.pcm.io_bytes().readi(rest).map_err(failed) {
                    Err(Errno::EAGAIN) => Ok(0),
                    answer => answer,
                }
            };
            match step {
                Ok(0) => break,
                Ok(frames) => done += frames.min(wanted - done),
                // What was read is read; the error comes again.
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(u32::try_from(done).unwrap_or(u32::MAX))
    }

    fn skip(&mut self, frames: u64) -> Result<u64, Errno> {
        still_quietly();
        let mut done = 0;
        while done < frames {
            let step = usize::try_from(frames - done).unwrap_or(usize::MAX);
            let step = if self.mapped {
                self.piece(step, |_| {})?
            } else {
                let length = step.saturating_mul(self.frame_bytes).min(self.scratch.len());
                match self.pcm.io_bytes().readi(&mut self.scratch[..length]).map_err(failed) {
                    Err(Errno::EAGAIN) => 0,
                    answer => answer?,
                }
            };
            if step == 0 {
                break;
            }
            done += step as u64;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // These run on any machine: `null` is libasound's own, always has a whole ring to read, and that is silence.

    fn wanted(format: SampleFormat) -> PcmParameters {
        PcmParameters {
            format,
            rate: 48_000,
            channels: 2,
            period_frames: 960,
            buffer_frames: 24_000,
            free_running: false,
            mapped: true,
        }
    }

    fn null() -> LinuxPcm {
        LinuxPcm::of(open("null").unwrap())
    }

    #[test]
    fn every_format_is_configured_and_read_mapped_or_not() {
        for format in SampleFormat::ALL {
            for mapped in [true, false] {
                let mut pcm = null();
                let setup = pcm.configure(&PcmParameters { mapped, ..wanted(format) }).unwrap();
                assert_eq!((setup.rate, setup.channels, setup.mapped), (48_000, 2, mapped));
                assert_eq!((setup.period_frames, setup.buffer_frames), (960, 24_000));
                pcm.start().unwrap();
                assert_eq!(pcm.state(), PcmState::Running);
                let frame_bytes = format.bytes() * 2;
                let mut out = vec![1; 960 * frame_bytes + 1];
                assert_eq!(pcm.read(&mut out), Ok(960), "{format}");
                assert_eq!(out.last(), Some(&1), "not a byte more than whole frames");
                assert_eq!(pcm.skip(2000), Ok(2000));
                assert!(pcm.avail().is_ok() && pcm.status().is_ok());
            }
        }
    }

    #[test]
    fn a_read_goes_around_the_end_of_the_ring() {
        let mut pcm = null();
        pcm.configure(&wanted(SampleFormat::S16Le)).unwrap();
        pcm.start().unwrap();
        let mut out = vec![0; 7001 * 4];
        for _ in 0..100 {
            assert_eq!(pcm.read(&mut out), Ok(7001));
        }
    }

    #[test]
    fn a_pcm_has_descriptors_once_it_is_configured() {
        let mut pcm = null();
        assert!(pcm.descriptors().is_empty());
        pcm.configure(&wanted(SampleFormat::S16Le)).unwrap();
        assert_eq!(pcm.descriptors().len(), 1);
    }

    #[test]
    fn nothing_is_read_before_it_is_configured() {
        let mut pcm = null();
        assert_eq!(pcm.read(&mut [0; 64]), Ok(0));
        assert_eq!(pcm.state(), PcmState::Other);
    }

    #[test]
    fn what_cannot_be_is_made_the_nearest_or_an_error() {
        let mut pcm = null();
        // `near` makes something of every number, and what it made is told.
        let setup = pcm.configure(&PcmParameters { channels: 0, ..wanted(SampleFormat::S16Le) }).unwrap();
        assert_eq!(setup.channels, 1);
        assert_eq!(LinuxPcmSystem.open("there_is_no_such_pcm").map(|_| ()), Err(Errno::ENOENT));
        assert_eq!(LinuxPcmSystem.open("a\0b").map(|_| ()), Err(Errno::EINVAL));
    }

    #[test]
    fn times_that_cannot_be_are_none() {
        assert_eq!(nanoseconds(1, 5), 1_000_000_005);
        assert_eq!(nanoseconds(-1, 5), 0);
        assert_eq!(nanoseconds(1, -5), 0);
        assert_eq!(nanoseconds(i64::MAX, 0), u64::MAX);
    }
}
