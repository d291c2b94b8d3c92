//! A picture that its writer may write over while it is read.

use std::fmt;

use crate::capture::{FrameInfo, Lease, Mark, Payload};

/// A frame's bytes as they lie in memory that another process writes to (v4l2loopback): there is no slice of them, only a
/// copy that says whether it is whole. From [`VideoFrame::raw`](crate::VideoFrame::raw).
///
/// ```no_run
/// use usermedia::{MediaDevices, MediaStreamConstraints};
///
/// let devices = MediaDevices::new().with_raw_frames(true);
/// let stream = devices.get_user_media(&MediaStreamConstraints::new().video(true))?;
/// let mut picture = Vec::new();
/// for frame in stream.video_tracks()[0].processor(1) {
///     let frame = frame?;
///     let Some(raw) = frame.raw() else { continue };
///     picture.resize(raw.len(), 0);
///     if raw.copy_to(&mut picture).is_err() {
///         eprintln!("frame {} was written over", frame.sequence());
///     }
/// }
/// # Ok::<(), usermedia::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RawFrame<'a> {
    lease: &'a Lease,
    payload: Payload,
    mark: Mark,
}

/// The picture was written over while it was copied, or before; or it cannot be found out any more, because the stream has
/// stopped. What was copied may be of two pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn;

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the picture was written over")
    }
}

impl std::error::Error for Torn {}

impl<'a> RawFrame<'a> {
    pub(super) fn new(lease: &'a Lease, info: &FrameInfo) -> Option<Self> {
        Some(Self { lease, payload: info.payloads[0], mark: info.raw? })
    }

    /// Bytes of the picture.
    pub fn len(&self) -> usize {
        self.payload.length as usize
    }

    /// Never: a frame without bytes is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the picture, or as much of it as `out` takes, and looks whether it was whole until then.
    ///
    /// The driver is asked what each of its buffers holds (VIDIOC_QUERYBUF). That this buffer's writer has not begun on it
    /// anew is known only while fewer than all the other buffers have been filled since: with the two buffers of an
    /// unconfigured v4l2loopback, for one frame; with `max_buffers=8`, for seven.
    ///
    /// # Errors
    /// [`Torn`]: do not use what is in `out`.
    pub fn copy_to(&self, out: &mut [u8]) -> Result<(), Torn> {
        let length = out.len().min(self.len());
        let offset = self.payload.offset as usize;
        let whole = self.lease.copy_to(0, offset, &mut out[..length]) && self.is_whole();
        if whole { Ok(()) } else { Err(Torn) }
    }

    /// Whether the picture is still there.
    pub fn is_whole(&self) -> bool {
        self.lease.still_holds(self.mark)
    }
}
