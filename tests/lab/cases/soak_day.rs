//! A day of camera and microphone with faults: every second accounted for, and picture and sound in step at its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use usermedia::constraints::{ConstrainDouble, MediaStreamConstraints};
use usermedia::{Fourcc, MediaDevices, MediaStreamTrackState, Recorder, RecoveryPolicy, Segments};

use super::audio;
use super::capture::{check_sums, exactly, format, on};
use super::soak_clapper::Clapper;
use super::soak_ledger::{Dice, Ledger, Seconds, soak_count};
use super::usb_stream::sync;
use crate::devices::{eventually, find_node, succeed, v4l2_ctl, vivid_webcam};
use crate::harness::{LabTest, lab_test};
use crate::usb::{SECOND, now};
use crate::{agent, layout};

pub const TESTS: &[LabTest] = &[lab_test!(soak_a_day).soak_minutes(60)];

/// How long the day is, unless `USERMEDIA_SOAK_HOURS` says otherwise: as long as fits into a quarter of an hour.
const HOURS: u64 = 12;
const RATE: u32 = 48_000;
const CHANNELS: u32 = 2;
/// The microphone's clock: 100 ppm too slow. snd-aloop counts in units of 10 ppm, more for slower.
const RATE_SHIFT: &str = "100010";
const TRUE_RATE: f64 = RATE as f64 / 1.0001;
/// The other end of the cable.
const PLAYED: &str = "hw:Loopback,0";
/// Claps at the end.
const CLAPS: u64 = 30;
/// What picture and sound may be apart at the end of it, in seconds.
const IN_STEP: f64 = 0.020;

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// For some seconds a third of the frames is dropped.
    Drops,
    /// One buffer is flagged as damaged.
    Damage,
    /// DQBUF fails with EIO until the stream is started anew.
    Error,
    /// The camera is unplugged, and there again when nobody holds it.
    Disconnect,
    /// The microphone is unplugged, and comes back.
    Microphone,
}

const FAULTS: [Fault; 5] = [Fault::Drops, Fault::Damage, Fault::Error, Fault::Disconnect, Fault::Microphone];

fn set(control: &str) {
    succeed(&mut v4l2_ctl(&vivid_webcam(), &[&format!("--set-ctrl={control}")]));
}

/// Heard when the card is opened next.
fn slow_the_microphone() {
    let control = "iface=PCM,name='PCM Rate Shift 100000',device=1,subdevice=0";
    succeed(Command::new("amixer").args(["-q", "-c", "Loopback", "cset", control, RATE_SHIFT]));
}

impl Fault {
    fn happen(self, dice: &mut Dice) {
        match self {
            Fault::Drops => {
                set("percentage_of_dropped_buffers=30");
                thread::sleep(Duration::from_millis(dice.below(9_000) + 1_000));
                set("percentage_of_dropped_buffers=0");
            }
            Fault::Damage => set("inject_v4l2_buf_flag_error=1"),
            Fault::Error => set("inject_fatal_streaming_error=1"),
            Fault::Disconnect => {
                set("disconnect=1");
                eventually("the camera's node", || find_node(layout::WEBCAM).filter(|node| node.exists()));
                agent::as_udev_would();
            }
            Fault::Microphone => {
                const DRIVER: &str = "/sys/bus/platform/drivers/snd_aloop";
                fs::write(Path::new(DRIVER).join("unbind"), "snd_aloop.0").unwrap();
                thread::sleep(Duration::from_millis(dice.below(3_000)));
                fs::write(Path::new(DRIVER).join("bind"), "snd_aloop.0").unwrap();
                slow_the_microphone();
                agent::as_udev_would();
            }
        }
    }
}

fn soak_a_day() {
    let hours = soak_count("USERMEDIA_SOAK_HOURS", HOURS);
    let mut dice = Dice::from_environment();
    slow_the_microphone();
    set("osd_text_mode=2");
    set("test_pattern=5");
    let video = on(&vivid_webcam()).width(exactly(320)).height(exactly(180)).pixel_format(format(Fourcc::YUYV));
    let video = video.frame_rate(ConstrainDouble::new().exact(30.0));
    // Ten periods a second: what a period costs is another test's business.
    let audio = audio::on(audio::HEARD).sample_rate(exactly(RATE)).channel_count(exactly(CHANNELS));
    let audio = audio.latency(ConstrainDouble::new().exact(0.1));
    let devices = MediaDevices::new().with_recovery(RecoveryPolicy::new().patience(None));
    let constraints = MediaStreamConstraints::new().video(video).audio(audio);
    let stream = devices.get_user_media(&constraints).unwrap_or_else(|error| panic!("{error}: {error:?}"));
    let (camera, microphone) = (&stream.video_tracks()[0], &stream.audio_tracks()[0]);
    let pictures = Arc::new(Mutex::new(Seconds::of(30.0, 1)));
    let sounds = Arc::new(Mutex::new(Seconds::of(TRUE_RATE, 4_800)));
    let (noted, heard) = (Arc::clone(&pictures), Arc::clone(&sounds));
    camera.on_frame(move |frame| noted.lock().unwrap().picture(frame));
    microphone.on_data(move |block| heard.lock().unwrap().sound(block));
    // A ring of the last half minute.
    let segments = Segments::of_length(Duration::from_secs(10)).keep(110 << 20);
    let recorder = Recorder::create("/tmp/day.mkv").and_then(|recorder| recorder.with_segments(segments)).unwrap();
    let recording = stream.attach(recorder).unwrap();

    let begun = now();
    let end = begun + hours * 3_600 * SECOND;
    // The last events and the last segments are remembered: that many there are by then.
    let warm = begun + hours * 900 * SECOND;
    let mut ledger = Ledger::of(hours as usize * 60);
    let mut happened = [0; FAULTS.len()];
    thread::sleep(Duration::from_secs(120));
    while now() < end {
        // Eight in an hour, at any moment.
        let moment = now() + dice.below(900) * SECOND + dice.below(SECOND);
        while now() < moment {
            thread::sleep(Duration::from_nanos((moment - now()).min(60 * SECOND)));
            // Once everything that is ever needed was needed once.
            if now() > warm && happened.iter().all(|&count| count > 0) {
                ledger.note();
            }
        }
        assert_eq!(camera.ready_state(), MediaStreamTrackState::Live, "{:?}", camera.recovery_events());
        assert_eq!(microphone.ready_state(), MediaStreamTrackState::Live, "{:?}", microphone.recovery_events());
        let fault = happened.iter().position(|&count| count == 0).unwrap_or(dice.below(FAULTS.len() as u64) as usize);
        happened[fault] += 1;
        FAULTS[fault].happen(&mut dice);
        thread::sleep(Duration::from_secs(20));
    }
    println!("{hours} hours with {happened:?} of {FAULTS:?}");
    Clapper::new(&vivid_webcam(), PLAYED, RATE, CHANNELS).clap(camera, CLAPS);
    stream.stop();
    let outcome = recording.wait();
    outcome.result.unwrap();

    let (source, sound) = (camera.statistics(), microphone.statistics());
    println!("{source:?}\n{sound:?}");
    check_sums(&source);
    audio::check_sums(&sound);
    let seen = pictures.lock().unwrap().assert_accounted("pictures");
    let heard = sounds.lock().unwrap().assert_accounted("samples");
    // Where no number accounts for a time, the track was muted, and says for how long.
    assert_eq!((seen.silences, heard.silences), (source.recoveries, sound.recoveries));
    assert!((seen.silent - source.muted as f64 / 1e9).abs() < 0.04 * seen.silences as f64, "{} s", seen.silent);
    assert!((heard.silent - sound.muted as f64 / 1e9).abs() < 0.11 * heard.silences as f64, "{} s", heard.silent);
    assert_in_step(Path::new("/tmp"));
    // A byte a second would be seen.
    ledger.assert_level(32.0, 4096.0);
}

/// The segments that are left are the last half minute, with a clap in each second.
fn assert_in_step(folder: &Path) {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "mkv");
    let mut segments: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).filter(is_segment).collect();
    segments.sort();
    let skews: Vec<f64> = segments.iter().flat_map(|segment| sync::skews(segment, RATE)).collect();
    let worst = skews.iter().copied().fold(0.0, f64::max);
    println!(
        "{} claps in {} segments, picture and sound at most {:.1} ms apart",
        skews.len(),
        segments.len(),
        worst * 1e3
    );
    assert!(skews.len() as u64 >= CLAPS / 2, "{skews:?}");
    assert!(worst < IN_STEP, "{skews:?}");
}
