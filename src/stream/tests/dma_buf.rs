//! Frames as dma-bufs: what is exported, how often, for how long, and what is said where nothing can be.

use std::os::fd::AsRawFd;

use memmap2::MmapOptions;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};

use super::bench::{Bench, drain, eventually};
use crate::error::{Error, ErrorName};
use crate::seam::scripted::{Call, FOREVER, Frame, ScriptedCamera, mark};
use crate::stream::{DmaBuf, LocalMediaStream, MediaDevices, VideoFrame};
use crate::{MediaStreamConstraints, MediaStreamTrackProcessor};

fn multi_planar(fourcc: &[u8; 4]) -> Bench {
    let mut camera = ScriptedCamera::new(fourcc, 64, 48);
    camera.multiplanar = true;
    Bench::new(camera)
}

fn started(bench: &Bench) -> (LocalMediaStream, MediaStreamTrackProcessor) {
    let stream = bench.stream();
    let processor = stream.video_tracks()[0].processor(2);
    (stream, processor)
}

fn next(bench: &Bench, processor: &MediaStreamTrackProcessor) -> VideoFrame {
    bench.camera.run(1);
    drain(processor).remove(0)
}

#[track_caller]
fn refused(frame: &VideoFrame) -> Error {
    frame.dma_buf().expect_err("nothing to export")
}

/// What another process would see of it, which has nothing but the descriptor and the two numbers.
fn mapped(dma_buf: &DmaBuf, memory: usize) -> Vec<u8> {
    let payload = dma_buf.payload(memory).unwrap();
    let descriptor = dma_buf.descriptor(memory).unwrap().as_raw_fd();
    // SAFETY: a memory file of the script, to which nobody writes while the frame is held.
    let map = unsafe { MmapOptions::new().len(payload.end).map(descriptor) }.unwrap();
    map[payload].to_vec()
}

#[test]
fn every_memory_is_exported_and_holds_the_frames_bytes() {
    for (fourcc, memories) in [(b"NV12", 1), (b"NM12", 2), (b"YM12", 3)] {
        let bench = multi_planar(fourcc);
        let (_stream, processor) = started(&bench);
        bench.camera.run(2);
        let frame = drain(&processor).remove(1);
        let dma_buf = frame.dma_buf().unwrap();
        assert_eq!((dma_buf.memory_count(), bench.camera.dma_bufs()), (memories, memories));
        for memory in 0..memories {
            assert_eq!(Some(&*mapped(&dma_buf, memory)), frame.memory(memory));
            assert!(mapped(&dma_buf, memory).iter().all(|&byte| byte == mark(1)));
            let descriptor = dma_buf.descriptor(memory).unwrap();
            let access = OFlag::from_bits_retain(fcntl(descriptor, FcntlArg::F_GETFL).unwrap()) & OFlag::O_ACCMODE;
            assert_eq!(access, OFlag::O_RDONLY);
            let flags = FdFlag::from_bits_retain(fcntl(descriptor, FcntlArg::F_GETFD).unwrap());
            assert!(flags.contains(FdFlag::FD_CLOEXEC));
        }
        assert!(dma_buf.descriptor(memories).is_none() && dma_buf.payload(memories).is_none());
    }
}

#[test]
fn the_picture_begins_where_the_driver_says() {
    let mut camera = ScriptedCamera::new(b"H264", 64, 48);
    camera.multiplanar = true;
    let bench = Bench::new(camera);
    let (_stream, processor) = started(&bench);
    bench.camera.next(Frame::good().data_offset(100).bytes(&[7; 300]));
    let dma_buf = drain(&processor).remove(0).dma_buf().unwrap();
    assert_eq!(dma_buf.payload(0), Some(100..400));
    assert_eq!(mapped(&dma_buf, 0), [7; 300]);
}

#[test]
fn a_buffer_is_exported_once_and_only_when_asked() {
    let bench = multi_planar(b"NM12");
    let (_stream, processor) = started(&bench);
    next(&bench, &processor);
    assert_eq!(bench.camera.calls(Call::ExportBuffer), 0);
    let buffers = bench.camera.queued() as u64;
    let descriptors: Vec<_> = (0..3 * buffers)
        .map(|_| {
            let dma_buf = next(&bench, &processor).dma_buf().unwrap();
            (dma_buf.frame().address_range(0).unwrap().start, dma_buf.descriptor(0).unwrap().as_raw_fd())
        })
        .collect();
    assert_eq!(bench.camera.calls(Call::ExportBuffer), 2 * buffers);
    for (at, descriptor) in &descriptors {
        assert!(descriptors.iter().all(|(other, its)| (at == other) == (descriptor == its)), "one for each buffer");
    }
}

#[test]
fn the_driver_has_its_buffer_back_when_the_last_of_frame_and_dma_buf_is_dropped() {
    let bench = multi_planar(b"NM12");
    let (stream, processor) = started(&bench);
    let all = bench.camera.queued();
    let frame = next(&bench, &processor);
    let dma_buf = frame.dma_buf().unwrap();
    drop(frame);
    assert_eq!(bench.camera.queued(), all - 1);
    let bytes = mapped(&dma_buf, 1);
    bench.camera.run(20);
    assert_eq!(mapped(&dma_buf, 1), bytes, "nobody has written to it meanwhile");
    drop((drain(&processor), dma_buf));
    assert_eq!(bench.camera.queued(), all);
    drop((stream, processor));
    bench.assert_closed();
}

#[test]
fn a_dma_buf_counts_against_its_consumer_as_a_frame_does() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let processor = stream.video_tracks()[0].processor(1);
    let mut held = Vec::new();
    for _ in 0..10 {
        bench.camera.run(1);
        held.extend(drain(&processor).iter().filter_map(|frame| frame.dma_buf().ok()));
    }
    let statistics = processor.statistics();
    // Four buffers can be lent; the fifth frame is a copy, which cannot be exported and is let go of.
    assert_eq!((held.len(), statistics.holding), (4, 0));
    assert_eq!(bench.camera.queued(), 2);
    held.extend(held.iter().map(|dma_buf| dma_buf.frame().dma_buf().unwrap()).collect::<Vec<_>>());
    bench.camera.run(1);
    assert_eq!(processor.statistics().holding, 1);
}

#[test]
fn a_driver_that_exports_nothing_is_asked_once_and_says_so() {
    let mut camera = ScriptedCamera::new(b"YUYV", 64, 48);
    camera.exports = false;
    let bench = Bench::new(camera);
    let (_stream, processor) = started(&bench);
    for _ in 0..10 {
        let error = refused(&next(&bench, &processor));
        assert_eq!((error.name(), error.errno()), (ErrorName::NotSupportedError, Some(Errno::EINVAL as i32)));
        assert!(error.message().contains("EXPBUF") && error.remedy().is_some(), "{error}");
    }
    assert_eq!(bench.camera.calls(Call::ExportBuffer), 1);
}

#[test]
fn a_process_without_descriptors_may_ask_again() {
    let bench = multi_planar(b"NM12");
    let (_stream, processor) = started(&bench);
    bench.camera.fail_after(1, Call::ExportBuffer, Errno::EMFILE, 1);
    let frame = next(&bench, &processor);
    let error = refused(&frame);
    assert_eq!(error.name(), ErrorName::NotReadableError);
    assert!(error.remedy().is_some_and(|remedy| remedy.contains("ulimit -n")));
    assert_eq!(frame.dma_buf().unwrap().memory_count(), 2, "the first memory is not exported twice");
    assert_eq!(bench.camera.calls(Call::ExportBuffer), 3);
}

#[test]
fn what_is_not_the_drivers_memory_is_not_exported() {
    let bench = Bench::yuyv();
    let (stream, processor) = started(&bench);
    let held: Vec<_> = (0..5).map(|_| next(&bench, &processor)).collect();
    assert!(held[4].is_copied());
    assert_eq!(refused(&held[4]).name(), ErrorName::NotSupportedError);
    drop(held);
    stream.video_tracks()[0].set_enabled(false);
    assert_eq!(refused(&next(&bench, &processor)).name(), ErrorName::NotSupportedError);
    assert_eq!(bench.camera.calls(Call::ExportBuffer), 0);
    let synthetic = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(true)).unwrap();
    let frame = synthetic.video_tracks()[0].processor(1).next().unwrap().unwrap();
    assert_eq!(refused(&frame).name(), ErrorName::NotSupportedError);
}

#[test]
fn after_the_stop_what_was_exported_stays_and_nothing_more_is() {
    for orphans in [true, false] {
        let mut camera = ScriptedCamera::new(b"YUYV", 64, 48);
        camera.orphans = orphans;
        let bench = Bench::new(camera);
        let (stream, processor) = started(&bench);
        let (exported, plain) = (next(&bench, &processor), next(&bench, &processor));
        let dma_buf = exported.dma_buf().unwrap();
        stream.stop();
        let error = refused(&plain);
        assert_eq!(error.name(), ErrorName::AbortError, "{error}");
        assert!(exported.dma_buf().is_ok());
        assert!(mapped(&dma_buf, 0).iter().all(|&byte| byte == mark(0)));
        drop((exported, plain));
        assert_eq!(bench.camera.dma_bufs(), 1);
        drop(dma_buf);
        eventually(|| bench.camera.dma_bufs() == 0 && bench.camera.mappings() == 0);
        bench.assert_closed();
        drop(started(&bench));
        bench.assert_closed();
    }
}

#[test]
fn descriptors_nobody_holds_are_closed_with_the_stream() {
    let bench = multi_planar(b"YM12");
    let (stream, processor) = started(&bench);
    for _ in 0..10 {
        next(&bench, &processor).dma_buf().unwrap();
    }
    assert!(bench.camera.dma_bufs() > 3);
    stream.stop();
    assert_eq!(bench.camera.dma_bufs(), 0);
}

#[test]
fn reading_is_bracketed_for_every_memory() {
    let bench = multi_planar(b"YM12");
    let (_stream, processor) = started(&bench);
    let dma_buf = next(&bench, &processor).dma_buf().unwrap();
    let read = dma_buf.read().unwrap();
    assert_eq!(bench.camera.readings(), 3);
    assert_eq!(
        read.plane(2).map(|plane| plane.data.to_vec()),
        dma_buf.frame().plane(2).map(|plane| plane.data.to_vec())
    );
    drop(read);
    assert_eq!((bench.camera.readings(), bench.camera.calls(Call::SyncDmaBuf)), (0, 6));
    assert_eq!(bench.kernel.misuse(), Vec::<String>::new());
}

#[test]
fn a_bracket_that_breaks_is_closed_again() {
    let bench = multi_planar(b"YM12");
    let (_stream, processor) = started(&bench);
    let dma_buf = next(&bench, &processor).dma_buf().unwrap();
    bench.camera.fail(Call::SyncDmaBuf, Errno::EAGAIN, 3);
    drop(dma_buf.read().unwrap());
    assert_eq!(bench.camera.readings(), 0, "put off is not refused");
    bench.camera.fail_after(1, Call::SyncDmaBuf, Errno::EIO, 1);
    let error = dma_buf.read().expect_err("the second memory");
    assert_eq!((error.name(), error.errno()), (ErrorName::NotReadableError, Some(Errno::EIO as i32)));
    assert_eq!(bench.camera.readings(), 0);
    bench.camera.fail(Call::SyncDmaBuf, Errno::EAGAIN, FOREVER);
    assert!(dma_buf.read().is_err(), "not for ever");
    assert_eq!(bench.kernel.misuse(), Vec::<String>::new());
}
