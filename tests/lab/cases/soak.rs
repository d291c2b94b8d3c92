//! Soaks: hours and days of capture. They run in virtual time, where an hour takes a minute or so (`make soak`).

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use usermedia::constraints::MediaStreamConstraints;
use usermedia::{Fourcc, get_user_media};

use super::audio;
use super::capture::{check_sums, exactly, format, on};
use super::soak_ledger::Ledger;
use super::soak_seconds::Seconds;
use crate::devices::{succeed, v4l2_ctl, vivid_webcam};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] = &[lab_test!(soak_an_hour_of_capture).soak_minutes(15)];

const HOUR: Duration = Duration::from_secs(3600);
const RATE: u32 = 48_000;

fn soak_an_hour_of_capture() {
    let camera = vivid_webcam();
    // Writing the time over each picture takes longer than everything else about it.
    succeed(&mut v4l2_ctl(&camera, &["--set-ctrl=osd_text_mode=2"]));
    let video = on(&camera).width(exactly(320)).height(exactly(180)).pixel_format(format(Fourcc::YUYV));
    let video = video.frame_rate(usermedia::constraints::ConstrainDouble::new().exact(30.0));
    let constraints = MediaStreamConstraints::new().video(video).audio(audio::on(audio::HEARD));
    let stream = get_user_media(&constraints).unwrap_or_else(|error| panic!("{error}: {error:?}"));
    let (camera, microphone) = (&stream.video_tracks()[0], &stream.audio_tracks()[0]);
    let (pictures, sounds) = (Seconds::of(30.0, 1.0), Seconds::of(f64::from(RATE), 960.0));
    let (pictures, sounds) = (Arc::new(Mutex::new(pictures)), Arc::new(Mutex::new(sounds)));
    let (noted, heard) = (Arc::clone(&pictures), Arc::clone(&sounds));
    camera.on_frame(move |frame| noted.lock().unwrap().picture(frame));
    microphone.on_data(move |block| heard.lock().unwrap().sound(block));
    // A consumer of each on a thread of its own, as a program has them.
    let mut frames = camera.processor(4);
    let mut blocks = microphone.processor(4);
    thread::spawn(move || while frames.next().is_some_and(|frame| frame.is_ok()) {});
    thread::spawn(move || while blocks.next().is_some_and(|block| block.is_ok()) {});

    let mut ledger = Ledger::of(54);
    thread::sleep(HOUR / 10);
    for _ in 0..54 {
        thread::sleep(Duration::from_secs(60));
        ledger.note();
    }
    stream.stop();
    ledger.assert_level(16.0, 2048.0);
    let pictures = pictures.lock().unwrap().assert_accounted("pictures", 0);
    let sounds = sounds.lock().unwrap().assert_accounted("samples", 0);
    let (source, sound) = (camera.statistics(), microphone.statistics());
    check_sums(&source);
    audio::check_sums(&sound);
    // The statistics began some frames before the callbacks did, and have to agree with the clock by themselves.
    let span = (source.last_timestamp - source.first_timestamp) as f64 / 1e9;
    assert!((span * 30.0 + 1.0 - source.expected as f64).abs() < 1.0, "{source:?}");
    assert_eq!((source.lost_in_driver, sound.lost_in_driver, sound.xruns), (0, 0, 0), "{source:?} {sound:?}");
    for (total, what) in [(pictures, "pictures"), (sounds, "samples")] {
        assert_eq!((total.missing, total.silences), (0, 0), "{what}: {total:?}");
    }
    for consumer in camera.consumer_statistics().iter().chain(&microphone.consumer_statistics()) {
        assert_eq!(consumer.behind, 0, "{consumer:?}");
    }
}
