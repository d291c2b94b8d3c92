//! What goes wrong while frames flow: each fault has its counter, each buffer goes back, and nothing spins.

use nix::errno::Errno;

use super::bench::{Bench, assert_sums, eventually, yuyv};
use crate::capture::{SourceEnd, SourceStatistics, TimestampSource};
use crate::seam::scripted::{Call, FOREVER, Frame, ScriptedCamera};

/// Far more bad frames than there are buffers, then good ones.
fn bad_then_good(camera: ScriptedCamera, bad: impl Fn() -> Frame) -> SourceStatistics {
    let bench = Bench::new(camera);
    let source = bench.open().unwrap();
    bench.camera.run(1);
    for _ in 0..50 {
        assert!(bench.camera.next(bad()), "the buffer of every rejected frame went back");
    }
    assert_eq!(bench.camera.run(5), 5);
    let statistics = source.statistics();
    assert_sums(&statistics);
    assert_eq!(statistics.captured, 56);
    assert_eq!(bench.keeper.state().seen, statistics.accepted);
    drop(source);
    bench.assert_closed();
    statistics
}

const WHOLE: u32 = 64 * 48 * 2;

#[test]
fn flagged_frames_are_errors() {
    let statistics = bad_then_good(yuyv(), || Frame::good().error());
    assert_eq!((statistics.error, statistics.accepted, statistics.lost_in_driver), (50, 6, 0));
}

#[test]
fn flagged_frames_without_a_stamp_say_nothing_about_time() {
    let statistics = bad_then_good(yuyv(), || Frame::good().error().timestamp(0).sequence(0));
    assert_eq!((statistics.error, statistics.accepted), (50, 6));
}

#[test]
fn short_and_empty_frames_are_short() {
    for bytes in [0, 1, WHOLE - 1] {
        let statistics = bad_then_good(yuyv(), || Frame::good().bytesused(bytes));
        assert_eq!((statistics.short, statistics.accepted), (50, 6), "{bytes} bytes");
    }
    let statistics = bad_then_good(yuyv(), || Frame::good().data_offset(16).bytesused(WHOLE));
    assert_eq!(statistics.short, 50, "the offset is no part of the picture");
}

#[test]
fn more_bytes_than_the_buffer_has_are_errors() {
    for bytes in [WHOLE + 1, u32::MAX] {
        let statistics = bad_then_good(yuyv(), || Frame::good().bytesused(bytes));
        assert_eq!((statistics.error, statistics.accepted), (50, 6), "{bytes} bytes");
    }
    let statistics = bad_then_good(yuyv(), || Frame::good().data_offset(u32::MAX).bytesused(WHOLE));
    assert_eq!(statistics.error, 50, "an offset behind the end");
}

#[test]
fn an_index_out_of_range_is_an_error() {
    for index in [6, 32, u32::MAX] {
        let statistics = bad_then_good(yuyv(), || Frame::good().index(index));
        assert_eq!((statistics.error, statistics.accepted), (50, 6), "index {index}");
    }
}

#[test]
fn a_buffer_given_while_it_is_lent_is_an_error_and_its_holder_keeps_it() {
    let bench = Bench::keeping(1, yuyv());
    let source = bench.open().unwrap();
    bench.camera.run(1);
    let held = bench.keeper.take();
    for _ in 0..20 {
        bench.camera.next(Frame::good().index(0));
    }
    assert_eq!(source.statistics().error, 20);
    drop(held);
    bench.camera.run(3);
    assert_eq!(source.statistics().accepted, 4);
    bench.keeper.take();
    drop(source);
    bench.assert_closed();
}

#[test]
fn buffers_may_come_in_any_order() {
    let bench = Bench::new(yuyv());
    let source = bench.open().unwrap();
    for index in [5, 3, 0, 0, 4, 1, 5, 2] {
        bench.camera.next(Frame::good().index(index));
    }
    assert_eq!(source.statistics().accepted, 8);
    assert_eq!(bench.kernel.misuse(), Vec::<String>::new());
}

#[test]
fn a_frame_given_twice_is_a_duplicate() {
    let statistics = bad_then_good(yuyv(), || Frame::good().again());
    assert_eq!((statistics.duplicate, statistics.accepted), (50, 6));
}

#[test]
fn jpegs_without_an_end_are_bad() {
    for bytes in [&[0xff, 0xd8, 1, 2, 3][..], &[1, 2, 0xff, 0xd9], &[0xff, 0xd8], &[0]] {
        let statistics = bad_then_good(ScriptedCamera::new(b"MJPG", 64, 48), || Frame::good().bytes(bytes));
        assert_eq!((statistics.bad_jpeg, statistics.accepted), (50, 6), "{bytes:?}");
    }
}

#[test]
fn lost_frames_are_counted_by_number_and_by_time() {
    let bench = Bench::new(yuyv());
    let source = bench.open().unwrap();
    bench.camera.run(3);
    bench.camera.next(Frame::good().after_lost(4));
    assert_eq!(source.statistics().lost_in_driver, 4);
    // uvcvideo numbers what it gives: only the clock shows what it lost.
    bench.kernel.advance(std::time::Duration::from_millis(100));
    bench.camera.run(1);
    assert_eq!(source.statistics().lost_in_driver, 7);
    let statistics = source.statistics();
    assert_eq!((statistics.captured, statistics.expected), (5, 12));
    assert_eq!(bench.keeper.state().sequences, [0, 1, 2, 7, 11]);
    assert_sums(&statistics);
}

#[test]
fn a_counter_that_begins_again_loses_nothing() {
    let bench = Bench::new(yuyv());
    let source = bench.open().unwrap();
    bench.camera.run(10);
    bench.camera.next(Frame::good().sequence(0));
    bench.camera.run(5);
    assert_eq!((source.statistics().lost_in_driver, source.statistics().accepted), (0, 16));
}

#[test]
fn stamps_that_cannot_be_true_become_the_time_of_arrival() {
    for stamp in [0, 1, u64::MAX, 1_700_000_000_000_000_000] {
        let bench = Bench::keeping(1, yuyv());
        let source = bench.open().unwrap();
        bench.camera.run(1);
        let before = bench.keeper.take()[0].info.timestamp;
        bench.camera.next(Frame::good().timestamp(stamp));
        let frame = bench.keeper.take().remove(0);
        assert_eq!(frame.info.timestamp_source, TimestampSource::Host, "stamp {stamp}");
        assert!(frame.info.timestamp > before);
        let statistics = source.statistics();
        assert_eq!((statistics.host_stamped, statistics.accepted, statistics.lost_in_driver), (1, 2, 0));
    }
}

#[test]
fn an_unplugged_camera_ends_once_and_nothing_spins() {
    let bench = Bench::keeping(2, yuyv());
    let source = bench.open().unwrap();
    bench.camera.run(5);
    let (waits, calls) = (bench.kernel.waits(), bench.camera.all_calls());
    bench.camera.unplug();
    bench.kernel.settle();
    assert_eq!(bench.keeper.state().ends, [SourceEnd::Unplugged]);
    assert!(bench.kernel.waits() - waits <= 2, "{} turns", bench.kernel.waits() - waits);
    bench.kernel.advance(std::time::Duration::from_secs(3600));
    assert!(bench.kernel.waits() - waits <= 2);
    assert_eq!(bench.camera.all_calls() - calls, 1, "one DQBUF found out");
    source.stop();
    bench.keeper.take();
    bench.assert_closed();
}

#[test]
fn a_hang_up_ends_it_even_where_dequeuing_still_answers() {
    let bench = Bench::new(yuyv());
    let source = bench.open().unwrap();
    bench.camera.hang_up();
    bench.kernel.settle();
    assert_eq!(bench.keeper.state().ends, [SourceEnd::Unplugged]);
    drop(source);
    bench.assert_closed();
}

#[test]
fn a_gone_camera_opens_anew_when_it_is_back() {
    let bench = Bench::new(yuyv());
    let source = bench.open().unwrap();
    bench.camera.run(2);
    bench.camera.unplug();
    bench.kernel.settle();
    source.stop();
    bench.assert_closed();
    let again = bench.kernel.plug(super::bench::NODE, yuyv());
    let source = bench.open().unwrap();
    assert_eq!(again.run(3), 3);
    assert_eq!(source.statistics().accepted, 3);
}

#[test]
fn an_error_or_two_of_dequeuing_are_survived() {
    let bench = Bench::new(yuyv());
    let source = bench.open().unwrap();
    for _ in 0..10 {
        bench.camera.fail(Call::DequeueBuffer, Errno::EIO, 7);
        bench.kernel.settle();
        assert_eq!(bench.camera.run(1), 1);
    }
    assert_eq!(bench.keeper.state().ends, []);
    assert_eq!(source.statistics().accepted, 10);
}

#[test]
fn an_error_that_stays_ends_the_stream_with_its_number_and_nothing_spins() {
    let bench = Bench::new(yuyv());
    let source = bench.open().unwrap();
    bench.camera.run(1);
    let waits = bench.kernel.waits();
    bench.camera.fail(Call::DequeueBuffer, Errno::EIO, FOREVER);
    bench.kernel.settle();
    assert_eq!(bench.keeper.state().ends, [SourceEnd::Failed(Errno::EIO)]);
    assert!(bench.kernel.waits() - waits <= 10);
    drop(source);
    bench.assert_closed();
}

#[test]
fn a_buffer_that_cannot_go_back_because_the_camera_is_gone_ends_the_stream() {
    let bench = Bench::keeping(1, yuyv());
    let source = bench.open().unwrap();
    bench.camera.run(1);
    bench.camera.fail(Call::QueueBuffer, Errno::ENODEV, FOREVER);
    bench.keeper.take();
    bench.camera.run(1);
    eventually(|| bench.keeper.state().ends == [SourceEnd::Unplugged]);
    drop(source);
    bench.keeper.take();
    bench.assert_closed();
}

#[test]
fn a_buffer_that_did_not_go_back_once_is_tried_again() {
    let bench = Bench::new(yuyv());
    let source = bench.open().unwrap();
    let all = bench.camera.queued();
    bench.camera.run(2);
    bench.camera.fail(Call::QueueBuffer, Errno::EIO, 1);
    assert_eq!(bench.camera.run(5), 5);
    assert_eq!(bench.keeper.state().ends, []);
    assert_eq!(bench.camera.queued(), all);
    drop(source);
    bench.assert_closed();
}
