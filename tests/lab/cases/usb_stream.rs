//! The whole stream of a webcam: camera and microphone of one USB device, as one `LocalMediaStream`.

use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use usermedia::constraints::{ConstrainDomString, MediaTrackConstraints};
use usermedia::devices::enumerate_devices;
use usermedia::{
    AudioData, ErrorName, Fourcc, LocalMediaStream, MediaDevices, MediaStreamConstraints, Recorder, RecoveryPolicy,
    get_user_media,
};

use super::capture::{check_sums, exactly, format, on, open, vga};
use super::usb_sound::frequency;
use crate::devices::{share, succeed, usermedia, vivid_hdmi, vivid_webcam, vivid_webcam_multi_planar};
use crate::harness::{LabTest, lab_test};
use crate::usb::models::{webcam, webcam_camera};
use crate::usb::specification::MicrophoneSpec;
use crate::usb::{Plugged, now};

#[path = "../../support/sync.rs"]
pub(super) mod sync;

pub const TESTS: &[LabTest] = &[
    lab_test!(a_webcams_flash_and_tick_are_recorded_in_step).timeout_secs(90),
    lab_test!(a_microphones_tone_is_captured_whole_and_at_its_frequency),
    lab_test!(a_webcams_h264_is_recorded_beside_its_sound).timeout_secs(60),
    lab_test!(an_unplugged_webcam_ends_both_tracks_at_once),
    lab_test!(three_cameras_and_a_microphone_share_one_capture_thread),
];

const RATE: u32 = 48_000;

/// The microphone of a webcam, by its PCM.
pub(super) fn microphone(plugged: &Plugged) -> MediaTrackConstraints {
    let devices = enumerate_devices();
    let found = devices.iter().find(|device| device.path == plugged.microphone()).expect("the microphone is listed");
    MediaTrackConstraints::new().device_id(ConstrainDomString::new().exact(&*found.device_id))
}

#[track_caller]
pub(super) fn both(plugged: &Plugged) -> LocalMediaStream {
    both_with(plugged, RecoveryPolicy::new())
}

#[track_caller]
fn both_with(plugged: &Plugged, recovery: RecoveryPolicy) -> LocalMediaStream {
    let constraints = MediaStreamConstraints::new().video(vga(&plugged.camera())).audio(microphone(plugged));
    let devices = MediaDevices::new().with_recovery(recovery);
    devices.get_user_media(&constraints).unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

fn a_webcams_flash_and_tick_are_recorded_in_step() {
    let sound = MicrophoneSpec::tone(RATE, 440.0).with_tick();
    let plugged = webcam().with_camera(webcam_camera().with_flash()).with_microphone(sound).plug(0);
    let video = on(&plugged.camera()).width(exactly(320)).height(exactly(240)).pixel_format(format(Fourcc::MJPG));
    let stream = get_user_media(&MediaStreamConstraints::new().video(video).audio(microphone(&plugged))).expect("both");
    let (camera, audio) = (&stream.video_tracks()[0], &stream.audio_tracks()[0]);
    assert_eq!(camera.settings().group_id, audio.settings().group_id);
    // The recorder's code is paged in from the machine's disk first: the device shares this processor, and stands still.
    let warm = stream.attach(Recorder::create(share().join("warm.mkv")).unwrap().with_frame_limit(45)).unwrap();
    warm.wait().result.unwrap();
    let file = share().join("webcam.mkv");
    stream.attach(Recorder::create(&file).unwrap().with_frame_limit(210)).unwrap().wait().result.unwrap();
    stream.stop();
    assert_eq!(audio.statistics().host_stamped, 0, "{:?}", audio.statistics());
    let skews = sync::skews(&file, RATE);
    assert!(skews.len() >= 4, "{} flashes in seven seconds", skews.len());
    // A device that had to wait for its processor was late itself, which no stamp can know: not each of them counts.
    assert!(skews[skews.len() / 2] < 0.020, "{skews:.4?} seconds apart");
}

fn a_microphones_tone_is_captured_whole_and_at_its_frequency() {
    let plugged = webcam().with_microphone(MicrophoneSpec::tone(RATE, 1000.0).stereo()).plug(0);
    let stream = get_user_media(&MediaStreamConstraints::new().audio(microphone(&plugged))).unwrap();
    let track = &stream.audio_tracks()[0];
    let blocks: Vec<AudioData> = track.processor(200).take(100).map(Result::unwrap).collect();
    stream.stop();
    let (first, last) = (&blocks[0], &blocks[99]);
    assert!(blocks.iter().all(|block| block.lost() == 0 && block.frame_count() == 960), "periods of 20 ms");
    for (channel, volume) in [(0, 1), (1, 2)] {
        let samples: Vec<i16> =
            blocks.iter().flat_map(|block| block.samples(channel)).map(|sample| (sample * 32768.0) as i16).collect();
        let heard = frequency(&samples, RATE);
        assert!((heard - 1000.0).abs() < 0.05, "{heard} Hz in channel {channel}, {volume} times as quiet");
    }
    // Stamps are the driver's, and run with the clock.
    let elapsed = (last.timestamp() - first.timestamp()) as f64 / 1e9;
    let expected = (last.position() - first.position()) as f64 / f64::from(RATE);
    assert!((elapsed - expected).abs() < 0.005, "{elapsed} s for {expected} s of sound");
    let source = track.statistics();
    assert_eq!((source.xruns, source.lost_in_driver, source.host_stamped), (0, 0, 0), "{source:?}");
    assert_eq!(source.captured, source.accepted + source.starved, "{source:?}");
}

fn a_webcams_h264_is_recorded_beside_its_sound() {
    let plugged = webcam().plug(0);
    let file = share().join("h264.mkv");
    let mut command = usermedia();
    command.args(["capture", "--json", "--fourcc", "H264", "--width", "320", "--height", "240", "--frames", "60"]);
    command.args(["--microphone", &plugged.microphone(), "--device"]).arg(plugged.camera());
    let document: Value = serde_json::from_slice(&succeed(command.arg("-o").arg(&file)).stdout).unwrap();
    assert_eq!(document["video"]["delivered"]["fourcc"], "H264", "{document}");
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of", "csv=p=0"]);
    let told = String::from_utf8(succeed(probe.arg(&file)).stdout).unwrap();
    let mut streams = told.lines();
    assert_eq!(streams.next(), Some("h264,60"), "{told}");
    assert!(streams.next().is_some_and(|sound| sound.starts_with("pcm_s16le,")), "{told}");
}

fn an_unplugged_webcam_ends_both_tracks_at_once() {
    let plugged = webcam().plug(0);
    let stream = both_with(&plugged, RecoveryPolicy::none());
    let (ends, ended) = mpsc::channel();
    let tell = |kind| {
        let ends = ends.clone();
        move |error| ends.send((kind, now(), error)).unwrap()
    };
    let (video, audio) = (&stream.video_tracks()[0], &stream.audio_tracks()[0]);
    video.on_ended(tell("video"));
    audio.on_ended(tell("audio"));
    let mut blocks = audio.processor(4);
    (0..10).for_each(|_| drop(blocks.next().unwrap().unwrap()));
    let gone = plugged.unplug();
    for _ in 0..2 {
        let (kind, at, error) = ended.recv_timeout(Duration::from_secs(5)).expect("both end");
        let error = error.expect("with a reason");
        let after = Duration::from_nanos(at.saturating_sub(gone));
        assert!(after < Duration::from_millis(200), "{kind}: {after:?}");
        assert_eq!(error.name(), ErrorName::NotReadableError, "{kind}: {error}");
        assert!(error.message().contains("was unplugged"), "{kind}: {error}");
        assert_eq!(error.errno(), Some(nix::errno::Errno::ENODEV as i32), "{kind}: {error}");
        println!("{kind} ended after {after:?}");
    }
    check_sums(&video.statistics());
}

fn three_cameras_and_a_microphone_share_one_capture_thread() {
    let plugged = webcam().plug(0);
    let listen = get_user_media(&MediaStreamConstraints::new().audio(microphone(&plugged))).unwrap();
    let mut streams = vec![listen];
    for node in [vivid_webcam(), vivid_webcam_multi_planar(), vivid_hdmi()] {
        streams.push(open(on(&node)));
    }
    let (calls, came) = mpsc::channel();
    for (index, stream) in streams.iter().enumerate() {
        for track in stream.video_tracks() {
            let calls = calls.clone();
            track.on_frame(move |_| {
                let _ = calls.send((index, std::thread::current().id()));
            });
        }
        for track in stream.audio_tracks() {
            let calls = calls.clone();
            track.on_data(move |_| {
                let _ = calls.send((index, std::thread::current().id()));
            });
        }
    }
    let (mut counts, mut thread) = ([0; 4], None);
    while counts.iter().any(|&count| count < 5) {
        let (index, id) = came.recv_timeout(Duration::from_secs(5)).expect("all of them give something");
        counts[index] += 1;
        assert_eq!(*thread.get_or_insert(id), id, "one capture thread");
    }
}
