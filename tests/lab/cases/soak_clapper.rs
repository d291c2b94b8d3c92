//! A clapperboard for vivid and the loopback: at a time agreed upon the picture turns white and the sound turns loud.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use alsa::pcm::{Access, Format, HwParams, PCM};
use alsa::{Direction, ValueOr};
use usermedia::VideoTrack;

use crate::devices::{succeed, v4l2_ctl};
use crate::usb::{SECOND, now};

/// How long a tick is.
const TICK: Duration = Duration::from_millis(20);
/// Of full scale: as loud as that from its first sample to its last.
const LOUD: i16 = 20_000;
/// vivid's test patterns of these colours.
const BLACK: u32 = 5;
const WHITE: u32 = 6;
/// Frames between two claps, and how many of them are white.
const INTERVAL: u64 = 30;
const WHITE_FRAMES: u64 = 3;

/// Claps once a second.
pub struct Clapper {
    camera: PathBuf,
    ticks: Sender<u64>,
    player: JoinHandle<()>,
}

impl Clapper {
    /// Plays into `pcm`, the other end of the cable the microphone hears, in the microphone's own format: S16.
    pub fn new(camera: &Path, pcm: &'static str, rate: u32, channels: u32) -> Clapper {
        let (ticks, orders) = mpsc::channel();
        let player = thread::spawn(move || play(&open(pcm, rate, channels), rate, channels, &orders));
        Clapper { camera: camera.to_owned(), ticks, player }
    }

    fn show(&self, pattern: u32) {
        succeed(&mut v4l2_ctl(&self.camera, &[&format!("--set-ctrl=test_pattern={pattern}")]));
    }

    /// Claps that many times. White is the frame that bears the time at which the tick is heard.
    pub fn clap(self, track: &VideoTrack, times: u64) {
        self.show(BLACK);
        let mut processor = track.processor(8);
        for n in 0..(times + 1) * INTERVAL {
            let frame = processor.next().expect("frames").expect("no error");
            let (place, last) = (n % INTERVAL, n / INTERVAL == times);
            // The next frame is made a thirtieth of a second from now, however long it takes to say so.
            if place == INTERVAL - 1 && !last {
                self.show(WHITE);
            } else if place == WHITE_FRAMES - 1 && n > INTERVAL {
                self.show(BLACK);
            } else if place == 0 && !last {
                let _ = self.ticks.send(frame.timestamp() + SECOND * INTERVAL / 30);
            }
        }
        drop(self.ticks);
        self.player.join().expect("the player plays to the end");
    }
}

fn open(name: &str, rate: u32, channels: u32) -> PCM {
    let pcm = PCM::new(name, Direction::Playback, false).expect("the cable's other end");
    let parameters = HwParams::any(&pcm).expect("parameters");
    let set = || {
        parameters.set_access(Access::RWInterleaved)?;
        parameters.set_format(Format::s16())?;
        parameters.set_channels(channels)?;
        parameters.set_rate(rate, ValueOr::Nearest)?;
        parameters.set_buffer_time_near(200_000, ValueOr::Nearest)?;
        parameters.set_period_time_near(20_000, ValueOr::Nearest)?;
        pcm.hw_params(&parameters)
    };
    set().expect("the microphone's own parameters");
    drop(parameters);
    pcm
}

/// Silence, and a tick at each time that is told, until there is nobody to tell one.
fn play(pcm: &PCM, rate: u32, channels: u32, orders: &Receiver<u64>) {
    let io = pcm.io_i16().expect("S16");
    let chunk = u64::from(rate) / 100;
    let mut ticks: Vec<u64> = Vec::new();
    let mut samples = vec![0; (chunk * u64::from(channels)) as usize];
    loop {
        match orders.try_recv() {
            Ok(tick) => ticks.push(tick),
            Err(mpsc::TryRecvError::Empty) => {}
            Err(mpsc::TryRecvError::Disconnected) => return,
        }
        // When the first sample of this chunk is heard: after those that wait.
        let waiting = pcm.delay().map_or(0, |frames| u64::try_from(frames).unwrap_or(0));
        let first = now() + waiting * SECOND / u64::from(rate);
        for (n, frame) in samples.chunks_exact_mut(channels as usize).enumerate() {
            let time = first + n as u64 * SECOND / u64::from(rate);
            let loud = ticks.iter().any(|&tick| time >= tick && time < tick + TICK.as_nanos() as u64);
            frame.fill(if loud { LOUD } else { 0 });
        }
        ticks.retain(|&tick| tick + SECOND > first);
        if let Err(error) = io.writei(&samples) {
            pcm.try_recover(error, true).expect("the cable goes on");
        }
    }
}
