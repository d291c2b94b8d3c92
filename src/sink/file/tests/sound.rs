//! Sound in films: what goes in comes out of FFmpeg.

use super::*;
use crate::format::SampleFormat;
use crate::sink::ffmpeg::{decode_sound, stream_times};
use crate::sink::pcm::Pcm;

#[test]
fn every_sample_format_comes_out_of_a_film_as_it_went_in_in_up_to_eight_channels() {
    for (sample_format, codec) in [
        (SampleFormat::U8, "pcm_u8"),
        (SampleFormat::S8, "pcm_u8"),
        (SampleFormat::S16Le, "pcm_s16le"),
        (SampleFormat::S24Le, "pcm_s24le"),
        (SampleFormat::S24Packed, "pcm_s24le"),
        (SampleFormat::S32Le, "pcm_s32le"),
        (SampleFormat::FloatLe, "pcm_f32le"),
    ] {
        for channel_count in [1, 2, 3, 8] {
            let file = TempFile::new("mkv");
            let float = sample_format == SampleFormat::FloatLe;
            let format = AudioFormat {
                sample_rate: 44_100,
                channel_count,
                sample_size: sample_format.bits(),
                float,
                label: "Microphone".into(),
            };
            // As a card gives them, in its own layout.
            let count = 4410 * channel_count as usize;
            let given: Vec<u8> = if float {
                (0..count).flat_map(|at| (at as f32 / 1e4 % 1.0 - 0.5).to_le_bytes()).collect()
            } else {
                (0..count * sample_format.bytes()).map(|at| (at * 7 + at / 251) as u8).collect()
            };
            let mut container = container(file.path(), Metadata::default());
            container.begin(&[TrackFormat::Audio(format.clone())]).unwrap();
            let (mut pcm, mut all) = (Pcm::default(), Vec::new());
            for (block, bytes) in given.chunks(882 * channel_count as usize * sample_format.bytes()).enumerate() {
                let (samples, position) = (pcm.arrange(sample_format, bytes), block as u64 * 882);
                let timestamp_ns = START_NS + format.duration_ns(position);
                container.audio(0, &SampleData { timestamp_ns, position, samples }).unwrap();
                all.extend_from_slice(samples);
            }
            let summary = container.finish().unwrap();
            assert_eq!(summary.duration_ns, 100_000_000);
            assert!(decode_sound(file.path(), codec) == all, "{sample_format}, {channel_count} channels");
            let channels = format!("streams.stream.0.channels={channel_count}");
            let said = probe(file.path());
            assert_holds(&said, &[&channels, "streams.stream.0.sample_rate=44100", "format.duration=0.100000"]);
            assert_eq!(stream_times(file.path(), "a:0"), [0.0, 0.02, 0.04, 0.06, 0.08]);
        }
    }
}
