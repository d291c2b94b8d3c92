//! A stream into a file.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::container::{AudioFormat, FrameData, Metadata, Summary, TrackFormat, VideoFormat};
use super::file::Container;
use super::pcm::Pcm;
use crate::error::Result;
use crate::format::SampleFormat;
use crate::stream::{self, AudioData, Backlog, Flow, Sink, TrackMetadata, TrackSettings, VideoFrame};

/// How much of the newest waits while the disk is busy.
const BACKLOG: Backlog = Backlog::Recent { span: Duration::from_secs(2), bytes: 64 << 20 };

/// As many memory planes as a frame can have.
const MAX_MEMORIES: usize = 8;

/// Records a stream to a file. What kind of file the name says: `.mkv` Matroska, `.y4m` YUV4MPEG2, `.mjpg` the camera's
/// JPEGs, `.raw`, `.yuv` and `.bin` the driver's bytes, and `-` those to stdout.
///
/// A file that exists is overwritten, once the stream is known to fit into it.
///
/// ```no_run
/// use usermedia::{MediaDevices, Recorder, constraints::{MediaStreamConstraints, MediaTrackConstraints}};
///
/// # fn main() -> Result<(), usermedia::Error> {
/// let constraints = MediaStreamConstraints::new().video(MediaTrackConstraints::new());
/// let stream = MediaDevices::synthetic().get_user_media(&constraints)?;
/// let recording = stream.attach(Recorder::create("out.mkv")?.with_frame_limit(60))?;
/// recording.wait().result?;
/// # Ok(())
/// # }
/// ```
pub struct Recorder {
    container: Option<Container>,
    limit: Option<u64>,
    progress: RecordingProgress,
    /// Samples on their way into a file that lays them out otherwise.
    pcm: Pcm,
}

/// What a recording has come to, for who watches it.
#[derive(Debug, Clone)]
pub struct RecordingProgress(Arc<Progress>);

#[derive(Debug)]
struct Progress {
    path: PathBuf,
    frames: AtomicU64,
    bytes: AtomicU64,
    summary: Mutex<Option<Summary>>,
}

impl RecordingProgress {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Frames written so far.
    pub fn frames(&self) -> u64 {
        self.0.frames.load(Ordering::Relaxed)
    }

    /// Bytes written: of pictures so far, and of the whole file once it is finished.
    pub fn bytes(&self) -> u64 {
        let summary = self.0.summary.lock().unwrap_or_else(PoisonError::into_inner);
        summary.as_ref().map_or_else(|| self.0.bytes.load(Ordering::Relaxed), |summary| summary.bytes)
    }

    /// From the first frame to the end of the last, in nanoseconds, once the file is finished.
    pub fn duration(&self) -> Option<u64> {
        self.0.summary.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|summary| summary.duration_ns)
    }
}

impl Recorder {
    /// A recording to `path`. No file is touched before the stream is known.
    ///
    /// # Errors
    /// [`ErrorName::TypeError`](crate::ErrorName::TypeError) for a name that says no kind of file.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Ok(Self {
            container: Some(Container::create(path, Metadata::default())?),
            limit: None,
            pcm: Pcm::default(),
            progress: RecordingProgress(Arc::new(Progress {
                path: path.to_owned(),
                frames: AtomicU64::new(0),
                bytes: AtomicU64::new(0),
                summary: Mutex::new(None),
            })),
        })
    }

    /// Ends the recording after this many frames.
    #[must_use]
    pub fn with_frame_limit(mut self, frames: u64) -> Self {
        self.limit = Some(frames);
        self
    }

    /// A view of what it has come to, to keep when the recorder is handed to a stream.
    pub fn progress(&self) -> RecordingProgress {
        self.progress.clone()
    }
}

impl Sink for Recorder {
    fn name(&self) -> &str {
        "recorder"
    }

    fn backlog(&self) -> Backlog {
        BACKLOG
    }

    fn loaded_metadata(&mut self, tracks: &[TrackMetadata]) -> Result<()> {
        let Some(container) = &mut self.container else { return Ok(()) };
        container.set_metadata(Metadata {
            title: tracks.first().map(|track| track.label.clone()),
            recorded: Some(SystemTime::now()),
            synthetic: tracks.iter().any(|track| track.settings.is_synthetic()),
        });
        let formats: Vec<_> = tracks.iter().map(track_format).collect();
        container.begin(&formats)
    }

    fn video_frame(&mut self, track: usize, frame: &VideoFrame) -> Result<Flow> {
        let Some(container) = &mut self.container else { return Ok(Flow::Done) };
        let mut memories: [&[u8]; MAX_MEMORIES] = [&[]; MAX_MEMORIES];
        let count = frame.memory_count().min(MAX_MEMORIES);
        for (index, memory) in memories.iter_mut().enumerate().take(count) {
            *memory = frame.memory(index).unwrap_or_default();
        }
        container.video(track, &FrameData { timestamp_ns: frame.timestamp(), memories: &memories[..count] })?;
        let bytes: usize = memories.iter().map(|memory| memory.len()).sum();
        self.progress.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let frames = self.progress.0.frames.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(if self.limit.is_some_and(|limit| frames >= limit) { Flow::Done } else { Flow::Continue })
    }

    fn audio_data(&mut self, track: usize, data: &AudioData) -> Result<Flow> {
        let Some(container) = &mut self.container else { return Ok(Flow::Done) };
        let samples = self.pcm.arrange(data.sample_format(), data.data());
        container.audio(track, data.timestamp(), samples)?;
        self.progress.0.bytes.fetch_add(samples.len() as u64, Ordering::Relaxed);
        Ok(Flow::Continue)
    }

    fn ended(&mut self) -> Result<()> {
        let Some(container) = self.container.take() else { return Ok(()) };
        let summary = container.finish()?;
        *self.progress.0.summary.lock().unwrap_or_else(PoisonError::into_inner) = Some(summary);
        Ok(())
    }
}

fn track_format(track: &TrackMetadata) -> TrackFormat {
    let label = track.label.clone();
    match &track.format {
        stream::TrackFormat::Video(format) => TrackFormat::Video(VideoFormat {
            fourcc: format.fourcc,
            width: format.width,
            height: format.height,
            frame_rate: match &track.settings {
                TrackSettings::Video(settings) => settings.frame_rate,
                TrackSettings::Audio(_) => None,
            },
            layout: format.layout,
            colorimetry: (&**format).into(),
            label,
        }),
        stream::TrackFormat::Audio(format) => TrackFormat::Audio(AudioFormat {
            sample_rate: format.sample_rate,
            channel_count: format.channel_count,
            sample_size: format.sample_format.bits(),
            float: format.sample_format == SampleFormat::FloatLe,
            label,
        }),
    }
}
