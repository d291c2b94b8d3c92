//! v4l2loopback, whose writer heeds no lease: copies that say when they are torn, and the raw view.

use super::bench::{Bench, assert_sums, request};
use crate::capture::{CameraRequest, CapturedFrame, Item, Source};
use crate::format::Delivery;
use crate::seam::Kernel;
use crate::seam::scripted::{Call, Frame, ScriptedCamera, mark};

/// Bytes of a frame.
const SIZE: usize = 64 * 48 * 2;

/// A loopback of that many buffers, with frames of 64x48 in YUYV.
fn loopback(buffers: u32) -> ScriptedCamera {
    let mut camera = ScriptedCamera::new(b"YUYV", 64, 48);
    camera.driver = "v4l2 loopback".to_owned();
    camera.granted = Some(buffers);
    camera
}

fn open_raw(bench: &Bench) -> Source<CapturedFrame> {
    bench.open_request(CameraRequest { raw: true, ..request(None) }).unwrap()
}

/// The picture, and whether it is whole.
fn copy(frame: &CapturedFrame) -> (Vec<u8>, bool) {
    let mut out = vec![0; SIZE];
    assert!(frame.lease.copy_to(0, 0, &mut out));
    (out, is_whole(frame))
}

fn is_whole(frame: &CapturedFrame) -> bool {
    frame.lease.still_holds(frame.info.raw.expect("a raw frame"))
}

#[test]
fn a_raw_frame_is_lent_and_has_no_slices() {
    let bench = Bench::keeping(3, loopback(8));
    let source = open_raw(&bench);
    bench.camera.run(3);
    let frames = bench.keeper.take();
    for (number, frame) in (0..).zip(&frames) {
        assert_eq!((frame.lease.bytes(0, 0, 1), frame.info.copied), (None, false));
        assert_eq!(copy(frame), (vec![mark(number); SIZE], true));
    }
    let statistics = source.statistics();
    assert_eq!((statistics.raw, statistics.copied, statistics.accepted), (3, 0, 3));
    assert_eq!(frames[0].lease.format().delivery, Delivery::Raw);
    assert_sums(&statistics);
}

#[test]
fn what_is_written_over_is_torn_for_good() {
    let bench = Bench::keeping(1, loopback(4));
    let _source = open_raw(&bench);
    bench.camera.run(1);
    let frame = bench.keeper.take().remove(0);
    assert!(is_whole(&frame));
    // Its writer has the buffer, and half a picture in it.
    bench.camera.write_over(0, 200, None);
    let (bytes, whole) = copy(&frame);
    assert_eq!((bytes[0], bytes[SIZE - 1], whole), (200, mark(0), false));
    // Done, it is another whole picture, and not this one.
    bench.camera.write_over(0, 200, Some((4, bench.kernel.now())));
    assert_eq!(copy(&frame), (vec![200; SIZE], false));
}

#[test]
fn a_writer_that_may_be_on_the_buffer_counts_as_one_that_is() {
    let bench = Bench::keeping(1, loopback(4));
    let _source = open_raw(&bench);
    bench.camera.run(1);
    let frame = bench.keeper.take().remove(0);
    // The frames after it fill the other buffers, one by one. With the last of them this one's turn has come.
    for (buffer, whole) in [(1, true), (2, true), (3, false)] {
        bench.camera.write_over(buffer, 9, Some((buffer, 1)));
        assert_eq!(is_whole(&frame), whole, "after frame {buffer}");
    }
}

#[test]
fn a_frame_that_outlives_its_stream_says_that_it_cannot_be_trusted() {
    let bench = Bench::keeping(1, loopback(4));
    let source = open_raw(&bench);
    bench.camera.run(1);
    let frame = bench.keeper.take().remove(0);
    drop(source);
    assert_eq!(copy(&frame), (vec![mark(0); SIZE], false));
}

#[test]
fn a_buffer_that_comes_again_while_it_is_held_is_delivered_as_a_copy() {
    let bench = Bench::keeping(1, loopback(2));
    let source = open_raw(&bench);
    bench.camera.run(1);
    let held = bench.keeper.take().remove(0);
    bench.kernel.advance(std::time::Duration::from_millis(33));
    bench.camera.write_over(0, mark(1), Some((1, bench.kernel.now())));
    bench.camera.give(Frame::good().index(0));
    let copied = bench.keeper.take().remove(0);
    assert!(copied.info.copied && copied.info.raw.is_none());
    assert_eq!(copied.lease.bytes(0, 0, SIZE), Some(&vec![mark(1); SIZE][..]));
    assert!(!is_whole(&held));
    let statistics = source.statistics();
    assert_eq!((statistics.raw, statistics.copied, statistics.error), (1, 1, 0));
    assert_sums(&statistics);
}

#[test]
fn any_part_of_a_picture_is_copied_as_it_lies_there() {
    let bench = Bench::keeping(1, loopback(4));
    let _source = open_raw(&bench);
    let picture: Vec<u8> = (0..SIZE).map(|at| (at % 251) as u8).collect();
    bench.camera.next(Frame::good().bytes(&picture));
    let frame = bench.keeper.take().remove(0);
    for (start, length) in [(0, 1), (1, 7), (3, 64), (8, 8), (5, SIZE - 5), (SIZE, 0), (SIZE - 1, 1)] {
        let mut out = vec![0; length];
        assert!(frame.lease.copy_to(0, start, &mut out));
        assert_eq!(out, picture[start..start + length], "{length} from {start}");
    }
    let end = frame.lease.address_range(0).unwrap().len();
    for (memory, start, length) in [(0, end, 1), (0, usize::MAX, 2), (0, 0, end + 1), (1, 0, 1)] {
        assert!(!frame.lease.copy_to(memory, start, &mut vec![0; length]));
    }
}

#[test]
fn a_copy_that_was_written_over_meanwhile_is_no_frame() {
    let bench = Bench::keeping(3, loopback(4));
    let source = bench.open().unwrap();
    bench.camera.run(1);
    bench.camera.fail(Call::QueryBuffer, nix::errno::Errno::EINVAL, 1);
    bench.camera.next(Frame::good());
    bench.camera.run(1);
    let statistics = source.statistics();
    assert_eq!((statistics.captured, statistics.accepted, statistics.copied, statistics.error), (3, 2, 2, 1));
    assert_eq!(bench.keeper.take().len(), 2);
    assert_sums(&statistics);
}

#[test]
fn a_raw_frame_that_must_wait_is_copied_whole_or_not_at_all() {
    let bench = Bench::keeping(2, loopback(4));
    let _source = open_raw(&bench);
    bench.camera.run(2);
    let frames = bench.keeper.take();
    let copied = frames[1].detached(None).expect("it is whole");
    assert!(copied.info.copied && copied.info.raw.is_none());
    assert_eq!(copied.lease.bytes(0, 0, SIZE), Some(&vec![mark(1); SIZE][..]));
    bench.camera.write_over(0, 200, None);
    assert!(frames[0].detached(None).is_none());
}
