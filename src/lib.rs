//! `navigator.getUserMedia` for Linux, without a browser: say what you want, get a stream of frames.
//!
//! A request names constraints ("a camera, at most 1280 wide, 30 frames per second if it can"). The library lists the
//! machine's V4L2 and ALSA devices, picks one and a mode by the rules of W3C Media Capture and Streams or of its 2012
//! drafts, streams from the driver without copying, and hands out a [`LocalMediaStream`] whose tracks yield frames and sound.
//!
//! It does
//! - list every node with its modes, and say of the unusable ones why, and what to do about it: [`devices`];
//! - take [`constraints`] in both dialects, and [`resolve`](mod@resolve) them without opening anything;
//! - lend out the driver's own buffers as [`VideoFrame`]s, to any number of consumers of one camera, and as dma-bufs to other
//!   devices and processes ([`VideoFrame::dma_buf`]);
//! - give a microphone's sound as [`AudioData`], copied once, with its place on the frames' clock and every gap known;
//! - count every frame that was expected, under its reason if it was lost: [`SourceStatistics`],
//!   [`ConsumerStatistics`];
//! - ask for [`permission`], by rules or at the terminal, before a device is opened;
//! - tell when devices come, go, or may be opened now: [`MediaDevices::on_device_change`];
//! - convert and crop pixels, when asked: `convert`;
//! - write to v4l2loopback at exact moments, numbered in the pixels: [`LoopbackWriter`], [`FrameStamp`];
//! - record to Matroska, Y4M, MJPEG and raw files, and take pictures as JPEG and PNG;
//! - show what is captured on a page, to this machine's browsers and programs: `serve`.
//!
//! It does not
//! - encode or display, or convert unasked: frames come as the driver gives them;
//! - fall back to another kind of source: without a camera there is an error, unless [`MediaDevices::synthetic`] was
//!   asked for;
//! - drive raw sensors behind a media pipeline: that is libcamera's work;
//! - remove echo or noise: sound comes as the card gives it.
//!
//! # The kernel's model
//!
//! - A camera is one or more *nodes*, `/dev/video0` and so on; some of them carry metadata or are encoders, not cameras.
//! - A node lists *formats*, each a four-letter code ([`Fourcc`]): `YUYV`, `NV12`, `MJPG`. The first is its favourite.
//! - A format comes in *sizes*, a list or a range with a step: [`Span`](devices::Span).
//! - A size comes at *intervals*, seconds per frame, kept here as exact frames per second: [`FrameRate`].
//! - One process streams from a node at a time, in one mode. Here all tracks of a camera share it.
//! - The driver fills a handful of *buffers* in turn: one must be queued for each picture, or the picture is lost.
//! - A [`VideoFrame`] is a *lease* on such a buffer. Clones count; the last one dropped, anywhere, queues it again.
//! - Who holds leases for long is given no more ([`ConsumerStatistics::holding`]); nobody else suffers.
//! - A leased buffer outlives its stream: the node closes, the bytes stay until the last holder lets go.
//! - Frames carry the driver's time stamp (CLOCK_MONOTONIC) and number; a gap in either is a loss, and is counted.
//! - A microphone is a *PCM* (`hw:1,0`) with a ring that the card fills; each *period* of it becomes an [`AudioData`].
//! - A ring that is not read in time runs over (an *xrun*). What is lost keeps its time: [`AudioData::lost`].
//! - One process reads a `hw` PCM at a time; the PCM `default` is what a sound server shares, where there is one.
//!
//! # Three ways to ask
//!
//! The form that most Rust programs want waits for the camera and returns the stream. ([`get_user_media`] is the same
//! on this machine's own devices; here the built-in camera stands in, so that the examples run anywhere.)
//!
//! ```
//! use usermedia::constraints::{ConstrainULong, MediaTrackConstraints};
//! use usermedia::{MediaDevices, MediaStreamConstraints};
//!
//! let video = MediaTrackConstraints::new().width(ConstrainULong::new().max(1280)).frame_rate(30.0);
//! let constraints = MediaStreamConstraints::new().video(video);
//! let stream = MediaDevices::synthetic().get_user_media(&constraints)?;
//! let camera = &stream.video_tracks()[0];
//! for frame in camera.processor(2).take(3) {
//!     let frame = frame?;
//!     let plane = frame.plane(0).expect("every frame has a first plane");
//!     assert_eq!(plane.rows, camera.settings().height as usize);
//! }
//! # Ok::<(), usermedia::Error>(())
//! ```
//!
//! The form of 2012 returns at once and calls back, one of two callbacks, once ([`Navigator`]):
//!
//! ```
//! use usermedia::constraints::LegacyTrackConstraints;
//! use usermedia::{MediaDevices, MediaStreamConstraints, navigator};
//!
//! let video = LegacyTrackConstraints::new().mandatory("maxWidth", 1280).optional("minFrameRate", 30);
//! let (sender, stream) = std::sync::mpsc::channel();
//! navigator.get_user_media_from(
//!     MediaDevices::synthetic(),
//!     MediaStreamConstraints::new().video(video),
//!     move |stream| sender.send(stream).expect("the caller waits"),
//!     |error| eprintln!("{error}"),
//! )?;
//! assert!(stream.recv().is_ok_and(|stream| stream.active()));
//! # Ok::<(), usermedia::Error>(())
//! ```
//!
//! And [`MediaDevices`] does the steps one by one: list, resolve, ask.
//!
//! ```
//! # use usermedia::{MediaDevices, MediaStreamConstraints};
//! let devices = MediaDevices::synthetic();
//! assert!(!devices.enumerate_devices().is_empty());
//! let resolution = devices.resolve(&MediaStreamConstraints::new().video(true))?;
//! println!("{}", resolution.why.join("\n"));
//! # Ok::<(), usermedia::Error>(())
//! ```
//!
//! # Five ways to consume
//!
//! | | frames come | for |
//! |---|---|---|
//! | [`MediaStreamTrack::processor`] | as an iterator, the newest few kept | a thread of the program's own |
//! | [`MediaStreamTrackProcessor::pollable`] | when a descriptor is readable | a `poll` or `epoll` loop |
//! | `MediaStreamTrackProcessor::into_stream` | as a `futures::Stream` (feature `async`) | a task of an async runtime |
//! | [`VideoTrack::on_frame`], [`AudioTrack::on_data`] | as calls on the capture thread | work far shorter than a frame period |
//! | [`LocalMediaStream::attach`] | as calls on a thread of the [`Sink`]'s | recorders, pictures, viewers |
//!
//! # Features
//!
//! | feature | gives | default |
//! |---|---|---|
//! | `cli` | the command `usermedia`; all of the below but `async`, `capi` and `image` | yes |
//! | `serde` | the public data types as documents of any format of the crate `serde`; `Deserialize` for what is asked for and had | through `json` |
//! | `json` | constraints, devices and resolutions from and to JSON | through `cli` |
//! | `record` | `Recorder`: Matroska, WAV, Y4M, MJPEG, H.264 and raw files | through `cli` |
//! | `convert` | `VideoFrame::convert_to` and the module `convert`: RGB, RGBA, BGRA, I420, NV12, crops, scaling | through `picture` |
//! | `image` | `VideoFrame::to_rgb_image` and its like: frames as pictures of the crate `image` | no |
//! | `picture` | `Snapshot`: JPEG and PNG | through `cli` |
//! | `serve` | the live page: `serve::Service` | through `cli` |
//! | `async` | `ProcessorStream`: a processor as a `futures::Stream`, under any runtime | no |
//! | `capi` | the functions of `usermedia.h`, for C (`make capi`) | no |
//! | `tracing` | what happens to devices and recordings as structured events of the crate `tracing` | through `cli` |
//!
//! With `default-features = false` there is the capture engine alone.
//!
//! # Errors
//!
//! An [`Error`] says what happened, at which device, and what to do about it ([`Error::remedy`]).
//!
//! | [`ErrorName`] | what happened | 2012 code |
//! |---|---|---|
//! | `TypeError` | neither video nor audio asked for, or malformed constraints | `NOT_SUPPORTED_ERROR` |
//! | `NotSupportedError` | a mandatory constraint that is not known | `NOT_SUPPORTED_ERROR` |
//! | `NotFoundError` | no device of that kind | `MANDATORY_UNSATISFIED_ERROR` |
//! | `OverconstrainedError` | no device meets what is required; [`Error::constraint`] | `MANDATORY_UNSATISFIED_ERROR` |
//! | `NotAllowedError` | denied by a [policy](permission), by the user, or by the node's permissions | `PERMISSION_DENIED` |
//! | `NotReadableError` | busy ([`Error::holder`]) or failing, and so every other candidate | `PERMISSION_DENIED` |
//! | `AbortError` | stopped before it started | `PERMISSION_DENIED` |
//!
//! # More
//!
//! In the repository: `examples/` has a program for each way above; `docs/architecture.md` says how it works inside,
//! `docs/performance.md` what a frame costs, `docs/cross-building.md` how to build for other processors.

#[cfg(feature = "cli")]
mod bench;
#[cfg(feature = "capi")]
mod capi;
mod capture;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod constraints;
#[cfg(feature = "convert")]
pub mod convert;
pub mod devices;
#[cfg(feature = "serde")]
mod document;
pub mod error;
pub mod format;
#[cfg(all(feature = "scripted", feature = "json", feature = "record", feature = "picture", not(loom)))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "json")]
mod json;
pub mod permission;
pub mod resolve;
mod seam;
#[cfg(all(feature = "serve", not(loom)))]
pub mod serve;
mod sink;
mod stream;
mod thread;
mod time;
mod trace;

pub use capture::{
    AudioStatistics, CaptureScheduling, ClockDrift, MuteReason, RecoveryEvent, RecoveryPolicy, RecoveryStep,
    SourceStatistics, StallLimit, TimestampSource,
};
pub use constraints::{MediaStreamConstraints, MediaTrackConstraints};
pub use devices::{MediaDeviceInfo, MediaDeviceKind};
pub use error::{Error, ErrorCode, ErrorName, Result};
pub use format::{
    Delivery, Fourcc, FrameRate, FrameStamp, Rect, SampleFormat, VideoColorSpace, VideoMatrixCoefficients,
};
pub use seam::RealTimePolicy;
#[cfg(feature = "picture")]
pub use sink::Snapshot;
pub use sink::{LoopbackProgress, LoopbackStatistics, LoopbackWriter, Metrics};
#[cfg(feature = "record")]
pub use sink::{RecordedFile, Recorder, RecordingProgress, Segments};
#[cfg(feature = "async")]
pub use stream::ProcessorStream;
pub use stream::{
    Attachment, AudioData, AudioTrack, Backlog, ConsumerStatistics, DeviceWatch, DmaBuf, DmaBufRead, DropPolicy, Flow,
    FrameCallback, LocalMediaStream, MediaDevices, MediaStreamTrack, MediaStreamTrackProcessor, MediaStreamTrackState,
    Medium, Navigator, NavigatorUserMediaError, Outcome, Plane, PollableProcessor, RawFrame, Sink, StreamStatistics,
    Torn, TrackMetadata, TrackSettings, TrackStatistics, VideoFrame, VideoTrack, get_user_media, navigator,
};

/// The README's program must compile.
#[cfg(all(doctest, feature = "json"))]
#[doc = include_str!("../README.md")]
mod readme {}

/// The cook-book's programs must compile, and run.
#[cfg(all(doctest, feature = "async", feature = "image", feature = "json", feature = "record", feature = "picture"))]
#[doc = include_str!("../docs/cookbook.md")]
mod cookbook {}

/// The programs that stand beside those of others must compile.
#[cfg(all(doctest, feature = "json", feature = "record", feature = "picture"))]
#[doc = include_str!("../docs/migration.md")]
mod migration {}
