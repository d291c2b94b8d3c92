//! What a camera's driver may answer, and what it may fail.

use crate::format::Fourcc;
use crate::fuzzing::choices::Choices;
use crate::seam::scripted::{Call, Frame, JPEG, ScriptedCamera, pixels};
use crate::seam::{BufferFlags, Fraction, InputStatus, PixelFormat};

/// The most bytes of a memory plane: a driver's own are bounded by the memory there is.
const MOST_BYTES: u32 = 1 << 16;
/// What a camera's driver can fail.
pub(super) const CALLS: &[Call] = &[
    Call::DequeueBuffer,
    Call::QueueBuffer,
    Call::StreamOn,
    Call::StreamOff,
    Call::Open,
    Call::SetFormat,
    Call::RequestBuffers,
    Call::FreeBuffers,
    Call::QueryBuffer,
    Call::Map,
    Call::QueryCapability,
    Call::Enumerate,
    Call::GetFormat,
    Call::GetInterval,
    Call::SetInterval,
    Call::GetControl,
    Call::SetControl,
    Call::QueryControl,
    Call::SubscribeEvent,
    Call::DequeueEvent,
    Call::InputStatus,
    Call::Close,
];

/// What a driver can block in without holding up the reactor: it calls nothing of these. (VIDIOC_QUERYBUF it asks
/// v4l2loopback, which waits for nobody then.)
pub(super) const BLOCKABLE: &[Call] = &[
    Call::StreamOn,
    Call::StreamOff,
    Call::Open,
    Call::SetFormat,
    Call::RequestBuffers,
    Call::FreeBuffers,
    Call::QueryCapability,
    Call::Close,
];

pub(super) fn camera(choices: &mut Choices) -> ScriptedCamera {
    let formats: [&[u8; 4]; 8] = [b"YUYV", b"NV12", b"MJPG", b"NM12", b"GREY", b"H264", b"YM12", b"ZZZZ"];
    let fourcc = *choices.of(&formats);
    let (width, height) = choices.of(&[(64, 48), (16, 16), (2, 2), (17, 5)]);
    let mut camera = ScriptedCamera::new(&fourcc, width, height);
    camera.modes.push((Fourcc(fourcc), 32, 24));
    if choices.flag() {
        camera.modes.push((Fourcc::YUYV, 32, 24));
    }
    camera.multiplanar = fourcc[1] == b'M' || choices.seldom();
    camera.orphans = !choices.seldom();
    camera.tells_of_source = choices.flag();
    if choices.seldom() {
        camera.driver = "v4l2 loopback".to_owned();
    }
    if choices.flag() {
        camera = camera.with_webcam_controls();
    }
    change(choices, &mut camera);
    camera
}

/// Changes something about how a driver answers, most often nothing.
pub(super) fn change(choices: &mut Choices, camera: &mut ScriptedCamera) {
    match choices.below(16) {
        0 => camera.granted = Some(choices.number()),
        1 => camera.granted = Some(u32::from(choices.byte() % 8)),
        2 => camera.min_buffers = Some(choices.number() as i32),
        3 => {
            let (numerator, denominator) = (choices.number(), choices.number());
            camera.interval = choices.flag().then_some(Fraction { numerator, denominator });
        }
        4 => camera.settable = choices.flag(),
        5 => camera.input = choices.flag().then(|| InputStatus::from_bits_retain(choices.number())),
        6 => camera.answers = choices.flag().then(|| answer(choices, camera)),
        _ => {}
    }
}

/// What S_FMT may make of any request.
fn answer(choices: &mut Choices, camera: &ScriptedCamera) -> PixelFormat {
    let (fourcc, width, height) = choices.of(&camera.modes);
    let fourcc = if choices.seldom() { Fourcc(choices.number().to_le_bytes()) } else { fourcc };
    let mut answer = pixels(fourcc, width, height);
    for _ in 0..choices.below(4) {
        let number = choices.number();
        let plane = choices.below(answer.planes.len());
        match choices.below(8) {
            0 => answer.width = number,
            1 => answer.height = number,
            2 => answer.plane_count = number,
            3 => answer.plane_count = number % 9,
            4 => answer.planes[plane].bytesperline = number,
            5 => answer.planes[0].bytesperline = number % 512,
            6 => answer.planes[plane].sizeimage = number,
            _ => answer.colorspace = number,
        }
    }
    for plane in &mut answer.planes {
        plane.sizeimage = plane.sizeimage.min(MOST_BYTES);
    }
    answer
}

/// A frame with something about it that is not right, or nothing.
pub(super) fn frame(choices: &mut Choices, jpeg: bool) -> Frame {
    let mut frame = Frame::good();
    for _ in 0..choices.below(4) {
        frame = match choices.below(12) {
            0 => frame.error(),
            1 => frame.flags(BufferFlags::from_bits_retain(choices.number())),
            2 => frame.bytesused(choices.number()),
            3 => frame.data_offset(choices.number()),
            4 => frame.index(u32::from(choices.byte() % 12)),
            5 => frame.index(choices.number()),
            6 => frame.sequence(choices.number()),
            7 => frame.after_lost(choices.number()),
            8 => frame.timestamp(choices.long_number()),
            9 => frame.plane_count(choices.number()),
            10 if jpeg => {
                let length = choices.below(64);
                frame.bytes(
                    &[&[0xff, 0xd8][..], &choices.take(length), &JPEG[4..]].concat()[usize::from(choices.flag())..],
                )
            }
            _ => frame.again(),
        };
    }
    frame
}
