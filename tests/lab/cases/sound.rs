//! snd-aloop: a cable from one PCM to another.

use std::f64::consts::TAU;
use std::fs;
use std::process::{Command, Stdio};

use crate::devices::{Background, succeed};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] = &[lab_test!(a_tone_played_into_the_loopback_is_captured_at_its_frequency)];

const RATE: u32 = 48_000;
const TONE: f64 = 440.0;

fn a_tone_played_into_the_loopback_is_captured_at_its_frequency() {
    let mut samples = Vec::new();
    for n in 0..8 * RATE {
        let value = (f64::from(n) * TONE * TAU / f64::from(RATE)).sin() * 16_000.0;
        samples.extend_from_slice(&(value.round() as i16).to_le_bytes());
    }
    fs::write("/tmp/tone.s16", samples).unwrap();
    let rate = RATE.to_string();
    let format = ["-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", &rate];
    let mut play = Command::new("aplay");
    play.args(format).args(["-D", "hw:Loopback,0", "/tmp/tone.s16"]).stderr(Stdio::null());
    let player = Background::start(&mut play);
    succeed(Command::new("arecord").args(format).args(["-D", "hw:Loopback,1", "-d", "2", "/tmp/heard.s16"]));
    drop(player);

    let bytes = fs::read("/tmp/heard.s16").unwrap();
    let heard: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    assert_eq!(heard.len(), 2 * RATE as usize, "two seconds were asked for");
    // The player may have begun a little after the recorder: before that the cable is silent.
    let begin = heard.iter().position(|sample| *sample != 0).expect("something to be heard");
    let tone = &heard[begin..];
    assert!(tone.len() > RATE as usize, "the tone began only after {begin} samples");
    let crossings: Vec<usize> = (1..tone.len()).filter(|n| tone[n - 1] < 0 && tone[*n] >= 0).collect();
    let (first, last) = (crossings[0], crossings[crossings.len() - 1]);
    let frequency = (crossings.len() - 1) as f64 * f64::from(RATE) / (last - first) as f64;
    assert!((frequency - TONE).abs() < 1.0, "played {TONE} Hz, heard {frequency} Hz");
}
