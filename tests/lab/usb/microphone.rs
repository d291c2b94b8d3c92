//! A microphone: a tone, a tick each second, on a clock that may be wrong.

use std::f64::consts::TAU;

use super::isochronous::{SECOND, Source};
use super::specification::{MicrophoneSpec, TICK};

const LOUDNESS: f64 = 6_000.0;
const TICK_LOUDNESS: f64 = 4.0 * LOUDNESS;
const TICK_FREQUENCY: f64 = 2_000.0;

/// The microphone.
#[derive(Debug)]
pub struct Microphone {
    spec: MicrophoneSpec,
    begun: u64,
    /// Samples since then.
    taken: u64,
}

impl Microphone {
    /// One that has just been plugged in.
    pub fn new(spec: MicrophoneSpec) -> Microphone {
        Microphone { spec, begun: 0, taken: 0 }
    }

    /// Samples in a second, by its own clock.
    fn rate(&self) -> f64 {
        f64::from(self.spec.rate) * (1.0 + self.spec.clock_offset_ppm / 1e6)
    }

    /// What it hears at this time, in nanoseconds: sound does not care about its clock.
    fn sound_at(&self, time: f64) -> i16 {
        let seconds = time / SECOND as f64;
        let since_tick = seconds.fract();
        let value = if self.spec.tick && since_tick < TICK.as_secs_f64() {
            TICK_LOUDNESS * (TAU * TICK_FREQUENCY * since_tick).sin()
        } else {
            LOUDNESS * (TAU * (self.spec.tone * seconds).fract()).sin()
        };
        value.round() as i16
    }
}

impl Source for Microphone {
    const PACKET_TIME: u64 = 1_000_000;
    const FORGIVEN: u64 = SECOND;

    fn start(&mut self, time: u64) {
        self.begun = time;
        self.taken = 0;
    }

    fn packet(&mut self, time: u64, room: usize, out: &mut Vec<u8>) -> i32 {
        let rate = self.rate();
        let elapsed = (time + Self::PACKET_TIME - self.begun) as f64 / SECOND as f64;
        let until = (elapsed * rate) as u64;
        // What finds no room, after the bus has moved on without us, is lost.
        let end = until.min(self.taken + (room / self.spec.frame_size()) as u64);
        for sample in self.taken..end {
            let value = self.sound_at(self.begun as f64 + sample as f64 / rate * SECOND as f64);
            out.extend(value.to_le_bytes());
            if self.spec.channels == 2 {
                out.extend((value / 2).to_le_bytes());
            }
        }
        self.taken = until;
        0
    }
}
