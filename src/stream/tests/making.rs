//! Pictures that are scaled or decoded for a track: made once, by who looks first, in memory that is used again.

use super::bench::{Bench, drain, eventually};
use crate::constraints::{ConstrainULong, MediaTrackConstraints};
use crate::convert::{Converter, PixelFormat};
use crate::error::ErrorName;
use crate::format::{Fourcc, Rect};
use crate::seam::scripted::{Frame, JPEG, ScriptedCamera};
use crate::stream::LocalMediaStream;
use crate::{MediaDevices, MediaStreamConstraints};

fn exactly(width: u32, height: u32) -> MediaStreamConstraints {
    let track = MediaTrackConstraints::new()
        .width(ConstrainULong::new().exact(width))
        .height(ConstrainULong::new().exact(height));
    MediaStreamConstraints::new().video(track)
}

fn stream(bench: &Bench, width: u32, height: u32) -> LocalMediaStream {
    bench.request(&exactly(width, height)).unwrap()
}

#[test]
fn a_scaled_picture_is_the_converter_s() {
    for fourcc in [b"YUYV", b"NV12", b"YU12", b"RGB3"] {
        let bench = Bench::new(ScriptedCamera::new(fourcc, 64, 48));
        let (small, whole) = (stream(&bench, 30, 12), bench.stream());
        let (small, whole) = (small.video_tracks().remove(0), whole.video_tracks().remove(0));
        let (made, own) = (small.processor(2), whole.processor(2));
        let bytes: Vec<u8> = (0..64 * 48 * 3usize).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let length = crate::format::layout::layout(Fourcc(*fourcc), 64, 48, &[]).unwrap().memory_size(0);
        bench.camera.next(Frame::good().bytes(&bytes[..length]));
        let (made, own) = (drain(&made).remove(0), drain(&own).remove(0));
        let format = match fourcc {
            b"NV12" => PixelFormat::Nv12,
            b"RGB3" => PixelFormat::Rgb,
            _ => PixelFormat::I420,
        };
        assert_eq!((made.fourcc(), made.width(), made.height()), (format.fourcc(), 30, 12));
        assert_eq!(small.settings().fourcc, Some(format.fourcc()));
        // 64 x 48 has room for 64 x 25.6 of that shape, and 26 rows begin at row 11, or with chroma at 10.
        let top = if matches!(fourcc, b"NV12" | b"YU12") { 10 } else { 11 };
        let mut expected = vec![0; format.buffer_size(30, 12, 0).unwrap()];
        let part = own.crop(Rect::new(0, top, 64, 26)).unwrap();
        Converter::new().convert_scaled(&part, format, (30, 12), &mut expected, 0).unwrap();
        assert!(made.memory(0) == Some(&expected[..]), "{}", Fourcc(*fourcc));
        assert_eq!(made.visible_rect(), Rect::new(0, 0, 30, 12));
        assert_eq!((made.color_space(), made.memory_count()), (part.color_space_as(format), 1));
        assert!(made.is_copied() && !own.is_copied());
        assert_eq!(made.dma_buf().unwrap_err().name(), ErrorName::NotSupportedError);
    }
}

#[test]
fn it_is_made_once_for_all_and_the_camera_has_its_buffer_back() {
    let bench = Bench::yuyv();
    let stream = stream(&bench, 32, 24);
    let track = stream.video_tracks().remove(0);
    let processors = [track.processor(4), track.processor(4)];
    let all = bench.camera.queued();
    bench.camera.run(2);
    assert_eq!(bench.camera.queued(), all - 2, "nobody has looked");
    let [one, other] = processors.each_ref().map(drain);
    let clone = one[0].clone();
    let bytes = one[0].memory(0).unwrap().as_ptr();
    assert_eq!(bench.camera.queued(), all - 1, "looked at, and copied");
    assert_eq!((other[0].memory(0).unwrap().as_ptr(), clone.plane(0).unwrap().data.as_ptr()), (bytes, bytes));
    assert_ne!(other[1].memory(0).unwrap().as_ptr(), bytes);
    assert_eq!(bench.camera.queued(), all);
    drop((one, other, clone, processors));
    // One that nobody looks at goes back as it came, too.
    let processor = track.processor(4);
    bench.camera.run(1);
    let frames = drain(&processor);
    assert_eq!(bench.camera.queued(), all - 1);
    drop(frames);
    assert_eq!(bench.camera.queued(), all);
    assert_eq!(processor.statistics().copied, 1, "as it would have been");
    stream.stop();
    eventually(|| bench.camera.mappings() == 0);
    bench.assert_closed();
}

#[test]
fn the_memory_is_used_again() {
    let bench = Bench::yuyv();
    let stream = stream(&bench, 32, 24);
    let processor = stream.video_tracks()[0].processor(4);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        bench.camera.run(2);
        let frames = drain(&processor);
        seen.extend(frames.iter().map(|frame| frame.memory(0).unwrap().as_ptr() as usize));
    }
    assert!(seen.len() <= 3, "{} pieces of memory for two frames at a time", seen.len());
}

#[test]
fn a_frame_outlives_its_stream() {
    let bench = Bench::yuyv();
    let stream = stream(&bench, 32, 24);
    let processor = stream.video_tracks()[0].processor(4);
    bench.camera.run(2);
    let frames = drain(&processor);
    let before = frames[0].memory(0).unwrap().to_vec();
    stream.stop();
    bench.assert_closed();
    assert_eq!(frames[0].memory(0).unwrap(), before);
    assert_eq!(frames[1].memory(0).unwrap().len(), before.len(), "looked at after the stop");
    drop(frames);
    eventually(|| bench.camera.mappings() == 0);
}

#[test]
fn a_damaged_jpeg_has_no_picture_and_is_counted_once() {
    let bench = Bench::new(ScriptedCamera::new(b"MJPG", 64, 48));
    let stream = stream(&bench, 32, 24);
    let track = stream.video_tracks().remove(0);
    let processor = track.processor(4);
    bench.camera.next(Frame::good().bytes(&JPEG));
    let frame = drain(&processor).remove(0);
    assert_eq!((frame.fourcc(), frame.width()), (Fourcc::YU12, 32));
    assert_eq!(stream.statistics().video[0].unreadable, 0, "nobody has looked");
    assert!(frame.memory(0).is_none() && frame.plane(0).is_none() && frame.clone().plane(1).is_none());
    assert_eq!(frame.view().unwrap_err().name(), ErrorName::NotReadableError);
    assert_eq!(stream.statistics().video[0].unreadable, 1);
}

#[test]
fn a_disabled_track_shows_black_of_its_own_size() {
    let bench = Bench::yuyv();
    let stream = stream(&bench, 32, 24);
    let track = stream.video_tracks().remove(0);
    track.set_enabled(false);
    let processor = track.processor(4);
    bench.camera.run(1);
    let frame = drain(&processor).remove(0);
    assert_eq!((frame.fourcc(), frame.width(), frame.height()), (Fourcc::YU12, 32, 24));
    assert!(frame.plane(0).unwrap().data.iter().all(|&luma| luma == 16));
    assert!(frame.plane(2).unwrap().data.iter().all(|&chroma| chroma == 128));
}

#[test]
fn the_built_in_camera_gives_any_smaller_size() {
    let stream = MediaDevices::synthetic().get_user_media(&exactly(500, 300)).unwrap();
    let track = stream.video_tracks().remove(0);
    let frame = track.processor(2).next().unwrap().unwrap();
    assert_eq!((frame.width(), frame.height(), frame.fourcc()), (500, 300, Fourcc::YU12));
    let luma = frame.plane(0).unwrap().data;
    assert!(luma.iter().min().unwrap() + 50 < *luma.iter().max().unwrap(), "there is something to be seen");
}
