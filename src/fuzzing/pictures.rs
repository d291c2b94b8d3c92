//! What cameras send: JPEG, H.264, and frames of any format to whoever reads them.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use super::choices::Choices;
use crate::capture::{CapturedFrame, FrameInfo, LeaseMut, Payload, TimestampSource, VideoFormat};
use crate::convert::{Converter, PixelFormat as Target, Rect, VideoFrameView};
use crate::devices::synthetic_devices;
use crate::format::Fourcc;
use crate::resolve::{ResolveOptions, VideoSettings, resolve};
use crate::seam::{MAX_PLANES, PixelFormat, PlaneFormat};
use crate::sink::picture::{PictureType, encode, luma_mean};
use crate::stream::TrackFormat;
use crate::{FrameRate, MediaStreamConstraints, Recorder, Sink, Snapshot, TrackMetadata, TrackSettings, VideoFrame};

/// A camera's JPEG: what is written of it is a JPEG that needs nothing put in, and decodes as often as it is asked to.
pub(super) fn jpeg(bytes: &[u8]) {
    let brightness = luma_mean(&mjpeg(bytes));
    assert!(brightness.is_none_or(|mean| (0.0..=255.0).contains(&mean)), "{brightness:?}");
    let whole = |bytes: &[u8]| {
        let mut out = Vec::new();
        encode(&mjpeg(bytes), PictureType::Jpeg, &mut out).map(|()| out)
    };
    let Ok(first) = whole(bytes) else { return };
    assert!(first.starts_with(&[0xff, 0xd8]) && first.ends_with(&[0xff, 0xd9]));
    assert_eq!(whole(&first).as_ref(), Ok(&first));
    let _ = encode(&mjpeg(bytes), PictureType::Png, &mut Vec::new());
}

/// A frame as a webcam sends it.
fn mjpeg(bytes: &[u8]) -> VideoFrameView<'_> {
    let color_space = format(&PixelFormat { plane_count: 1, ..request(Fourcc::MJPG, 64, 48) }).color_space();
    VideoFrameView::new(Fourcc::MJPG, 64, 48, &[(bytes, 0)], color_space).expect("any bytes are a frame")
}

fn request(fourcc: Fourcc, width: u32, height: u32) -> PixelFormat {
    PixelFormat::request(fourcc, width, height)
}

/// A format that is there: its size and its planes are.
fn format(pixels: &PixelFormat) -> Arc<VideoFormat> {
    Arc::new(VideoFormat::from_driver(pixels, FrameRate::new(30, 1)).expect("a size and planes"))
}

/// A folder of files with every name a recording or picture can have, all of which are `/dev/null`.
static NOWHERE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("usermedia-fuzzing-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    for kind in RECORDINGS.iter().chain(&PICTURES) {
        // There already where the last process of this number left it.
        let _ = symlink("/dev/null", folder.join(format!("a.{kind}")));
    }
    folder
});

const RECORDINGS: [&str; 5] = ["mkv", "y4m", "mjpg", "h264", "raw"];
const PICTURES: [&str; 2] = ["jpg", "png"];

/// Some camera's settings: a recorder takes only the label and the rate from them.
static SETTINGS: LazyLock<VideoSettings> = LazyLock::new(|| {
    let request = MediaStreamConstraints::new().video(true);
    let found = resolve(&request, &synthetic_devices(), &ResolveOptions::new()).expect("the built-in camera");
    found.video.expect("video was asked for")
});

/// A frame whose memory planes begin with these bytes and are as long as that, with those payloads.
fn frame(
    format: &Arc<VideoFormat>,
    sequence: u64,
    timestamp: u64,
    memories: &[(Vec<u8>, usize, Payload)],
) -> Option<VideoFrame> {
    let sizes: Vec<usize> = memories.iter().map(|memory| memory.1).collect();
    let mut lease = LeaseMut::allocate(&sizes, format.clone())?;
    let mut payloads = [Payload::default(); MAX_PLANES];
    for (index, (bytes, size, payload)) in memories.iter().enumerate() {
        let length = bytes.len().min(*size);
        lease.memory_mut(index)[..length].copy_from_slice(&bytes[..length]);
        payloads[index] = *payload;
    }
    let timestamp_source = TimestampSource::Driver;
    let info = FrameInfo { sequence, timestamp, timestamp_source, payloads, copied: false, raw: None };
    Some(VideoFrame::new(CapturedFrame { lease: lease.into_lease(), info }, None))
}

/// Gives frames to a recorder of that kind. Errors are for the recorder to give, and no trouble.
fn record(kind: &str, format: &Arc<VideoFormat>, frames: &[VideoFrame]) {
    let mut recorder = Recorder::create(NOWHERE.join(format!("a.{kind}"))).expect("a name of a recording");
    let track = TrackMetadata {
        label: "Fuzzed".to_owned(),
        settings: TrackSettings::Video(SETTINGS.clone()),
        format: TrackFormat::Video(format.clone()),
    };
    if recorder.loaded_metadata(&[track]).is_err() {
        return;
    }
    for frame in frames {
        if recorder.video_frame(0, frame).is_err() {
            break;
        }
    }
    let _ = recorder.ended();
}

/// A camera's H.264: the bytes are cut into frames where they say so.
pub(super) fn h264(bytes: &[u8]) {
    let format = format(&PixelFormat { plane_count: 1, ..request(Fourcc(*b"H264"), 64, 48) });
    let frames: Vec<VideoFrame> = (0..)
        .zip(bytes.split(|&byte| byte == 0xfe).take(16))
        .filter_map(|(number, bytes)| {
            let length = u32::try_from(bytes.len()).ok()?;
            let payload = Payload { offset: 0, length };
            frame(&format, number, number * 33_333_333, &[(bytes.to_vec(), bytes.len(), payload)])
        })
        .collect();
    for kind in ["mkv", "h264", "raw"] {
        record(kind, &format, &frames);
    }
}

/// To every format, and a part of it; scaled, where somebody rolled that.
fn convert(frame: &VideoFrame, choices: &mut Choices) {
    let Ok(view) = frame.view() else { return };
    let sides = [(); 4].map(|()| u32::from(choices.byte()));
    let part = view.crop(Rect::new(sides[0], sides[1], sides[2], sides[3]));
    let mut converter = Converter::new();
    for view in [Some(view), part.ok()].into_iter().flatten() {
        for format in [Target::Rgb, Target::Rgba, Target::Bgra, Target::I420, Target::Nv12] {
            // A JPEG's frame may claim any size.
            let room = |width, height| format.buffer_size(width, height, 0).filter(|&size| size <= 8 * MOST_BYTES);
            let Some(size) = room(view.width(), view.height()) else { continue };
            let converted = converter.convert(&view, format, &mut vec![0; size], 0);
            assert!(converted.is_ok() || frame.fourcc().is_jpeg(), "{converted:?}");
            if let Some(size) = room(sides[3], sides[2]).filter(|_| choices.seldom()) {
                let _ = converter.convert_scaled(&view, format, (sides[3], sides[2]), &mut vec![0; size], 0);
            }
        }
    }
}

/// Formats that somebody reads.
const KNOWN: &[&[u8; 4]] = &[
    b"YUYV", b"YVYU", b"UYVY", b"VYUY", b"NV12", b"NM12", b"NV21", b"NM21", b"NV16", b"NM16", b"NV61", b"NM61",
    b"NV24", b"NV42", b"YU12", b"YM12", b"YV12", b"YM21", b"422P", b"YM16", b"YM61", b"411P", b"YUV9", b"YVU9",
    b"YM24", b"YM42", b"GREY", b"Y16 ", b"RGB3", b"BGR3", b"BGR4", b"XR24", b"AR24", b"RGB4", b"BX24", b"XB24",
    b"RX24", b"MJPG", b"JPEG", b"H264", b"HEVC", b"VP80", b"RGBP", b"BA81", b"HM12", b"Y10 ", b"Y12 ", b"P010",
    b"YUVO", b"YUV3", b"AYUV", b"VUYX",
];

/// The most bytes of a memory plane here: a driver's own are bounded by the memory there is.
const MOST_BYTES: usize = 1 << 18;

/// Frames of any format and size, whole and short, to every reader.
pub(super) fn frames(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let fourcc = match choices.seldom() {
        true => Fourcc([choices.byte(), choices.byte(), choices.byte(), choices.byte()]),
        false => Fourcc(*choices.of(KNOWN)),
    };
    let side = |choices: &mut Choices| match choices.seldom() {
        true => choices.number(),
        false => u32::from(choices.byte() % 80),
    };
    let mut pixels = request(fourcc, side(&mut choices), side(&mut choices));
    [pixels.colorspace, pixels.ycbcr_encoding, pixels.quantization, pixels.transfer_function] =
        [(); 4].map(|()| u32::from(choices.byte() % 16));
    let fitting = crate::seam::scripted::pixels(fourcc, pixels.width.min(4096), pixels.height.min(4096));
    pixels.plane_count = if choices.seldom() { u32::from(choices.byte()) } else { fitting.plane_count };
    for (plane, fitting) in pixels.planes.iter_mut().zip(fitting.planes) {
        let padded = fitting.bytesperline.saturating_add(if choices.flag() { 0 } else { u32::from(choices.byte()) });
        let bytesperline = if choices.seldom() { choices.number() } else { padded };
        *plane = PlaneFormat { bytesperline, sizeimage: fitting.sizeimage };
    }
    let Some(format) = VideoFormat::from_driver(&pixels, FrameRate::new(choices.number(), choices.number())) else {
        return;
    };
    let format = Arc::new(format);
    let mut frames = Vec::new();
    for number in 0..=u64::from(choices.byte() % 3) {
        let memories: Vec<_> = (0..format.memory_count)
            .map(|memory| {
                let needed = format.layout.as_ref().map_or(64, |layout| layout.memory_size(memory));
                let size = match choices.byte() % 8 {
                    0 => usize::from(choices.byte()),
                    1 => needed.saturating_sub(usize::from(choices.byte())),
                    _ => needed.saturating_add(usize::from(choices.byte() % 16)),
                };
                let size = size.min(MOST_BYTES);
                let offset = if choices.seldom() { usize::from(choices.byte()).min(size) } else { 0 };
                let length = u32::try_from(size - offset).unwrap_or(0);
                let begin = usize::from(choices.byte());
                let payload = Payload { offset: u32::try_from(offset).unwrap_or(0), length };
                (choices.take(begin), size, payload)
            })
            .collect();
        let timestamp = if choices.seldom() { choices.long_number() } else { number * 33_333_333 };
        frames.extend(frame(&format, number, timestamp, &memories));
    }
    for frame in &frames {
        for plane in 0..=frame.plane_count() {
            let read = frame.plane(plane);
            assert!(read.is_none_or(|plane| plane.data.len() <= MOST_BYTES));
        }
        convert(frame, &mut choices);
    }
    for kind in RECORDINGS {
        record(kind, &format, &frames);
    }
    for kind in PICTURES {
        let snapshot = Snapshot::create(NOWHERE.join(format!("a.{kind}"))).expect("a name of a picture");
        let mut snapshot = if choices.flag() { snapshot.immediate() } else { snapshot };
        for frame in &frames {
            let _ = snapshot.video_frame(0, frame);
        }
        let _ = snapshot.ended();
    }
}
