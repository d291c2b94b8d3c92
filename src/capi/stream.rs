//! Devices and streams.

use std::ffi::{c_char, c_int, c_uint};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use serde_json::value::RawValue;

use super::answer::{AGAIN, END, OK, answer, borrow, give, handle, null, read, release, text};
use crate::capture::MuteReason;
use crate::constraints::MediaStreamConstraints;
use crate::devices::write_devices;
use crate::error::{Error, ErrorName, Result};
use crate::sink::Metrics;
use crate::stream::{
    AudioData, LocalMediaStream, MediaDevices, MediaStreamTrack, Medium, PollableProcessor, VideoFrame,
};

const SYNTHETIC: c_uint = 1;
/// How many frames or blocks wait for who is slow.
const WAITING: usize = 2;
/// As long as one waits at a time for what has no limit.
const LONG: Duration = Duration::from_secs(3600);

/// `usermedia_stream`.
pub struct Stream {
    stream: LocalMediaStream,
    /// Made when the first one is asked for: who wants no sound does not have it queued.
    video: Lane<VideoFrame>,
    audio: Lane<AudioData>,
}

/// The queue of the stream's first camera, or first microphone.
struct Lane<M: Medium>(Mutex<Option<Arc<PollableProcessor<M>>>>);

impl<M: Medium> Lane<M> {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn queue(&self, track: Option<&Arc<MediaStreamTrack<M>>>) -> Result<Arc<PollableProcessor<M>>> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queue.as_ref() {
            return Ok(queue.clone());
        }
        let track = track.ok_or_else(|| {
            let message = format!("the stream has no {} track", M::KIND);
            Error::new(ErrorName::TypeError, message).with_remedy(format!("ask for {} in the constraints", M::KIND))
        })?;
        let made = Arc::new(track.processor(WAITING).pollable()?);
        Ok(queue.insert(made).clone())
    }
}

/// Waits for the next of a queue, and gives it through `out`.
///
/// # Safety
/// `out` may be written to, and is not NULL.
unsafe fn next<M: Medium>(queue: &PollableProcessor<M>, timeout: c_int, out: *mut *mut M) -> Result<c_int> {
    let limit = u64::try_from(timeout).map_or(LONG, Duration::from_millis);
    loop {
        return match queue.next_timeout(limit) {
            Poll::Pending if timeout < 0 => continue,
            Poll::Pending => Ok(AGAIN),
            Poll::Ready(None) => Ok(END),
            Poll::Ready(Some(Err(error))) => Err(error),
            Poll::Ready(Some(Ok(item))) => {
                // SAFETY: by the contract.
                unsafe { out.write(handle(item)) };
                Ok(OK)
            }
        };
    }
}

fn devices(flags: c_uint) -> Result<MediaDevices> {
    match flags {
        0 => Ok(MediaDevices::new()),
        SYNTHETIC => Ok(MediaDevices::synthetic()),
        other => Err(Error::new(ErrorName::TypeError, format!("the flags 0x{other:x} are not known"))
            .with_remedy("give 0, or USERMEDIA_SYNTHETIC")),
    }
}

/// The cameras and microphones as JSON.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_enumerate_devices(flags: c_uint, json: *mut *mut c_char) -> c_int {
    let list = || Ok(text(&write_devices(&devices(flags)?.enumerate_devices())).into_raw());
    // SAFETY: the contract is this function's own.
    answer(unsafe { give(json, list) })
}

/// A stream that meets the constraints.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_get_user_media(
    constraints: *const c_char,
    flags: c_uint,
    stream: *mut *mut Stream,
) -> c_int {
    let open = || {
        // SAFETY: the contract is this function's own.
        let constraints = unsafe { read(constraints, "constraints") }?;
        let stream = devices(flags)?.get_user_media(&MediaStreamConstraints::from_json(constraints)?)?;
        Ok(handle(Stream { stream, video: Lane::new(), audio: Lane::new() }))
    };
    // SAFETY: as above.
    answer(unsafe { give(stream, open) })
}

/// Stops it and closes its devices.
///
/// # Safety
/// As the header has it: no other call on it is going on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_stream_close(stream: *mut Stream) {
    // SAFETY: the contract is this function's own.
    if let Ok(open) = unsafe { borrow(stream, "stream") } {
        open.stream.stop();
    }
    // SAFETY: as above, and the borrow is over.
    unsafe { release(stream) };
}

/// What it was given, as JSON.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_stream_settings(stream: *const Stream, json: *mut *mut c_char) -> c_int {
    let settings = || {
        // SAFETY: the contract is this function's own.
        let stream = &unsafe { borrow(stream, "stream") }?.stream;
        let video = stream.video_tracks().first().map(|track| crate::json::to_string(&*track.settings()));
        let audio = stream.audio_tracks().first().map(|track| crate::json::to_string(&*track.settings()));
        let or_null = |settings: Option<String>| settings.unwrap_or_else(|| "null".to_owned());
        Ok(text(&format!("{{\"video\":{},\"audio\":{}}}", or_null(video), or_null(audio))).into_raw())
    };
    // SAFETY: as above.
    answer(unsafe { give(json, settings) })
}

/// What was counted, as Prometheus text.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_stream_metrics(stream: *const Stream, out: *mut *mut c_char) -> c_int {
    let metrics = || {
        // SAFETY: the contract is this function's own.
        let stream = &unsafe { borrow(stream, "stream") }?.stream;
        Ok(text(&Metrics::new().with_stream(&stream.statistics()).to_string()).into_raw())
    };
    // SAFETY: as above.
    answer(unsafe { give(out, metrics) })
}

/// Why its camera gives nothing for now.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_stream_muted(stream: *const Stream) -> *const c_char {
    // SAFETY: the contract is this function's own.
    let Ok(stream) = (unsafe { borrow(stream, "stream") }) else { return ptr::null() };
    let reason = stream.stream.video_tracks().first().and_then(|track| track.mute_reason());
    reason.map_or(ptr::null(), |reason| {
        let text = match reason {
            MuteReason::Stalled => c"stalled",
            MuteReason::NoSignal => c"no-signal",
            MuteReason::Unplugged => c"unplugged",
            MuteReason::Suspended => c"suspended",
            MuteReason::Failing => c"failing",
            MuteReason::Reconfiguring => c"reconfiguring",
        };
        text.as_ptr()
    })
}

/// Asks its camera for something else.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_stream_apply_constraints(
    stream: *const Stream,
    constraints: *const c_char,
) -> c_int {
    let apply = || {
        // SAFETY: the contract is this function's own.
        let (stream, constraints) = unsafe { (borrow(stream, "stream")?, read(constraints, "constraints")?) };
        let track = stream.stream.video_tracks().into_iter().next().ok_or_else(|| null("stream's camera"))?;
        // One value, so that nothing else gets into the document.
        let one = serde_json::from_str::<&RawValue>(constraints)
            .map_err(|error| Error::new(ErrorName::TypeError, format!("the constraints are no JSON: {error}")))?;
        let request = MediaStreamConstraints::from_json(format!("{{\"video\":{}}}", one.get()))?;
        track.apply_constraints(request.video)?;
        Ok(OK)
    };
    answer(apply())
}

/// The descriptor of its pictures.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_stream_video_fd(stream: *mut Stream, fd: *mut c_int) -> c_int {
    // SAFETY: the contract is this function's own.
    answer(unsafe { give(fd, || Ok(video(stream)?.as_fd().as_raw_fd())) })
}

/// The descriptor of its sound.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_stream_audio_fd(stream: *mut Stream, fd: *mut c_int) -> c_int {
    // SAFETY: the contract is this function's own.
    answer(unsafe { give(fd, || Ok(audio(stream)?.as_fd().as_raw_fd())) })
}

/// The next picture.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_next_frame(
    stream: *mut Stream,
    timeout_ms: c_int,
    frame: *mut *mut VideoFrame,
) -> c_int {
    if frame.is_null() {
        return answer(Err(null("place for the frame")));
    }
    // SAFETY: the contract is this function's own, and the place is not NULL.
    answer(unsafe { video(stream).and_then(|queue| next(&queue, timeout_ms, frame)) })
}

/// The next block of sound.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_next_audio(
    stream: *mut Stream,
    timeout_ms: c_int,
    block: *mut *mut AudioData,
) -> c_int {
    if block.is_null() {
        return answer(Err(null("place for the sound")));
    }
    // SAFETY: the contract is this function's own, and the place is not NULL.
    answer(unsafe { audio(stream).and_then(|queue| next(&queue, timeout_ms, block)) })
}

/// # Safety
/// As [`borrow`].
unsafe fn video(stream: *const Stream) -> Result<Arc<PollableProcessor<VideoFrame>>> {
    // SAFETY: the contract is this function's own.
    let stream = unsafe { borrow(stream, "stream") }?;
    stream.video.queue(stream.stream.video_tracks().first())
}

/// # Safety
/// As [`borrow`].
unsafe fn audio(stream: *const Stream) -> Result<Arc<PollableProcessor<AudioData>>> {
    // SAFETY: the contract is this function's own.
    let stream = unsafe { borrow(stream, "stream") }?;
    stream.audio.queue(stream.stream.audio_tracks().first())
}
