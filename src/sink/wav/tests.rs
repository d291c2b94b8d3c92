use std::io::{Seek, SeekFrom};
use std::path::Path;

use super::*;
use crate::sink::ffmpeg::{TempFile, assert_holds, decode_sound, probe};

pub(crate) const FORMATS: [(u32, bool, &str); 5] = [
    (8, false, "pcm_u8"),
    (16, false, "pcm_s16le"),
    (24, false, "pcm_s24le"),
    (32, false, "pcm_s32le"),
    (32, true, "pcm_f32le"),
];

fn format(sample_size: u32, float: bool, channel_count: u32) -> AudioFormat {
    AudioFormat { sample_rate: 48_000, channel_count, sample_size, float, label: "Microphone".into() }
}

/// So many frames of numbers that tell their places apart; as floating point, small ones.
fn samples(format: &AudioFormat, frames: usize) -> Vec<u8> {
    let count = frames * format.channel_count as usize;
    if format.float {
        return (0..count).flat_map(|at| (at as f32 / 1e4 % 1.0 - 0.5).to_le_bytes()).collect();
    }
    (0..count * (format.sample_size / 8) as usize).map(|at| (at * 7 + at / 251) as u8).collect()
}

fn open(path: &Path, format: &AudioFormat) -> SoundFile {
    let metadata = Metadata { title: Some("Gerät".into()), recorded: None, synthetic: true };
    SoundFile::wav(
        Output::open(path, false, Default::default()).unwrap(),
        &[TrackFormat::Audio(format.clone())],
        &metadata,
    )
    .unwrap()
}

fn at(position: u64, samples: &[u8]) -> SampleData<'_> {
    SampleData { timestamp_ns: 0, position, samples }
}

#[test]
fn every_sample_format_comes_out_as_it_went_in_in_up_to_eight_channels() {
    for (bits, float, codec) in FORMATS {
        for channels in [1, 2, 3, 8] {
            let (file, format) = (TempFile::new("wav"), format(bits, float, channels));
            let samples = samples(&format, 4801);
            let mut wav = open(file.path(), &format);
            let (first, second) = samples.split_at(960 * format.frame_bytes());
            wav.audio(&at(700, first)).unwrap();
            wav.audio(&at(1660, second)).unwrap();
            let (bytes, duration_ns) = wav.finish().unwrap();
            assert_eq!(bytes, std::fs::metadata(file.path()).unwrap().len());
            assert_eq!(duration_ns, 100_020_833);
            assert!(decode_sound(file.path(), codec) == samples, "{codec}, {channels} channels");
            let said = probe(file.path());
            let (codec, channels) =
                (format!("streams.stream.0.codec_name={codec}"), format!("streams.stream.0.channels={channels}"));
            assert_holds(&said, &[&codec, &channels, "streams.stream.0.sample_rate=48000", "format.duration=0.100021"]);
            assert_holds(&said, &["format.tags.title=Gerät", "format.tags.comment=synthetic"]);
        }
    }
}

#[test]
fn what_was_lost_is_silence() {
    for (bits, float, codec) in FORMATS {
        let (file, format) = (TempFile::new("wav"), format(bits, float, 2));
        let mut wav = open(file.path(), &format);
        let sound = samples(&format, 480);
        wav.audio(&at(0, &sound)).unwrap();
        // Half a second and a little: more than one piece.
        wav.audio(&at(480 + 24_001, &sound)).unwrap();
        wav.silence_until(25_000).unwrap();
        wav.finish().unwrap();
        let silence = vec![if bits == 8 { 0x80 } else { 0 }; 24_001 * format.frame_bytes()];
        let end = vec![silence[0]; 39 * format.frame_bytes()];
        assert!(decode_sound(file.path(), codec) == [&sound[..], &silence, &sound, &end].concat(), "{codec}");
    }
}

#[test]
fn a_recording_cut_short_plays() {
    let (file, format) = (TempFile::new("wav"), format(16, false, 2));
    let mut wav = open(file.path(), &format);
    let sound = samples(&format, 960);
    for block in 0..127 {
        wav.audio(&at(block * 960, &sound)).unwrap();
    }
    // Killed: never finished, and 0.2 s after the header was last put right.
    drop(wav);
    let header = std::fs::read(file.path()).unwrap();
    let place = header.windows(4).position(|window| window == b"data").unwrap() + 4;
    let told = u32::from_le_bytes(header[place..place + 4].try_into().unwrap());
    let block = sound.len() as u32;
    assert_eq!(told, 117 * block, "nine times the first whole block after a quarter of a second");
    assert!(decode_sound(file.path(), "pcm_s16le").len() >= 117 * sound.len());
    // Killed before the first second was told.
    let mut wav = open(file.path(), &format);
    wav.audio(&at(0, &sound)).unwrap();
    drop(wav);
    assert!(decode_sound(file.path(), "pcm_s16le") == sound);
}

#[test]
fn beyond_four_gibibytes_the_sizes_have_64_bits() {
    let (file, format) = (TempFile::new("wav"), format(32, false, 2));
    let mut wav = open(file.path(), &format);
    let header = wav.bytes();
    // A file with a hole of five gibibytes: nothing is written into it.
    wav.output.seek(SeekFrom::Start(header + (5 << 30))).unwrap();
    (wav.data, wav.next) = (5 << 30, Some((5 << 30) / 8));
    wav.audio(&at((5 << 30) / 8, &samples(&format, 48_000))).unwrap();
    let (bytes, _) = wav.finish().unwrap();
    assert_eq!(bytes, header + (5 << 30) + 384_000);
    let mut head = [0; 128];
    std::io::Read::read_exact(&mut std::fs::File::open(file.path()).unwrap(), &mut head).unwrap();
    assert_eq!((&head[..8], &head[12..16]), (&b"RF64\xff\xff\xff\xff"[..], &b"ds64"[..]));
    let mut arguments = std::process::Command::new("ffprobe");
    let told = arguments.args(["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]).arg(file.path());
    let told = String::from_utf8(told.output().unwrap().stdout).unwrap();
    let seconds = ((5u64 << 30) + 384_000) as f64 / 384_000.0;
    assert!((told.trim().parse::<f64>().unwrap() - seconds).abs() < 0.001, "{told} for {seconds}");
}

#[test]
fn on_a_pipe_the_sizes_are_those_of_a_stream() {
    let file = TempFile::new("wav");
    nix::unistd::mkfifo(file.path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let path = file.path().to_owned();
    let reader = std::thread::spawn(move || std::fs::read(path).unwrap());
    let format = format(16, false, 1);
    let mut wav = open(file.path(), &format);
    wav.audio(&at(0, &[1, 2, 3, 4])).unwrap();
    wav.finish().unwrap();
    let read = reader.join().unwrap();
    assert_eq!(&read[4..8], &[0xff; 4]);
    assert!(read.ends_with(&[b'd', b'a', b't', b'a', 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]));
}

#[test]
fn pictures_are_refused_with_what_can_be_done() {
    let error = check(&[]).unwrap_err();
    assert!(error.remedy().unwrap().contains(".mkv") && error.remedy().unwrap().contains("--audio"));
}
