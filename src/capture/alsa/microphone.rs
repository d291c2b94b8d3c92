//! The control half: everything that may block before the first period.

use nix::errno::Errno;

use super::failure::{Step, failure, refusal};
use super::reader::{Reader, Reading};
use crate::capture::sound::{AudioFormat, MicrophoneRequest};
use crate::error::Result;
use crate::seam::{ParameterRefused, Pcm, PcmParameter, PcmParameters, PcmSetup, PcmSystem};

/// The shortest ring, in periods: fewer stutter on many a machine.
const FEWEST_PERIODS: u32 = 4;
/// The most bytes of a period that are believed: beyond any card's ring, and sixteen of them are made at the start.
const MOST_PERIOD_BYTES: usize = 16 << 20;

/// An open, configured microphone. Closed when dropped.
pub(in crate::capture) struct AlsaMicrophone {
    pcm: Box<dyn Pcm>,
    path: String,
    format: AudioFormat,
    setup: PcmSetup,
    free_running: bool,
}

impl AlsaMicrophone {
    /// Opens the PCM and has it agree to the parameters, or to what it makes of them: see [`AlsaMicrophone::format`].
    pub(in crate::capture) fn open(system: &dyn PcmSystem, request: &MicrophoneRequest) -> Result<Self> {
        let path = request.path.clone();
        let mut pcm = system.open(&path).map_err(|errno| failure(Step::Open, errno, &path))?;
        let period_frames = period(request.latency, request.sample_rate);
        // A card alone can go on when its ring runs over and tell by how much; a plugin on top of it hides that.
        let free_running = !request.shared && path.starts_with("hw:");
        let wanted = PcmParameters {
            format: request.sample_format,
            rate: request.sample_rate,
            channels: request.channel_count,
            period_frames,
            // Half a second: as long as a desktop may stand still.
            buffer_frames: (request.sample_rate / 2).max(period_frames.saturating_mul(FEWEST_PERIODS)),
            free_running,
            mapped: request.mapped,
        };
        let setup = pcm.configure(&wanted).map_err(|refused| refusal(refused, &path))?;
        let format = AudioFormat {
            sample_format: request.sample_format,
            sample_rate: setup.rate,
            channel_count: setup.channels,
            period_frames: setup.period_frames,
        };
        let bytes = format.frame_bytes().checked_mul(setup.period_frames as usize);
        if format.sample_rate == 0 || !bytes.is_some_and(|bytes| (1..=MOST_PERIOD_BYTES).contains(&bytes)) {
            let refused = ParameterRefused { parameter: PcmParameter::HwParams, errno: Errno::EINVAL };
            return Err(refusal(refused, &path));
        }
        Ok(Self { pcm, path, format, setup, free_running })
    }

    /// What the PCM agreed to.
    pub(in crate::capture) fn format(&self) -> AudioFormat {
        self.format
    }

    /// Starts it. The reader belongs on the reactor from here on.
    pub(in crate::capture) fn start(mut self, reading: Reading) -> Result<Reader> {
        self.pcm.start().map_err(|errno| failure(Step::Start, errno, &self.path))?;
        Ok(Reader::new(self.pcm, self.format, &self.setup, self.free_running, reading))
    }
}

/// Frames of a period of so many seconds: at least one, and no more than a ring can hold four times.
fn period(latency: f64, rate: u32) -> u32 {
    let frames = (latency * f64::from(rate)).round();
    // A float becomes the nearest whole number there is, and what is none becomes 0.
    (frames as u32).clamp(1, u32::MAX / FEWEST_PERIODS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_a_period_whatever_number_it_is() {
        assert_eq!(period(0.02, 48_000), 960);
        assert_eq!(period(0.01, 44_100), 441);
        assert_eq!(period(0.0, 48_000), 1);
        assert_eq!(period(-1.0, 48_000), 1);
        assert_eq!(period(f64::NAN, 48_000), 1);
        assert_eq!(period(f64::INFINITY, 48_000), u32::MAX / 4);
    }
}
