//! Every format that a driver lists streams, and its frames say what they are.

use std::collections::BTreeSet;
use std::path::Path;

use usermedia::constraints::{ConstrainDomString, MediaStreamConstraints, MediaTrackConstraints};
use usermedia::devices::{Span, enumerate_devices};
use usermedia::{Fourcc, MediaDevices};

use super::{check_sums, exactly, format, on};
use crate::devices::{vivid_webcam, vivid_webcam_multi_planar};

/// Streams each format the camera lists, in the first size it lists it in, and checks what the frames say.
fn every_format(camera: &Path, wanted: impl Fn(Fourcc) -> bool) -> usize {
    // Listed once: the lab's machine is slow, and its test driver lists thousands of modes.
    let listing = enumerate_devices();
    let device = listing.iter().find(|device| Path::new(&device.path) == camera).unwrap();
    let devices = MediaDevices::new().with_listing(listing.clone());
    let mut seen = BTreeSet::new();
    let mut failures = Vec::new();
    for mode in &device.modes {
        let (Span::Fixed(width), Span::Fixed(height)) = (mode.width, mode.height) else { continue };
        if !wanted(mode.fourcc) || !seen.insert(mode.fourcc) {
            continue;
        }
        let track = MediaTrackConstraints::new()
            .device_id(ConstrainDomString::new().exact(&*device.device_id))
            .pixel_format(format(mode.fourcc))
            .width(exactly(width))
            .height(exactly(height));
        if let Err(reason) = one_frame(&devices, track, mode.fourcc, width, height) {
            failures.push(format!("{} {width}x{height}: {reason}", mode.fourcc));
        }
    }
    assert!(failures.is_empty(), "{} of {} formats:\n{}", failures.len(), seen.len(), failures.join("\n"));
    seen.len()
}

fn one_frame(
    devices: &MediaDevices,
    track: MediaTrackConstraints,
    code: Fourcc,
    width: u32,
    height: u32,
) -> Result<(), String> {
    let constraints = MediaStreamConstraints::new().video(track);
    let stream = devices.get_user_media(&constraints).map_err(|error| error.to_string())?;
    let camera = &stream.video_tracks()[0];
    let frame = camera.processor(1).next().ok_or("the track ended")?.map_err(|error| error.to_string())?;
    if (frame.fourcc(), frame.width(), frame.height()) != (code, width, height) {
        return Err(format!("got {frame:?}"));
    }
    for memory in 0..frame.memory_count() {
        let bytes = frame.memory(memory).ok_or("a memory plane is missing")?;
        if bytes.is_empty() {
            return Err(format!("memory plane {memory} is empty"));
        }
    }
    for plane in 0..frame.plane_count() {
        let plane = frame.plane(plane).ok_or("a colour plane is missing")?;
        if plane.data.len() + plane.stride < plane.stride * plane.rows + 1 {
            return Err(format!("{} bytes for {} rows of {}", plane.data.len(), plane.rows, plane.stride));
        }
    }
    stream.stop();
    let source = camera.statistics();
    check_sums(&source);
    if source.short + source.error > 0 { Err(format!("{source:?}")) } else { Ok(()) }
}

pub(super) fn every_format_of_the_webcam_streams() {
    let formats = every_format(&vivid_webcam(), |_| true);
    assert!(formats > 60, "vivid has some 90 formats, not {formats}");
}

/// The formats in several pieces of memory, and three that come in one piece on this kind of queue too.
pub(super) fn every_format_of_several_memories_streams() {
    let planar = |Fourcc(code): Fourcc| matches!(&code, [_, b'M', _, _] | b"YUYV" | b"NV12" | b"YU12");
    let formats = every_format(&vivid_webcam_multi_planar(), planar);
    assert!(formats >= 12, "vivid has NM12, NM21, NM16, NM61, YM12 and their kind: {formats}");
}

pub(super) fn common_formats_stream_at_several_sizes() {
    let camera = vivid_webcam();
    let devices = MediaDevices::new().with_listing(enumerate_devices());
    for code in [Fourcc::YUYV, Fourcc::NV12, Fourcc::YU12, Fourcc(*b"RGB3"), Fourcc(*b"GREY")] {
        for (width, height) in [(320, 180), (640, 480), (1280, 720)] {
            let track = on(&camera).pixel_format(format(code)).width(exactly(width)).height(exactly(height));
            one_frame(&devices, track, code, width, height)
                .unwrap_or_else(|reason| panic!("{code} {width}x{height}: {reason}"));
        }
    }
}
