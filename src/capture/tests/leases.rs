//! Frames are the driver's own buffers, lent: where they are, who gives them back, and what happens when few are left.

use std::thread;

use super::bench::{Bench, assert_sums, yuyv};
use crate::capture::{CapturedFrame, Item};
use crate::seam::scripted::{Call, Frame, mark};

fn bytes(frame: &CapturedFrame) -> &[u8] {
    frame.lease.bytes(0, 0, frame.info.payloads[0].length as usize).unwrap()
}

#[test]
fn a_frame_lies_inside_the_driver_s_mapping_and_is_no_copy() {
    let bench = Bench::keeping(1, yuyv());
    let _source = bench.open().unwrap();
    bench.camera.run(1);
    let frame = bench.keeper.take().remove(0);
    let range = frame.lease.address_range(0).unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.starts_with(&format!("{:x}-", range.start))).unwrap();
    assert!(line.contains("memfd:usermedia-scripted-"), "{line}");
    assert!(range.contains(&(bytes(&frame).as_ptr() as usize)));
    assert!(!frame.info.copied);
    assert!(bytes(&frame).iter().all(|&byte| byte == mark(0)));
}

#[test]
fn the_last_drop_queues_the_buffer_from_whatever_thread() {
    let bench = Bench::keeping(1, yuyv());
    let _source = bench.open().unwrap();
    let all = bench.camera.queued();
    bench.camera.run(1);
    let frame = bench.keeper.take().remove(0);
    let clones = [frame.clone(), frame.clone()];
    drop(frame);
    assert_eq!(bench.camera.queued(), all - 1);
    for clone in clones {
        assert_eq!(bench.camera.queued(), all - 1, "a clone still counts");
        thread::spawn(move || drop(clone)).join().unwrap();
    }
    assert_eq!(bench.camera.queued(), all);
    assert_eq!(bench.kernel.misuse(), Vec::<String>::new());
}

#[test]
fn a_frame_costs_one_dequeue_one_queue_and_one_wait() {
    let bench = Bench::new(yuyv());
    let _source = bench.open().unwrap();
    bench.camera.run(10);
    let before = (bench.camera.all_calls(), bench.kernel.waits());
    bench.camera.run(300);
    assert_eq!(bench.camera.all_calls() - before.0, 600);
    assert_eq!(bench.kernel.waits() - before.1, 300);
    assert_eq!(bench.camera.calls(Call::DequeueBuffer), 310);
}

#[test]
fn a_held_frame_keeps_its_bytes_while_others_flow() {
    let bench = Bench::keeping(1, yuyv());
    let _source = bench.open().unwrap();
    bench.camera.run(1);
    let held = bench.keeper.take().remove(0);
    bench.camera.run(100);
    assert!(bytes(&held).iter().all(|&byte| byte == mark(0)));
    assert_eq!(bench.keeper.state().seen, 101);
}

#[test]
fn frames_are_copied_once_the_driver_runs_short_and_copies_are_counted() {
    let bench = Bench::keeping(100, yuyv());
    let source = bench.open().unwrap();
    // Six buffers, of which the driver always has two: the fifth frame is a copy, as is every one after it.
    bench.camera.run(8);
    let frames = bench.keeper.take();
    let copied: Vec<bool> = frames.iter().map(|frame| frame.info.copied).collect();
    assert_eq!(copied, [false, false, false, false, true, true, true, true]);
    for (number, frame) in (0..).zip(&frames) {
        assert!(bytes(frame).iter().all(|&byte| byte == mark(number)), "frame {number}");
    }
    assert_eq!(bench.camera.queued(), 2);
    let statistics = source.statistics();
    assert_eq!((statistics.accepted, statistics.copied), (8, 4));
    drop(frames);
    bench.camera.run(1);
    assert!(!bench.keeper.take()[0].info.copied, "buffers came back: no copy is needed");
}

#[test]
fn with_every_buffer_and_every_copy_held_frames_starve_and_the_camera_goes_on() {
    let bench = Bench::keeping(100, yuyv());
    let source = bench.open().unwrap();
    bench.camera.run(20);
    let statistics = source.statistics();
    // Four of the driver's six buffers and six copies.
    assert_eq!((statistics.accepted, statistics.starved, statistics.lost_in_driver), (10, 10, 0));
    assert_sums(&statistics);
    assert_eq!(bench.camera.queued(), 2);
    bench.keeper.take();
    bench.camera.run(3);
    assert_eq!(source.statistics().accepted, 13);
    assert_eq!(bench.kernel.misuse(), Vec::<String>::new());
}

#[test]
fn the_driver_s_own_minimum_is_the_low_mark() {
    let mut camera = yuyv();
    camera.min_buffers = Some(4);
    let bench = Bench::keeping(100, camera);
    let _source = bench.open().unwrap();
    assert_eq!(bench.camera.queued(), 8);
    bench.camera.run(6);
    let copied: Vec<bool> = bench.keeper.take().iter().map(|frame| frame.info.copied).collect();
    assert_eq!(copied, [false, false, false, false, true, true]);
}

#[test]
fn any_number_of_held_frames_leaves_the_rate_whole() {
    for held in 0..8 {
        let bench = Bench::keeping(held, yuyv());
        let source = bench.open().unwrap();
        assert_eq!(bench.camera.run(60), 60, "the driver was always fed");
        let statistics = source.statistics();
        assert_eq!((statistics.accepted, statistics.lost_in_driver), (60, 0), "holding {held}");
        // Four can be lent: those held, and the one that is being delivered.
        assert_eq!(statistics.copied > 0, held > 3, "holding {held}");
    }
}

#[test]
fn what_another_process_may_write_to_is_delivered_as_copies() {
    let mut camera = yuyv();
    camera.driver = "v4l2 loopback".to_owned();
    let bench = Bench::keeping(3, camera);
    let source = bench.open().unwrap();
    let all = bench.camera.queued();
    bench.camera.run(3);
    let frames = bench.keeper.take();
    assert!(frames.iter().all(|frame| frame.info.copied));
    assert_eq!(bench.camera.queued(), all, "the buffers went back at once");
    bench.camera.run(10);
    assert!(bytes(&frames[0]).iter().all(|&byte| byte == mark(0)));
    assert_eq!(source.statistics().copied, 13);
}

#[test]
fn a_copy_keeps_the_payload_and_leaves_the_offset_behind() {
    let mut camera = yuyv();
    camera.driver = "v4l2 loopback".to_owned();
    let bench = Bench::keeping(1, camera);
    bench.camera.change(|camera| {
        let mut pixels = crate::seam::scripted::pixels(crate::Fourcc(*b"H264"), 64, 48);
        pixels.planes[0].sizeimage = 1000;
        camera.answers = Some(pixels);
    });
    let _source = bench.open().unwrap();
    bench.camera.next(Frame::good().data_offset(100).bytes(&[7; 300]));
    let frame = bench.keeper.take().remove(0);
    assert_eq!((frame.info.payloads[0].offset, frame.info.payloads[0].length), (0, 300));
    assert_eq!(bytes(&frame), [7; 300]);
}

#[test]
fn a_copy_that_nobody_needs_gives_its_memory_to_the_next() {
    let bench = Bench::keeping(3, yuyv());
    let source = bench.open().unwrap();
    bench.camera.run(3);
    let frames = bench.keeper.take();
    let place = |frame: &CapturedFrame| frame.lease.address_range(0).unwrap();
    let first = frames[0].detached(None).unwrap();
    assert!(first.info.copied && bytes(&first).iter().all(|&byte| byte == mark(0)));
    let memory = place(&first);
    let second = frames[1].detached(Some(first)).unwrap();
    assert_eq!(place(&second), memory);
    assert!(bytes(&second).iter().all(|&byte| byte == mark(1)));
    // What somebody still reads is left alone, and so is the driver's own.
    let third = frames[2].detached(Some(second.clone())).unwrap();
    assert_ne!(place(&third), memory);
    assert!(bytes(&second).iter().all(|&byte| byte == mark(1)));
    let fourth = frames[2].detached(Some(frames[0].clone())).unwrap();
    assert!(fourth.info.copied && bytes(&frames[0]).iter().all(|&byte| byte == mark(0)));
    drop((frames, source));
    bench.assert_closed();
}
