//! Microphones on real drivers: every format, overruns, unplugging, sharing, and what a period costs.

mod tone;

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use usermedia::constraints::{ConstrainDomString, MediaStreamConstraints, MediaTrackConstraints};
use usermedia::devices::{MediaDeviceInfo, MediaDeviceKind, enumerate_devices};
use usermedia::format::SampleFormat;
use usermedia::{
    AudioData, AudioStatistics, AudioTrack, ErrorName, LocalMediaStream, MediaDevices, RecoveryPolicy, get_user_media,
};

use super::capture::assert_ends_unplugged;
use crate::devices::{Background, eventually, in_guest, succeed, usermedia};
use crate::harness::{LabTest, lab_test};
use crate::{agent, layout};
use tone::{check_order, check_stamps, listen, play, running, tone};

pub const TESTS: &[LabTest] = &[
    lab_test!(a_tone_is_heard_at_its_frequency_in_every_format).timeout_secs(90),
    lab_test!(a_tone_is_heard_by_reads_where_nothing_is_mapped),
    lab_test!(a_tone_is_heard_where_the_cards_status_cannot_be_mapped),
    lab_test!(the_codec_captures_in_step_with_the_clock).not_in_virtual_time(layout::NO_HDA),
    lab_test!(a_card_that_was_run_over_keeps_the_timeline),
    lab_test!(a_stopped_ring_starts_again_and_keeps_the_timeline),
    lab_test!(a_process_that_was_stopped_counts_what_it_missed),
    lab_test!(a_busy_microphone_says_so_and_the_shared_one_opens).not_in_virtual_time(layout::NO_HDA),
    lab_test!(an_unplugged_microphone_ends_its_track),
    lab_test!(a_microphone_that_was_let_go_opens_again),
    lab_test!(a_period_costs_one_wait_and_now_and_then_one_call)
        .not_in_virtual_time("there neither the clock nor a card's status is mapped: reading them is a call")
        .timeout_secs(60),
];

const RATE: u32 = 48_000;
/// The end of snd-aloop's cable at which is heard what is played at the other. The lab's cards have fixed numbers.
pub(super) const HEARD: &str = "hw:0,1";
const CODEC: &str = "hw:1,0";

fn listed(path: &str) -> MediaDeviceInfo {
    let devices = enumerate_devices();
    let of = |device: &&MediaDeviceInfo| device.kind == MediaDeviceKind::AudioInput && device.path == path;
    devices.iter().find(of).unwrap_or_else(|| panic!("{path} is not listed")).clone()
}

pub(super) fn on(path: &str) -> MediaTrackConstraints {
    MediaTrackConstraints::new().device_id(ConstrainDomString::new().exact(&*listed(path).device_id))
}

fn open(path: &str) -> (LocalMediaStream, Arc<AudioTrack>) {
    open_from(&MediaDevices::new(), path)
}

fn open_from(devices: &MediaDevices, path: &str) -> (LocalMediaStream, Arc<AudioTrack>) {
    let stream = devices
        .get_user_media(&MediaStreamConstraints::new().audio(on(path)))
        .unwrap_or_else(|error| panic!("{error}: {error:?}"));
    let track = stream.audio_tracks().remove(0);
    (stream, track)
}

/// libasound's configuration for this process: the machine's, and these lines. Before anything has read it.
fn configure(lines: &str) {
    let path = "/tmp/asound.conf";
    fs::write(path, format!("</usr/share/alsa/alsa.conf>\n{lines}\n")).unwrap();
    // SAFETY: a test is a process of its own, and this its first line: there is no other thread to read it.
    unsafe { std::env::set_var("ALSA_CONFIG_PATH", path) };
}

#[track_caller]
pub(super) fn check_sums(source: &AudioStatistics) {
    assert_eq!(source.expected, source.captured + source.lost_in_driver, "{source:?}");
    assert_eq!(source.captured, source.accepted + source.starved, "{source:?}");
}

#[track_caller]
fn hear_a_tone(path: &str, format: SampleFormat) {
    hear_a_tone_from(&MediaDevices::new(), path, format);
}

fn hear_a_tone_from(devices: &MediaDevices, path: &str, format: SampleFormat) {
    let (stream, track) = open_from(devices, path);
    assert_eq!(track.settings().sample_format, format.name());
    let blocks = listen(&track, 1.5);
    // The first blocks may have begun before the player was heard.
    let (frequency, _) = tone(&blocks[10..]);
    assert!((frequency - 440.0).abs() < 0.5, "{format}: {frequency} Hz");
    let peak = blocks[10..].iter().flat_map(|block| block.samples(0)).fold(0.0f32, f32::max);
    assert!((peak - 0.5).abs() < 0.01, "{format}: {peak}");
    check_order(&blocks);
    check_stamps(&blocks);
    stream.stop();
    check_sums(&track.statistics());
    assert_eq!((track.statistics().xruns, track.statistics().starved), (0, 0), "{format}");
}

fn a_tone_is_heard_at_its_frequency_in_every_format() {
    let offered = listed(HEARD).audio.sample_formats;
    let formats: Vec<_> = SampleFormat::ALL.into_iter().filter(|f| offered.iter().any(|o| o == f.name())).collect();
    assert!(formats.len() >= 4, "{offered:?}");
    for format in formats {
        let player = play(format, 440.0);
        hear_a_tone(HEARD, format);
        drop(player);
        eventually("the cable free", || {
            let status = fs::read_to_string("/proc/asound/Loopback/pcm0p/sub0/status").ok()?;
            status.starts_with("closed").then_some(())
        });
    }
}

/// As on ARM: libasound asks the kernel where it reads memory elsewhere.
fn a_tone_is_heard_by_reads_where_nothing_is_mapped() {
    let _player = play(SampleFormat::S16Le, 440.0);
    hear_a_tone_from(&MediaDevices::new().without_mapped_sound(), HEARD, SampleFormat::S16Le);
}

fn a_tone_is_heard_where_the_cards_status_cannot_be_mapped() {
    configure(
        "pcm.asked { type hw card 0 device 1 sync_ptr_ioctl 1 }
         pcm.!default { type plug slave.pcm \"asked\" hint { show on description \"Asked\" } }",
    );
    let _player = play(SampleFormat::S16Le, 440.0);
    hear_a_tone("default", SampleFormat::S16Le);
}

fn the_codec_captures_in_step_with_the_clock() {
    let (stream, track) = open(CODEC);
    let blocks = listen(&track, 3.0);
    check_order(&blocks);
    check_stamps(&blocks);
    stream.stop();
    let source = track.statistics();
    check_sums(&source);
    assert!(source.accepted >= u64::from(3 * RATE), "{source:?}");
    // The emulated codec is a percent or two off while it finds its pace.
    let rate = source.measured_sample_rate().unwrap();
    assert!((rate / f64::from(RATE) - 1.0).abs() < 0.05, "{rate} Hz");
}

/// Someone takes 1.2 s in the middle: half a second of that is in the ring.
fn stall(path: &str) -> (Vec<AudioData>, AudioStatistics) {
    let _player = play(SampleFormat::S16Le, 50.0);
    let (stream, track) = open(path);
    let mut seen = 0;
    let dawdler = track.on_data(move |_| {
        seen += 1;
        if seen == 40 {
            thread::sleep(Duration::from_millis(1200));
        }
    });
    let blocks = listen(&track, 3.5);
    drop(dawdler);
    stream.stop();
    let source = track.statistics();
    check_sums(&source);
    check_order(&blocks);
    assert_eq!(source.xruns, 1, "{source:?}");
    let gaps: Vec<_> = blocks.iter().filter(|block| block.lost() > 0).collect();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0].lost(), source.lost_in_driver);
    // Time and positions agree across the gap.
    let (first, last) = (&blocks[10], &blocks[blocks.len() - 1]);
    let by_time = (last.timestamp() - first.timestamp()) as f64 * f64::from(RATE) / 1e9;
    let by_position = (last.position() - first.position()) as f64;
    assert!((by_time - by_position).abs() < 0.01 * f64::from(RATE), "{by_time} frames, {by_position} positions");
    (blocks, source)
}

/// How far the tone after the gap is from where the tone before it would be, in seconds.
fn slip(blocks: &[AudioData]) -> f64 {
    let gap = blocks.iter().position(|block| block.lost() > 0).unwrap();
    let ((frequency, before), (_, after)) = (tone(&blocks[10..gap]), tone(&blocks[gap..]));
    let turns = (after - before) / TAU;
    (turns - turns.round()) / frequency
}

fn a_card_that_was_run_over_keeps_the_timeline() {
    let (blocks, source) = stall(HEARD);
    let lost = source.lost_in_driver as f64 / f64::from(RATE);
    assert!((0.6..1.0).contains(&lost), "{lost} s");
    // By the card's own count: to the frame.
    assert!(slip(&blocks).abs() < 1.0 / f64::from(RATE), "{} s", slip(&blocks));
}

fn a_stopped_ring_starts_again_and_keeps_the_timeline() {
    configure("pcm.!default { type plug slave.pcm \"hw:Loopback,1\" hint { show on description \"Plugged\" } }");
    let (blocks, source) = stall("default");
    let lost = source.lost_in_driver as f64 / f64::from(RATE);
    assert!((1.1..1.7).contains(&lost), "{lost} s");
    // By the clock, which the cable steps along in ticks of 4 ms.
    assert!(slip(&blocks).abs() < 0.008, "{} s", slip(&blocks));
}

fn a_process_that_was_stopped_counts_what_it_missed() {
    let id = listed(HEARD).device_id;
    let child = usermedia()
        .args(["capture", "--json", "--duration", "4s", "--microphone", &id])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    running("Loopback/pcm1c");
    thread::sleep(Duration::from_millis(1000));
    succeed(Command::new("kill").args(["-STOP", &pid]));
    thread::sleep(Duration::from_millis(1500));
    succeed(Command::new("kill").args(["-CONT", &pid]));
    let output = child.wait_with_output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |name: &str| document["audio"]["source"][name].as_u64().unwrap();
    assert_eq!(count("xruns"), 1, "{document}");
    let lost = count("lostInDriver") as f64 / f64::from(RATE);
    assert!((0.9..1.4).contains(&lost), "{lost} s");
    assert_eq!(count("expected"), count("captured") + count("lostInDriver"));
    let expected = count("expected") as f64 / f64::from(RATE);
    assert!((3.0..4.6).contains(&expected), "{expected} s");
}

fn a_busy_microphone_says_so_and_the_shared_one_opens() {
    // The codec, which has one subdevice; the cable has eight.
    configure(
        "pcm.!default { type plug slave.pcm {
             type dsnoop ipc_key 5678 slave { pcm \"hw:Intel,0\" rate 48000 format S16_LE channels 2 period_size 960 }
         } hint { show on description \"Shared\" } }",
    );
    let id = listed(CODEC).device_id;
    // Another program shares the card, and so holds it.
    let mut other = Command::new("arecord");
    other.args(["-q", "-D", "default", "-f", "S16_LE", "-r", "48000", "-c", "2", "/tmp/other.wav"]);
    let _other = Background::start(other.stderr(Stdio::null()));
    running("Intel/pcm0c");
    let track = MediaTrackConstraints::new().device_id(ConstrainDomString::new().exact(&*id));
    let error = get_user_media(&MediaStreamConstraints::new().audio(track)).map(|_| ()).unwrap_err();
    assert_eq!((error.name(), error.errno()), (ErrorName::NotReadableError, Some(nix::errno::Errno::EBUSY as i32)));
    assert!(error.holder().is_some_and(|holder| holder.process.contains("arecord")), "{error:?}");

    let (stream, track) = open("default");
    let blocks = listen(&track, 1.5);
    check_order(&blocks);
    stream.stop();
    check_sums(&track.statistics());
    assert_eq!((track.statistics().xruns, track.statistics().lost_in_driver), (0, 0));
}

fn an_unplugged_microphone_ends_its_track() {
    const DRIVER: &str = "/sys/bus/platform/drivers/snd_aloop";
    let (stream, track) = open_from(&MediaDevices::new().with_recovery(RecoveryPolicy::none()), HEARD);
    let (ended, told) = std::sync::mpsc::channel();
    track.on_ended(move |error| drop(ended.send(error)));
    let mut processor = track.processor(2);
    assert!(processor.next().is_some_and(|block| block.is_ok()));
    // The driver waits there until the card is closed.
    let puller = thread::spawn(|| fs::write(Path::new(DRIVER).join("unbind"), "snd_aloop.0"));
    assert_ends_unplugged(&track, &mut processor, &told);
    drop(stream);
    eventually("the card let go", || puller.is_finished().then_some(()));
    puller.join().unwrap().unwrap();
    fs::write(Path::new(DRIVER).join("bind"), "snd_aloop.0").unwrap();
    if in_guest() {
        agent::as_udev_would();
    }
    let (_stream, track) = open(HEARD);
    assert!(track.processor(2).next().is_some_and(|block| block.is_ok()));
}

fn a_microphone_that_was_let_go_opens_again() {
    for _ in 0..10 {
        let (stream, track) = open(HEARD);
        assert!(track.processor(1).next().is_some_and(|block| block.is_ok()));
        stream.stop();
    }
}

fn a_period_costs_one_wait_and_now_and_then_one_call() {
    let id = listed(HEARD).device_id;
    // ALSA maps a card's status on x86, PowerPC and Alpha alone (pcm_status_mmap_allowed in sound/core/pcm_native.c); on
    // other processors each look at it is a call: three or four beside the wait.
    let mapped = cfg!(any(target_arch = "x86_64", target_arch = "x86", target_arch = "powerpc64"));
    for (latency, where_mapped, elsewhere) in [(0.02, 60, 250), (0.125, 15, 40)] {
        let most = if mapped { where_mapped } else { elsewhere };
        let constraints =
            format!(r#"{{"audio": {{"deviceId": {{"exact": "{id}"}}, "latency": {{"exact": {latency}}}}}}}"#);
        let mut capture = usermedia();
        capture.args(["capture", "--json", "--constraints", &constraints]).stdout(Stdio::null());
        let child = capture.spawn().unwrap();
        let pid = child.id().to_string();
        let capture = Background::of(child);
        running("Loopback/pcm1c");
        // The first seconds have more: the card's clock is found then.
        thread::sleep(Duration::from_millis(2000));
        let traced = ["4", "strace", "-f", "-ttt", "--decode-pids=comm", "-o", "/tmp/calls", "-p", &pid];
        let _ = Command::new("timeout").args(traced).stderr(Stdio::null()).status().unwrap();
        drop(capture);
        let text = fs::read_to_string("/tmp/calls").unwrap();
        // "123<usermedia-react> 1700000000.123456 epoll_wait(...": the capture thread's, each by its beginning.
        let calls: Vec<f64> = text
            .lines()
            .filter_map(|line| line.split_once("<usermedia-react> "))
            .filter_map(|(_, line)| line.split_once(' '))
            .filter(|(_, call)| !call.starts_with("<...") && !call.starts_with("+++"))
            .filter_map(|(time, _)| time.parse().ok())
            .collect();
        let begun = calls.first().expect("calls") + 0.5;
        let steady = calls.iter().filter(|time| (begun..begun + 2.0).contains(*time)).count();
        println!("{} system calls a second at periods of {latency} s", steady as f64 / 2.0);
        assert!(steady > 0 && steady <= 2 * most, "{steady} system calls in two seconds at periods of {latency} s");
    }
}
