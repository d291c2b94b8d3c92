//! A stream's pictures into v4l2loopback, each at its moment, for other programs to read as a camera's.

mod node;
mod picture;
mod progress;
#[cfg(all(test, not(loom)))]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use self::node::OutputNode;
use self::picture::{Writing, in_one_piece};
pub use self::progress::{LoopbackProgress, LoopbackStatistics};
use crate::capture::VideoFormat;
use crate::error::{Error, ErrorName, Result};
use crate::format::{Fourcc, FrameRate, FrameStamp};
use crate::seam::{Kernel, LinuxKernel, OutputMemory, PixelFormat, retry};
use crate::stream::{Backlog, Flow, Sink, TrackFormat, TrackMetadata, TrackSettings, VideoFrame};
use crate::time::nanoseconds;

/// How long after its own moment a frame is written, unless told otherwise: time for the threads between, on a machine that
/// is busy. At most half a frame.
const DELAY: Duration = Duration::from_millis(8);
/// What no deadline is: a stamp that far in the future is none.
const FAR: u64 = 1_000_000_000;
/// V4L2_COLORSPACE_JPEG
const JPEG_COLOURS: u32 = 7;

/// Writes a stream's pictures to a v4l2loopback node, for other programs to read as a camera's.
///
/// Each frame is written at its own time stamp plus a [fixed delay](Self::with_delay), a moment on CLOCK_MONOTONIC that is
/// waited for as such: nothing adds up, however long it runs, and neither a busy capture thread nor the copying moves a
/// frame. The built-in camera's stamps are exact; a real camera's are as even as it is. A frame that comes too late for its
/// moment is written at once, and counted.
///
/// A frame is copied once, into the driver's buffer. The format is the camera's, formats of several pieces of memory in one
/// piece. Readers may come and go. v4l2loopback gives its readers no say over its buffers: they have as many frame periods
/// as there are buffers before a picture is written over, so load it with `max_buffers=8` or more.
///
/// ```no_run
/// use usermedia::{LoopbackWriter, MediaStreamConstraints, get_user_media};
///
/// let stream = get_user_media(&MediaStreamConstraints::new().video(true))?;
/// let writer = stream.attach(LoopbackWriter::open("/dev/video9")?.with_stamps(true))?;
/// writer.wait().result?;
/// # Ok::<(), usermedia::Error>(())
/// ```
pub struct LoopbackWriter {
    kernel: Arc<dyn Kernel>,
    node: OutputNode,
    stamps: bool,
    fourcc: Option<Fourcc>,
    limit: Option<u64>,
    delay: Option<Duration>,
    progress: LoopbackProgress,
    stream: Option<Streaming>,
}

/// What it writes.
struct Streaming {
    track: usize,
    /// How a frame is written; in front of an encoder, into the memory it reads.
    writing: Writing,
    delay: u64,
    #[cfg(feature = "picture")]
    encoder: Option<Encoder>,
}

/// Makes JPEGs of pictures.
#[cfg(feature = "picture")]
struct Encoder {
    color_space: crate::format::VideoColorSpace,
    pixels: Vec<u8>,
    jpeg: Vec<u8>,
}

impl LoopbackWriter {
    /// Opens the node to write to.
    ///
    /// # Errors
    /// [`ErrorName::NotFoundError`] without such a node, [`ErrorName::NotAllowedError`] without permission,
    /// [`ErrorName::NotReadableError`] for one that is no v4l2loopback or that another program writes to.
    pub fn open(node: impl AsRef<Path>) -> Result<Self> {
        Self::open_on(Arc::new(LinuxKernel), node.as_ref())
    }

    pub(crate) fn open_on(kernel: Arc<dyn Kernel>, node: &Path) -> Result<Self> {
        let node = OutputNode::open(kernel.clone(), &node.to_string_lossy())?;
        let progress = LoopbackProgress::default();
        Ok(Self { kernel, node, stamps: false, fourcc: None, limit: None, delay: None, progress, stream: None })
    }

    /// Writes the frame's number and time into its pixels, as [`FrameStamp`] reads them: the number counts what was
    /// written, from 0, and the time is taken right before a frame is handed over (of one that is encoded here, before
    /// that). A picture that is compressed already cannot be stamped.
    #[must_use]
    pub fn with_stamps(mut self, stamps: bool) -> Self {
        self.stamps = stamps;
        self
    }

    /// Writes frames of this format. Other than the camera's own it can be `MJPG` only, with the feature `picture`: each
    /// frame is then encoded.
    #[must_use]
    pub fn with_fourcc(mut self, fourcc: Fourcc) -> Self {
        self.fourcc = Some(fourcc);
        self
    }

    /// Ends after so many frames.
    #[must_use]
    pub fn with_frame_limit(mut self, frames: u64) -> Self {
        self.limit = Some(frames);
        self
    }

    /// Writes each frame this long after its own time stamp, and no sooner. The default is half a frame, at most 8 ms; with
    /// zero a frame is written as soon as it comes.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// What it has come to, while it is at work and afterwards.
    pub fn progress(&self) -> LoopbackProgress {
        self.progress.clone()
    }

    /// Agrees with the node on what there is to write.
    fn start(&mut self, track: usize, format: &VideoFormat, rate: Option<FrameRate>) -> Result<()> {
        self.stream = None;
        self.node.stop();
        let source = in_one_piece(format.fourcc);
        let fourcc = self.fourcc.map_or(source, in_one_piece);
        let encodes = fourcc != source;
        if encodes && (!fourcc.is_jpeg() || source.is_jpeg() || cfg!(not(feature = "picture"))) {
            let message = format!("frames of {source} cannot be written as {fourcc}");
            return Err(Error::new(ErrorName::NotSupportedError, message)
                .with_remedy(format!("ask the camera for {fourcc}, or leave the format to it")));
        }
        if self.stamps && !FrameStamp::fits(source, format.width, format.height) {
            let (width, height) = (format.width, format.height);
            let message = format!("a stamp cannot be written into frames of {source} {width}x{height}");
            return Err(Error::new(ErrorName::NotSupportedError, message).with_remedy(
                "ask for a format that is not compressed, such as YUYV, of at least 128x64, or do without the stamp",
            ));
        }
        let mut wanted = PixelFormat::request(fourcc, format.width, format.height);
        [wanted.colorspace, wanted.ycbcr_encoding, wanted.quantization, wanted.transfer_function] =
            if encodes { [JPEG_COLOURS, 0, 0, 0] } else { format.colour_numbers() };
        let (buffers, bytesperline) = self.node.start(&wanted, rate)?;
        self.progress.started(buffers);
        let half = rate.map_or(Duration::MAX, |rate| Duration::from_nanos(rate.interval_ns() / 2));
        let delay = self.delay.unwrap_or_else(|| DELAY.min(half));
        let writing = Writing::new(source, format.width, format.height, if encodes { 0 } else { bytesperline });
        self.stream = Some(Streaming {
            track,
            delay: nanoseconds(delay),
            #[cfg(feature = "picture")]
            encoder: encodes.then(|| Encoder {
                color_space: format.color_space(),
                pixels: vec![0; writing.size()],
                jpeg: Vec::new(),
            }),
            writing,
        });
        Ok(())
    }

    fn start_track(&mut self, track: usize, metadata: &TrackMetadata) -> Result<()> {
        let (TrackFormat::Video(format), TrackSettings::Video(settings)) = (&metadata.format, &metadata.settings)
        else {
            return Err(no_pictures());
        };
        self.start(track, format, settings.frame_rate.or(format.frame_rate))
    }

    fn write(&mut self, frame: &VideoFrame) -> Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let due = frame.timestamp().saturating_add(stream.delay);
        // The number wraps as the stamp's does.
        let number = self.progress.frames() as u32;
        let (kernel, stamps) = (&*self.kernel, self.stamps);
        let mut written = 0;
        let mut fill = |memory: &mut OutputMemory| {
            #[cfg(feature = "picture")]
            if let Some(encoder) = &mut stream.encoder {
                stream.writing.copy(frame, &mut encoder.pixels)?;
                if stamps {
                    stream.writing.stamp(FrameStamp::new(number, kernel.now()), &mut encoder.pixels);
                }
                stream.writing.encode(&encoder.pixels, encoder.color_space, &mut encoder.jpeg)?;
                if !memory.write(0, &encoder.jpeg) {
                    return Err(Error::new(ErrorName::NotReadableError, "a JPEG is larger than the node's buffers"));
                }
                wait(kernel, due);
                written = encoder.jpeg.len();
                return Ok(written);
            }
            written = stream.writing.copy(frame, memory)?;
            wait(kernel, due);
            if stamps {
                stream.writing.stamp(FrameStamp::new(number, kernel.now()), memory);
            }
            Ok(written)
        };
        self.node.write(&mut fill)?;
        self.progress.wrote(written, self.kernel.now(), due);
        Ok(())
    }
}

/// Waits until the moment `due`, unless that is past or cannot be meant.
fn wait(kernel: &dyn Kernel, due: u64) {
    let now = kernel.now();
    if (now..now.saturating_add(FAR)).contains(&due) {
        // A signal that comes in between is no reason to be early, and a sleep that fails none to lose the frame.
        let _ = retry(|| kernel.sleep_until(due));
    }
}

fn no_pictures() -> Error {
    Error::new(ErrorName::NotSupportedError, "v4l2loopback takes pictures, and the stream has none")
        .with_remedy("ask for a camera")
}

impl Sink for LoopbackWriter {
    fn name(&self) -> &str {
        "loopback"
    }

    fn backlog(&self) -> Backlog {
        // Beyond these a frame is so late that the next one is due.
        Backlog::Newest(3)
    }

    fn loaded_metadata(&mut self, tracks: &[TrackMetadata]) -> Result<()> {
        let is_video = |track: &TrackMetadata| matches!(track.format, TrackFormat::Video(_));
        let track = tracks.iter().position(is_video).ok_or_else(no_pictures)?;
        self.start_track(track, &tracks[track])
    }

    fn reconfigured(&mut self, track: usize, metadata: &TrackMetadata) -> Result<()> {
        if self.stream.as_ref().is_some_and(|stream| stream.track == track) {
            return self.start_track(track, metadata);
        }
        Ok(())
    }

    fn video_frame(&mut self, track: usize, frame: &VideoFrame) -> Result<Flow> {
        if self.stream.as_ref().is_none_or(|stream| stream.track != track) {
            return Ok(Flow::Continue);
        }
        if frame.failure().is_some() {
            // A damaged JPEG, of which no smaller picture could be made: counted at the track.
            return Ok(Flow::Continue);
        }
        self.write(frame)?;
        let done = self.limit.is_some_and(|limit| self.progress.frames() >= limit);
        Ok(if done { Flow::Done } else { Flow::Continue })
    }

    fn ended(&mut self) -> Result<()> {
        self.stream = None;
        self.node.stop();
        Ok(())
    }
}
