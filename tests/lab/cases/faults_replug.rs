//! USB devices that are pulled out and put in again, or have to be started anew: their tracks go on.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use usermedia::devices::enumerate_devices;
use usermedia::{Fourcc, MediaDevices, MediaStreamConstraints, MediaStreamTrackState, RecoveryPolicy, VideoFrame};

use super::capture::{check_sums, next, on, open, vga};
use super::hotplug::as_nobody;
use super::usb_stream::both;
use super::watched::{Damaged, Gathered, Watched, cycles, only, plug, resumed, story, tell, tell_in_words, try_open};
use crate::devices::{Background, eventually, in_guest, vivid_webcam};
use crate::harness::{LabTest, lab_test};
use crate::usb::faults::{Fault, scatter};
use crate::usb::models::{webcam, webcam_camera};
use crate::usb::{Plugged, SECOND, now};

pub const TESTS: &[LabTest] = &[
    lab_test!(a_replugged_camera_goes_on_under_another_node).timeout_secs(90),
    lab_test!(a_yanked_camera_goes_on_when_it_is_back).timeout_secs(90),
    lab_test!(a_replugged_webcam_is_seen_and_heard_again).timeout_secs(90),
    lab_test!(a_camera_frozen_by_five_failed_transfers_is_started_anew).timeout_secs(90),
    lab_test!(a_camera_that_refuses_to_start_anew_is_opened_anew).timeout_secs(90),
    lab_test!(a_camera_that_pauses_goes_on).timeout_secs(90),
    lab_test!(a_microphone_that_stops_answering_is_opened_anew).timeout_secs(90),
    lab_test!(an_unanswered_commit_is_noticed_by_no_other_camera).timeout_secs(90),
    lab_test!(a_camera_that_goes_while_it_starts_holds_nobody_up).timeout_secs(90),
    lab_test!(a_camera_that_does_not_come_back_ends_its_track_when_patience_does).timeout_secs(90),
    lab_test!(frames_held_while_a_camera_goes_are_read_when_it_is_back).timeout_secs(90),
    lab_test!(a_camera_that_is_back_is_used_when_that_is_permitted).timeout_secs(90),
    lab_test!(cameras_that_come_and_go_leave_nothing_behind).timeout_secs(300),
];

/// Frames go on by number and time, and none is expected while the track is muted.
#[track_caller]
fn assert_goes_on(watched: &Watched) {
    let first = watched.next();
    let second = watched.next();
    assert!(first.sequence < second.sequence && first.timestamp < second.timestamp, "{first:?}, {second:?}");
    let counted = watched.stop();
    assert!(counted.muted > 0, "{counted:?}");
}

fn a_replugged_camera_goes_on_under_another_node() {
    let device = only(webcam_camera());
    let plugged = device.plug(0);
    let node = plugged.camera();
    let watched = Watched::open(&node, &enumerate_devices(), Fourcc::YUYV);
    watched.next();
    plugged.unplug();
    eventually("it muted", || (story(&watched.track()) == ["unplugged"]).then_some(()));
    assert!(watched.track().muted());
    // Another camera takes the node it had.
    let other = only(webcam_camera().numbering_from(5_000)).with_serial("OTHER").plug(3);
    assert_eq!(other.camera(), node);
    let plugged = device.plug(5);
    let there = now();
    assert_ne!(plugged.camera(), node);
    let story = resumed(&watched.track(), 1);
    let took = Duration::from_nanos(now() - there);
    assert_eq!((story[0], story[story.len() - 1]), ("unplugged", "resumed"), "{story:?}");
    assert_eq!(watched.track().ready_state(), MediaStreamTrackState::Live);
    let numbers: Vec<_> = (0..5).map(|_| watched.next().number).collect();
    assert!(numbers.iter().all(|&number| number < 5_000), "its own pictures: {numbers:?}");
    assert_eq!(watched.statistics().reopenings, 1);
    println!("{took:?} after its nodes: {story:?}");
    tell_in_words(
        "USB camera unplugged, plugged in again elsewhere",
        format_args!("{} | {:.2} s after its nodes are there", story.join(", "), took.as_secs_f64()),
    );
    assert_goes_on(&watched);
}

fn a_yanked_camera_goes_on_when_it_is_back() {
    // On the machine of somebody who needs it, or with a second processor, this could be the end of its kernel.
    if !Plugged::may_be_yanked() {
        return;
    }
    let device = only(webcam_camera());
    let plugged = device.plug(0);
    let watched = Watched::open(&plugged.camera(), &enumerate_devices(), Fourcc::MJPG);
    watched.next();
    plugged.yank();
    let plugged = device.plug(0);
    let story = resumed(&watched.track(), 1);
    assert!(story.contains(&"unplugged"), "{story:?}");
    tell("USB camera yanked (every transfer fails first), back 0.5 s later", &watched.track());
    assert_goes_on(&watched);
    drop(plugged);
}

fn a_replugged_webcam_is_seen_and_heard_again() {
    let device = webcam();
    let plugged = device.plug(0);
    let stream = both(&plugged);
    let (video, audio) = (stream.video_tracks().remove(0), stream.audio_tracks().remove(0));
    let (mut frames, mut blocks) = (video.processor(2), audio.processor(2));
    assert!(frames.next().is_some_and(|frame| frame.is_ok()) && blocks.next().is_some_and(|block| block.is_ok()));
    plugged.unplug();
    eventually("both muted", || (video.muted() && audio.muted()).then_some(()));
    let plugged = device.plug(2);
    let (seen, heard) = (resumed(&video, 1), resumed(&audio, 1));
    assert!(seen.contains(&"unplugged") && heard.contains(&"unplugged"), "{seen:?}, {heard:?}");
    for _ in 0..5 {
        assert!(frames.next().is_some_and(|frame| frame.is_ok()));
        assert!(blocks.next().is_some_and(|block| block.is_ok()));
    }
    tell("USB webcam unplugged and back: its picture", &video);
    tell("USB webcam unplugged and back: its sound", &audio);
    stream.stop();
    check_sums(&video.statistics());
    let counted = audio.statistics();
    assert!(counted.muted > 0 && counted.recoveries == 1, "{counted:?}");
    drop(plugged);
}

fn a_camera_frozen_by_five_failed_transfers_is_started_anew() {
    let mut plugged = plug(&only(webcam_camera()), Damaged::Dropped);
    let watched = Watched::open(&plugged.camera(), &enumerate_devices(), Fourcc::YUYV);
    watched.next();
    plugged.inject(Fault::FailedTransfer.times(5));
    let story = resumed(&watched.track(), 1);
    assert_eq!(story, ["stalled", "restarting", "resumed"]);
    let counted = watched.statistics();
    assert_eq!((counted.stalls, counted.restarts, counted.reopenings, counted.recoveries), (1, 1, 0, 1));
    assert!(counted.error > 0, "{counted:?}");
    tell("five USB transfers fail: uvcvideo is frozen", &watched.track());
    assert_goes_on(&watched);
}

fn a_camera_that_refuses_to_start_anew_is_opened_anew() {
    let mut plugged = plug(&only(webcam_camera()), Damaged::Dropped);
    let watched = Watched::open(&plugged.camera(), &enumerate_devices(), Fourcc::YUYV);
    watched.next();
    plugged.inject(Fault::CommitStalled);
    plugged.inject(Fault::FailedTransfer.times(5));
    let story = resumed(&watched.track(), 1);
    assert_eq!(story, ["stalled", "restarting", "failed", "reopening", "resumed"]);
    tell("frozen, and COMMIT is refused once", &watched.track());
    assert_goes_on(&watched);
}

fn a_camera_that_pauses_goes_on() {
    let mut plugged = plug(&only(webcam_camera()), Damaged::Dropped);
    let watched = Watched::open(&plugged.camera(), &enumerate_devices(), Fourcc::YUYV);
    watched.next();
    // Shorter than what counts as a stall: missing frames, and no more.
    let struck = plugged.inject(Fault::Stall(Duration::from_millis(900)));
    watched.until(struck + 28);
    assert_eq!(story(&watched.track()), [""; 0]);
    let lost = watched.statistics().lost_in_driver;
    assert!((25..=30).contains(&lost), "{lost}");
    tell_in_words("USB camera pauses for 0.9 s", "nothing: frames counted as lostInDriver | no mute");
    plugged.inject(Fault::Stall(Duration::from_secs(3)));
    let story = resumed(&watched.track(), 1);
    assert_eq!(story, ["stalled", "restarting", "resumed"]);
    tell("USB camera sends no frame for 3 s", &watched.track());
    assert!(watched.statistics().lost_in_driver < lost + 5, "{:?}", watched.statistics());
    assert_goes_on(&watched);
}

fn a_microphone_that_stops_answering_is_opened_anew() {
    let mut plugged = super::faults_usb_sound::only_a_microphone().plug(0);
    let stream = MediaDevices::new()
        .get_user_media(&MediaStreamConstraints::new().audio(super::usb_stream::microphone(&plugged)))
        .unwrap();
    let track = stream.audio_tracks().remove(0);
    let mut blocks = track.processor(2);
    assert!(blocks.next().is_some_and(|block| block.is_ok()));
    plugged.mute(Duration::from_secs(4));
    let story = resumed(&track, 1);
    assert_eq!(story[0], "stalled", "{story:?}");
    assert!(blocks.next().is_some_and(|block| block.is_ok()));
    tell("USB microphone answers nothing for 4 s", &track);
    let counted = track.statistics();
    assert!(counted.stalls >= 1 && counted.recoveries == 1 && counted.muted > 0, "{counted:?}");
}

/// uvcvideo holds a camera's lock for the five seconds it waits: only who asks that camera may wait with it.
fn an_unanswered_commit_is_noticed_by_no_other_camera() {
    let mut plugged = plug(&only(webcam_camera()), Damaged::Dropped);
    let stream = open(on(&vivid_webcam()));
    let track = &stream.video_tracks()[0];
    let period = track.settings().native_frame_rate.unwrap().interval_ns();
    let (arrivals, arrived) = mpsc::channel();
    let _callback = track.on_frame(move |_| {
        let _ = arrivals.send(now());
    });
    arrived.recv_timeout(Duration::from_secs(5)).expect("the other camera streams");
    plugged.inject(Fault::CommitUnanswered);
    let (node, listing, begun) = (plugged.camera(), enumerate_devices(), now());
    let refused = thread::spawn(move || try_open(&node, &listing, Fourcc::YUYV).map(drop));
    // Of those five seconds.
    thread::sleep(Duration::from_secs(1));
    let while_it_waits: Vec<u64> = arrived.try_iter().filter(|at| *at > begun).collect();
    let (until, expected) = (begun + 4 * SECOND, 4 * SECOND / period);
    let mut times = while_it_waits;
    times.extend(arrived.iter().take_while(|at| *at < until));
    assert!(!refused.is_finished(), "it waits still");
    assert_eq!(refused.join().unwrap().expect_err("no answer").errno(), Some(Errno::EIO as i32));
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    println!("{} frames of {expected}, at most {longest} ns apart", times.len());
    // Were it blocked, there would be none; a slow machine may leave out some.
    assert!(times.len() as u64 * 2 >= expected, "{} frames of {expected}", times.len());
    assert_eq!(track.recovery_events(), []);
    tell_in_words(
        "USB camera does not answer COMMIT",
        format_args!(
            "NotReadableError (EIO) after {:.1} s; another camera's frames at most {:.0} ms apart | no mute",
            (now() - begun) as f64 / 1e9,
            longest as f64 / 1e6
        ),
    );
}

/// In and out at random moments, in any state of the recovery.
fn cameras_that_come_and_go_leave_nothing_behind() {
    let cycles = cycles(8);
    let device = only(webcam_camera());
    let mut plugged = device.plug(0);
    let listing = enumerate_devices();
    let devices = MediaDevices::new().with_listing(listing);
    let stream = devices.get_user_media(&MediaStreamConstraints::new().video(on(&plugged.camera()))).unwrap();
    let track = stream.video_tracks().remove(0);
    let (frames, came) = mpsc::channel();
    let _callback = track.on_frame(move |frame| {
        let _ = frames.send(frame.sequence());
    });
    let mut before = None;
    for cycle in 0..cycles {
        came.recv_timeout(Duration::from_secs(10)).expect("frames");
        // Every other time frames flow for a while; else it goes as soon as it has come.
        if cycle % 2 == 0 {
            resumed_by_now(&track);
            thread::sleep(Duration::from_millis(scatter(2, cycle) % 400));
        }
        if cycle == 1 {
            before = Some(Gathered::now());
        }
        plugged.unplug();
        thread::sleep(Duration::from_millis(scatter(3, cycle) % 300));
        plugged = device.plug(u8::try_from(cycle % 4).unwrap_or_default());
        while came.try_recv().is_ok() {}
    }
    came.recv_timeout(Duration::from_secs(10)).expect("frames");
    resumed_by_now(&track);
    assert_eq!(Gathered::now(), before.expect("two cycles at least"));
    let counted = track.statistics();
    println!("{cycles} cycles: {counted:?}");
    tell_in_words(
        format_args!("USB camera unplugged and back at random moments, {cycles} times"),
        format_args!(
            "resumed each time, nothing gathered | {:.2} s on average",
            counted.muted as f64 / 1e9 / f64::from(cycles)
        ),
    );
    stream.stop();
    check_sums(&track.statistics());
    assert_eq!(track.ready_state(), MediaStreamTrackState::Ended);
}

fn resumed_by_now(track: &usermedia::VideoTrack) {
    eventually("it not muted", || (!track.muted()).then_some(()));
}

/// What is pulled out is not waited for: not in STREAMON, not in S_FMT.
fn a_camera_that_goes_while_it_starts_holds_nobody_up() {
    let device = only(webcam_camera());
    for (owed, fault) in [("COMMIT", Fault::CommitUnanswered), ("PROBE", Fault::ProbeDelayed(Duration::from_secs(60)))]
    {
        let mut plugged = device.plug(0);
        plugged.inject(fault);
        let (node, listing, begun) = (plugged.camera(), enumerate_devices(), now());
        let refused = thread::spawn(move || try_open(&node, &listing, Fourcc::YUYV).map(drop));
        thread::sleep(Duration::from_secs(1));
        let gone = plugged.unplug();
        let error = refused.join().unwrap().expect_err("no camera");
        let took = Duration::from_nanos(now() - gone);
        println!("{took:?}: {error:?}");
        assert!(gone - begun < 4 * SECOND && took < Duration::from_secs(2), "{owed}: {took:?} after it had gone");
        tell_in_words(
            format_args!("USB camera unplugged while it owes an answer to {owed}"),
            format_args!("{}, {:.2} s after it has gone | -", error.name(), took.as_secs_f64()),
        );
    }
}

fn a_camera_that_does_not_come_back_ends_its_track_when_patience_does() {
    let plugged = only(webcam_camera()).plug(0);
    let devices = MediaDevices::new().with_recovery(RecoveryPolicy::new().patience(Duration::from_secs(2)));
    let stream = devices.get_user_media(&MediaStreamConstraints::new().video(on(&plugged.camera()))).unwrap();
    let track = stream.video_tracks().remove(0);
    let mut frames = track.processor(1);
    next(&mut frames);
    let gone = plugged.unplug();
    let error = frames.find_map(Result::err).expect("a reason");
    let took = Duration::from_nanos(now() - gone);
    assert_eq!(error.errno(), Some(Errno::ENODEV as i32), "{error:?}");
    assert!(took >= Duration::from_secs(2), "{took:?}");
    assert_eq!((story(&track), track.ready_state()), (vec!["unplugged"], MediaStreamTrackState::Ended));
    tell_in_words(
        "USB camera unplugged for good, patience 2 s",
        format_args!("{} | ended after {:.2} s", error.message(), took.as_secs_f64()),
    );
}

/// A frame is the camera's memory, which stays while the frame does.
fn frames_held_while_a_camera_goes_are_read_when_it_is_back() {
    let device = only(webcam_camera());
    let mut plugged = device.plug(0);
    let stream = open(vga(&plugged.camera()));
    let track = stream.video_tracks().remove(0);
    let mut frames = track.processor(4);
    for cycle in 1..=3 {
        let held: Vec<_> = (0..3).map(|_| next(&mut frames)).collect();
        let bytes: Vec<_> = held.iter().map(|frame| frame.memory(0).unwrap().to_vec()).collect();
        plugged.unplug();
        plugged = device.plug(cycle);
        resumed(&track, usize::from(cycle));
        assert!(held.iter().zip(&bytes).all(|(frame, bytes)| frame.memory(0) == Some(bytes)), "a held frame changed");
        let last = held.iter().map(VideoFrame::sequence).max();
        assert!(last < Some(next(&mut frames).sequence()));
    }
    tell("USB camera unplugged while 3 frames are held, 3 times", &track);
    stream.stop();
    check_sums(&track.statistics());
}

/// The node is there first, and root's alone; who may use it is said later.
fn a_camera_that_is_back_is_used_when_that_is_permitted() {
    if !in_guest() {
        return;
    }
    let open_to_all = |plugged: &Plugged, mode| {
        fs::set_permissions(plugged.camera(), fs::Permissions::from_mode(mode)).unwrap();
    };
    let device = only(webcam_camera());
    let plugged = device.plug(0);
    open_to_all(&plugged, 0o666);
    let mut command = as_nobody();
    command.args(["capture", "--fourcc", "YUYV", "--width", "320", "--height", "240", "-o", "-", "--device"]);
    let mut capture = command.arg(plugged.camera()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pictures = capture.stdout.take().unwrap();
    let lines = BufReader::new(capture.stderr.take().unwrap()).lines();
    let (told, heard) = mpsc::channel();
    thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(told.send((now(), line)))));
    let _capture = Background::of(capture);
    let mut said = Vec::new();
    let mut wait_for = |word: &str| loop {
        let line = heard.recv_timeout(Duration::from_secs(10));
        let (at, line) = line.unwrap_or_else(|_| panic!("no {word:?} in {said:#?}"));
        said.push(line.clone());
        if line.contains(word) {
            break at;
        }
    };
    pictures.read_exact(&mut [0; 1_000_000]).expect("pictures");
    thread::spawn(move || io::copy(&mut pictures, &mut io::sink()));
    plugged.unplug();
    wait_for("unplugged");
    // Its group's, which nobody is not in.
    let plugged = device.plug(0);
    wait_for("no permission");
    thread::sleep(Duration::from_secs(2));
    let permitted = now();
    open_to_all(&plugged, 0o666);
    let took = Duration::from_nanos(wait_for("going on") - permitted);
    println!("{took:?}: {said:#?}");
    tell_in_words(
        "USB camera is back, the permission to open it comes later",
        format_args!(
            "unplugged, searching, failed, searching, resumed | {:.2} s after the permission",
            took.as_secs_f64()
        ),
    );
}
