//! Cameras that go and come back, on the scripted kernel: found by their identity, on the same track.

use std::time::Duration;

use nix::errno::Errno;

use super::bench::{assert_sums, eventually, yuyv};
use super::recovery_bench::{Bench, SECOND};
use crate::capture::{RecoveryPolicy, RecoveryStep, SourceEnd};
use crate::seam::scripted::{Call, FOREVER};

#[test]
fn an_unplugged_camera_goes_on_under_another_name() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(5);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    assert_eq!(bench.diary.steps(), ["unplugged"]);
    bench.kernel.advance(5 * SECOND);
    assert!(bench.diary.pages().ends.is_empty());
    let again = bench.kernel.plug("/dev/video7", yuyv());
    bench.be_at(Some("/dev/video7"));
    bench.world.tell("/dev/video7");
    // At once, or a tenth of a second after the last attempt.
    let waited = bench.pass_until(|| again.queued() > 0);
    assert!(waited <= Duration::from_millis(200), "{waited:?}");
    again.run(5);
    assert_eq!(bench.diary.steps(), ["unplugged", "searching", "resumed"]);
    assert_eq!(bench.diary.pages().sequences, (0..10).collect::<Vec<_>>());
    let statistics = source.statistics();
    assert_sums(&statistics);
    assert_eq!((statistics.lost_in_driver, statistics.reopenings, statistics.recoveries), (0, 1, 1));
    source.stop();
    bench.assert_closed();
    assert_eq!(again.open_count(), 0);
    // Closed on the control thread, whenever it gets there.
    eventually(|| bench.world.watches().0 == 0);
}

#[test]
fn a_camera_pulled_again_before_its_first_frame_is_one_mute() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(5);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    let mut again = bench.camera.clone();
    for number in 1..4 {
        let path = format!("/dev/video{number}");
        again = bench.kernel.plug(&path, yuyv());
        bench.be_at(Some(&path));
        bench.world.tell(&path);
        bench.pass_until(|| again.queued() > 0);
        if number < 3 {
            bench.be_at(None);
            again.unplug();
            eventually(|| again.open_count() == 0);
        }
    }
    again.run(5);
    assert_eq!(bench.diary.steps(), ["unplugged", "searching", "searching", "searching", "resumed"]);
    let statistics = source.statistics();
    assert_sums(&statistics);
    assert_eq!((statistics.reopenings, statistics.recoveries), (3, 1));
    // From the first pull on.
    let pages = bench.diary.pages();
    let Some(RecoveryStep::Resumed { after }) = pages.events.last().map(|event| event.step.clone()) else { panic!() };
    assert_eq!(after.as_nanos(), u128::from(pages.events[4].at - pages.events[0].at));
    drop(pages);
    source.stop();
    bench.assert_closed();
}

#[test]
fn a_muted_camera_that_has_another_trouble_now_says_so_and_is_not_muted_again() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(5);
    bench.pass_until(|| bench.camera.calls(Call::StreamOn) == 2);
    // Started anew after a stall, and gone before its first frame.
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    assert_eq!(bench.diary.steps(), ["stalled", "restarting", "still muted: unplugged"]);
    source.stop();
    bench.assert_closed();
}

#[test]
fn where_nobody_tells_of_devices_a_camera_is_back_within_a_second() {
    let bench = Bench::new(yuyv());
    bench.world.deafen();
    let source = bench.open();
    bench.camera.run(5);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    bench.pass_until(|| bench.kernel.waits() > 60);
    let again = bench.kernel.plug("/dev/video7", yuyv());
    bench.be_at(Some("/dev/video7"));
    let waited = bench.pass_until(|| again.queued() > 0);
    assert!(waited <= SECOND, "{waited:?}");
    source.stop();
    bench.assert_closed();
}

#[test]
fn a_camera_whose_permissions_come_later_goes_on_when_they_do() {
    let bench = Bench::new(yuyv());
    let source = bench.open();
    bench.camera.run(5);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    let again = bench.kernel.plug("/dev/video1", yuyv());
    again.fail(Call::Open, Errno::EACCES, FOREVER);
    bench.be_at(Some("/dev/video1"));
    bench.world.tell("/dev/video1");
    bench.pass_until(|| bench.diary.has("failed"));
    again.mend();
    bench.world.tell("/dev/video1");
    bench.pass_until(|| again.queued() > 0);
    again.run(1);
    eventually(|| bench.diary.steps().last().is_some_and(|step| step == "resumed"));
    source.stop();
    bench.assert_closed();
}

#[test]
fn patience_has_an_end_and_the_end_has_its_reason() {
    let bench = Bench::new(yuyv());
    let source = bench.open_with(bench.keep(RecoveryPolicy::new().patience(3 * SECOND)));
    bench.camera.run(5);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    let waited = bench.pass_until(|| !bench.diary.pages().ends.is_empty());
    assert!((Duration::from_millis(2900)..=Duration::from_millis(3100)).contains(&waited), "{waited:?}");
    assert_eq!(bench.diary.pages().ends, [SourceEnd::Unplugged]);
    bench.kernel.advance(60 * SECOND);
    assert_eq!(bench.diary.pages().ends.len(), 1);
    source.stop();
    bench.assert_closed();
}

#[test]
fn nothing_spins_while_a_device_is_gone() {
    let bench = Bench::new(yuyv());
    let source = bench.open_with(bench.keep(RecoveryPolicy::new().patience(None)));
    bench.camera.run(5);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    bench.kernel.advance(10 * SECOND);
    let before = bench.kernel.waits();
    for _ in 0..600 {
        bench.kernel.advance(Duration::from_millis(100));
        std::thread::sleep(Duration::from_micros(200));
    }
    // The script's own nudges, one for each step and one for each deadline, wake nobody.
    let turns = bench.kernel.waits() - before;
    assert!(turns <= 600, "{turns} turns in a minute");
    source.stop();
    bench.assert_closed();
}

#[test]
fn frames_that_are_held_outlive_a_reopening() {
    let bench = Bench::new(yuyv());
    bench.diary.pages().hold = 4;
    let source = bench.open();
    bench.camera.run(4);
    bench.be_at(None);
    bench.camera.unplug();
    eventually(|| bench.camera.open_count() == 0);
    let again = bench.kernel.plug("/dev/video1", yuyv());
    bench.be_at(Some("/dev/video1"));
    bench.pass_until(|| again.queued() > 0);
    again.run(10);
    for (number, frame) in (0..).zip(std::mem::take(&mut bench.diary.pages().held)) {
        let bytes = frame.lease.bytes(0, 0, 64 * 48 * 2).unwrap();
        assert!(bytes.iter().all(|&byte| byte == crate::seam::scripted::mark(number)));
    }
    eventually(|| bench.camera.mappings() == 0);
    source.stop();
    bench.assert_closed();
}
