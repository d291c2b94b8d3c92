//! A microphone's block as a viewer gets it: its level, and its samples for those who listen.

use super::message::{Header, Kind};
use crate::capture::TimestampSource;
use crate::constraints::{ConstraintName, MediaTrackConstraints, MediaTrackRequest};
use crate::format::SampleFormat;
use crate::stream::AudioData;

/// Seconds of sound in a block: half of what a program gets that does not say, so that pages hear it so much sooner.
const BLOCK: f64 = 0.01;

/// What is asked of a microphone, with a wish for short blocks where nothing is said of them. The dialect of 2012 has no word
/// for that.
pub(super) fn in_short_blocks(asked: &MediaTrackRequest) -> MediaTrackRequest {
    match asked {
        MediaTrackRequest::Any => MediaTrackConstraints::new().latency(BLOCK).into(),
        MediaTrackRequest::Constraints(constraints) if constraints.basic.get(ConstraintName::Latency).is_none() => {
            constraints.clone().latency(BLOCK).into()
        }
        other => other.clone(),
    }
}

/// How loud a block is, each channel from 0 to 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Level {
    /// The root of the mean square.
    pub(super) rms: Vec<f32>,
    /// The largest sample.
    pub(super) peak: Vec<f32>,
}

impl Level {
    pub(super) fn of(data: &AudioData) -> Self {
        // More than eight meters nobody looks at.
        let channels = 0..data.channel_count().min(8);
        let (mut rms, mut peak) = (Vec::new(), Vec::new());
        for channel in channels {
            let (mut squares, mut count, mut largest) = (0f64, 0u32, 0f32);
            for sample in data.samples(channel) {
                squares += f64::from(sample) * f64::from(sample);
                largest = largest.max(sample.abs());
                count += 1;
            }
            rms.push((squares / f64::from(count.max(1))).sqrt() as f32);
            peak.push(largest);
        }
        Self { rms, peak }
    }

    /// Both in one: what a viewer gets that has not taken the one before.
    pub(super) fn and(self, later: Self) -> Self {
        let join = |one: Vec<f32>, other: Vec<f32>| {
            if one.len() == other.len() { one.iter().zip(&other).map(|(a, b)| a.max(*b)).collect() } else { other }
        };
        Self { rms: join(self.rms, later.rms), peak: join(self.peak, later.peak) }
    }

    /// RMS and peak of each channel in turn, as 32-bit floats.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.rms.iter().zip(&self.peak).flat_map(|(rms, peak)| [*rms, *peak]).flat_map(f32::to_le_bytes).collect()
    }
}

/// One block, for any number of listeners.
#[derive(Debug)]
pub(super) struct Sound {
    pub(super) header: Header,
    /// Frames missing right before it.
    pub(super) lost: u64,
    pub(super) frames: u32,
    samples: Samples,
}

#[derive(Debug)]
enum Samples {
    /// As the card gave them, 16 bits each: the pool's block.
    Shared(AudioData),
    /// Any other format as 32-bit floats.
    Floats(Vec<u8>),
}

impl Sound {
    pub(super) fn of(data: AudioData, track: u8) -> Self {
        let is_16 = data.sample_format() == SampleFormat::S16Le;
        let header = Header { format: if is_16 { *b"S16L" } else { *b"F32L" }, ..header(Kind::Sound, &data, track) };
        let (lost, frames) = (data.lost(), data.frame_count());
        let samples = if is_16 { Samples::Shared(data) } else { Samples::Floats(floats(&data)) };
        Self { header, lost, frames, samples }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.samples {
            Samples::Shared(data) => data.data(),
            Samples::Floats(bytes) => bytes,
        }
    }
}

/// The header of what is about a block.
pub(super) fn header(kind: Kind, data: &AudioData, track: u8) -> Header {
    Header {
        kind,
        track,
        host_stamped: data.timestamp_source() == TimestampSource::Host,
        format: *b"LEVL",
        number: data.position(),
        timestamp: data.timestamp(),
        shape: (data.sample_rate(), data.channel_count()),
    }
}

fn floats(data: &AudioData) -> Vec<u8> {
    let size = data.sample_format().bytes();
    let samples = data.data().chunks_exact(size.max(1)).filter_map(|sample| data.sample_format().read(sample));
    samples.flat_map(f32::to_le_bytes).collect()
}
