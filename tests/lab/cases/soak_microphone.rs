//! The microphone of the soaks: ALSA's loopback, whose clock can be slow; and who speaks into its other end.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use alsa::pcm::{Access, Format, HwParams, PCM};
use alsa::{Direction, ValueOr};
use usermedia::constraints::{ConstrainDouble, MediaTrackConstraints};

use super::audio;
use super::capture::exactly;
use super::soak_ledger::Dice;
use crate::agent;
use crate::devices::succeed;
use crate::usb::{SECOND, now};

/// What is asked for.
pub const RATE: u32 = 48_000;
const CHANNELS: u32 = 2;
/// Its clock is 100 ppm too slow. snd-aloop counts in units of 10 ppm, more for slower.
const RATE_SHIFT: &str = "100010";
/// What comes in a second.
pub const TRUE_RATE: f64 = RATE as f64 / 1.0001;
/// In a block: ten of them in a second, since what a block costs is another test's business.
pub const BLOCK: u32 = RATE / 10;
/// The other end of the cable.
const PLAYED: &str = "hw:Loopback,0";
/// How long a tick is.
const TICK: Duration = Duration::from_millis(20);
/// Of full scale: as loud as that from its first sample to its last.
const LOUD: i16 = 20_000;

/// What a track of it is asked for by.
pub fn constraints() -> MediaTrackConstraints {
    let audio = audio::on(audio::HEARD).sample_rate(exactly(RATE)).channel_count(exactly(CHANNELS));
    audio.latency(ConstrainDouble::new().exact(f64::from(BLOCK) / f64::from(RATE)))
}

/// Has its clock run slow, from the next time on that it is opened.
pub fn slow_down() {
    let control = "iface=PCM,name='PCM Rate Shift 100000',device=1,subdevice=0";
    succeed(Command::new("amixer").args(["-q", "-c", "Loopback", "cset", control, RATE_SHIFT]));
}

/// Unplugged, and there again some seconds later.
pub fn replug(dice: &mut Dice) {
    rebind("snd_aloop", "snd_aloop.0", dice);
    slow_down();
    agent::as_udev_would();
}

/// Takes a device from its driver for some seconds.
pub fn rebind(driver: &str, device: &str, dice: &mut Dice) {
    let driver = Path::new("/sys/bus/platform/drivers").join(driver);
    fs::write(driver.join("unbind"), device).expect("a device that has this driver");
    thread::sleep(Duration::from_millis(dice.below(5_000)));
    fs::write(driver.join("bind"), device).expect("a device that had this driver");
}

/// Plays ticks into the cable, and silence between them.
pub struct Ticker {
    ticks: Sender<u64>,
    player: JoinHandle<()>,
}

impl Ticker {
    pub fn start() -> Ticker {
        let (ticks, orders) = mpsc::channel();
        let pcm = open();
        let player = thread::spawn(move || play(&pcm, &orders));
        Ticker { ticks, player }
    }

    /// A tick is heard at this time of CLOCK_MONOTONIC: a fifth of a second from now or later.
    pub fn tick(&self, time: u64) {
        // A player that has failed says so in the end.
        let _ = self.ticks.send(time);
    }

    pub fn stop(self) {
        drop(self.ticks);
        self.player.join().expect("the player plays to the end");
    }
}

/// The other end, in the microphone's own format.
fn open() -> PCM {
    let pcm = PCM::new(PLAYED, Direction::Playback, false).expect("the cable's other end");
    let parameters = HwParams::any(&pcm).expect("parameters");
    let set = || {
        parameters.set_access(Access::RWInterleaved)?;
        parameters.set_format(Format::s16())?;
        parameters.set_channels(CHANNELS)?;
        parameters.set_rate(RATE, ValueOr::Nearest)?;
        parameters.set_buffer_time_near(200_000, ValueOr::Nearest)?;
        parameters.set_period_time_near(20_000, ValueOr::Nearest)?;
        pcm.hw_params(&parameters)
    };
    set().expect("the microphone's own parameters");
    drop(parameters);
    pcm
}

/// Silence, and a tick at each time that is told, until there is nobody to tell one.
fn play(pcm: &PCM, orders: &Receiver<u64>) {
    let io = pcm.io_i16().expect("S16");
    let chunk = u64::from(RATE) / 100;
    let mut ticks: Vec<u64> = Vec::new();
    let mut samples = vec![0; (chunk * u64::from(CHANNELS)) as usize];
    loop {
        match orders.try_recv() {
            Ok(tick) => ticks.push(tick),
            Err(mpsc::TryRecvError::Empty) => {}
            Err(mpsc::TryRecvError::Disconnected) => return,
        }
        // When the first sample of this chunk is heard: after those that wait.
        let waiting = pcm.delay().map_or(0, |frames| u64::try_from(frames).unwrap_or(0));
        let first = now() + waiting * SECOND / u64::from(RATE);
        for (n, frame) in samples.chunks_exact_mut(CHANNELS as usize).enumerate() {
            let time = first + n as u64 * SECOND / u64::from(RATE);
            let loud = ticks.iter().any(|&tick| time >= tick && time < tick + TICK.as_nanos() as u64);
            frame.fill(if loud { LOUD } else { 0 });
        }
        ticks.retain(|&tick| tick + SECOND > first);
        if let Err(error) = io.writei(&samples) {
            pcm.try_recover(error, true).expect("the cable goes on");
        }
    }
}
