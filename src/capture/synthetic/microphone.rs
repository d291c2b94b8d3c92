//! The built-in microphone as the reactor serves it: a quiet tone, and a tick at each whole second.

use std::f64::consts::TAU;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use nix::sys::epoll::EpollFlags;

use super::beat::{Grid, tick_frames};
use crate::capture::reactor::{EventSource, Next};
use crate::capture::sound::{AudioCounters, AudioFormat, AudioInfo, BlockPool, CapturedAudio, MicrophoneRequest};
use crate::capture::source::Outlet;
use crate::capture::statistics::add;
use crate::capture::timeline::TimestampSource;
use crate::error::{Error, ErrorName, Result};
use crate::format::SampleFormat;

/// The tone: concert pitch, at a tenth of full scale (-20 dBFS).
const TONE: (f64, f64) = (440.0, 0.1);
/// The tick: ten periods of 1 kHz at half of full scale.
const TICK: (f64, f64) = (1000.0, 0.5);
/// How much sound waits for a reactor that is held up: the ring of a real microphone.
const RING_MS: u32 = 500;

/// The built-in microphone.
pub(in crate::capture) struct SyntheticMicrophone {
    format: AudioFormat,
    /// One second of samples, of one channel: both tones fit in whole periods, so every second is the same.
    second: Vec<[u8; 2]>,
    pool: BlockPool,
    grid: Grid,
    /// The number on the grid of the first frame, and of the next one.
    first: u64,
    next: u64,
    counters: Arc<AudioCounters>,
    outlet: Arc<dyn Outlet<CapturedAudio>>,
}

impl SyntheticMicrophone {
    /// A microphone whose first frame is taken at `start` or right after.
    ///
    /// # Errors
    /// [`ErrorName::OverconstrainedError`] for what it does not offer.
    pub(in crate::capture) fn new(
        request: &MicrophoneRequest,
        start: u64,
        counters: Arc<AudioCounters>,
        outlet: Arc<dyn Outlet<CapturedAudio>>,
    ) -> Result<Self> {
        let (rate, channels) = (request.sample_rate, request.channel_count);
        let offered = matches!(rate, 44_100 | 48_000) && matches!(channels, 1 | 2);
        if !offered || request.sample_format != SampleFormat::S16Le {
            let format = request.sample_format;
            let message = format!("the synthetic microphone does not offer {format} at {rate} Hz, {channels} channels");
            return Err(Error::new(ErrorName::OverconstrainedError, message).with_constraint(""));
        }
        // A float becomes the nearest whole number there is, and what is none becomes 0.
        let period = (request.latency * f64::from(rate)).round() as u32;
        let format = AudioFormat {
            sample_format: SampleFormat::S16Le,
            sample_rate: rate,
            channel_count: channels,
            period_frames: period.clamp(rate / 200, rate / 10),
        };
        counters.expect(rate);
        let grid = Grid::new(rate, 1);
        let first = grid.next_from(start);
        let blocks = |seconds: u32| (rate * seconds).div_ceil(format.period_frames) as usize;
        Ok(Self {
            second: second(rate),
            pool: BlockPool::new(format.period_frames as usize * format.frame_bytes(), 16, blocks(4)),
            format,
            grid,
            first,
            next: first,
            counters,
            outlet,
        })
    }

    /// What it gives.
    pub(in crate::capture) fn format(&self) -> AudioFormat {
        self.format
    }

    /// When the next block is whole.
    fn whole_at(&self) -> u64 {
        self.grid.time_of(self.next + u64::from(self.format.period_frames))
    }
}

impl EventSource for SyntheticMicrophone {
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, EpollFlags)> {
        Vec::new()
    }

    fn ready(&mut self, _descriptor: usize, _flags: EpollFlags, _now: u64) -> Next {
        Next::Stay
    }

    fn deadline(&self) -> Option<u64> {
        Some(self.whole_at())
    }

    /// One block; where more are whole, the deadline of the next one has come as well.
    fn due(&mut self, now: u64) -> Next {
        let period = self.format.period_frames;
        let ring = u64::from(self.format.sample_rate / 1000 * RING_MS);
        let waiting = self.grid.next_from(now).saturating_sub(self.next);
        let lost = waiting.saturating_sub(ring);
        if lost > 0 {
            add(&self.counters.xruns, 1);
            self.next += lost;
        }
        let info = AudioInfo {
            position: self.next - self.first,
            frames: period,
            lost,
            timestamp: self.grid.time_of(self.next),
            timestamp_source: TimestampSource::Driver,
        };
        let begin = self.next;
        self.next += u64::from(period);
        self.counters.lose(info.lost);
        self.counters.place(&info);
        self.counters.pair(info.position, info.timestamp, info.timestamp_source);
        let Some(mut block) = self.pool.take() else {
            add(&self.counters.starved, u64::from(period));
            return Next::Stay;
        };
        let bytes = block.bytes_mut();
        // The number on the grid within its second is the place in the table: both are below the rate.
        let within = (begin % u64::from(self.format.sample_rate)) as usize;
        let samples = self.second.iter().cycle().skip(within);
        for (frame, sample) in bytes.chunks_exact_mut(self.format.frame_bytes()).zip(samples) {
            frame.chunks_exact_mut(2).for_each(|channel| channel.copy_from_slice(sample));
        }
        self.counters.accept(period, bytes.len());
        self.outlet.give(&CapturedAudio { block: block.into_block(), info, format: self.format }, now);
        Next::Stay
    }
}

/// The samples of any second.
fn second(rate: u32) -> Vec<[u8; 2]> {
    let tick = tick_frames(rate);
    let sample = |n: u32| {
        let (frequency, amplitude) = if n < tick { TICK } else { TONE };
        let value = (TAU * frequency * f64::from(n) / f64::from(rate)).sin() * amplitude * f64::from(i16::MAX);
        // Within the range by the amplitude.
        (value.round() as i16).to_le_bytes()
    };
    (0..rate).map(sample).collect()
}
