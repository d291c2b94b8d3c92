//! A stream into a file, or into a row of them.

use std::path::Path;
use std::time::Duration;

use super::container::{AudioFormat, Metadata, SampleData, TrackFormat, VideoFormat};
use super::file::FileFormat;
use super::pcm::Pcm;
use super::progress::RecordingProgress;
use super::recording::Recording;
use super::segments::Segments;
use crate::error::{Error, Result};
use crate::format::SampleFormat;
use crate::stream::{self, AudioData, Backlog, Flow, Sink, TrackMetadata, TrackSettings, VideoFrame};
use crate::trace;

/// How much of the newest waits while the disk is busy.
const BACKLOG: Backlog = Backlog::Recent { span: Duration::from_secs(2), bytes: 64 << 20 };

/// As many memory planes as a frame can have.
const MAX_MEMORIES: usize = 8;

/// Records a stream to a file. What kind of file the name says: `.mkv` Matroska, for pictures and sound together; `.wav` a
/// microphone's sound; `.y4m` YUV4MPEG2; `.mjpg` and `.h264` what the camera gives in that format; `.raw`, `.yuv` and `.bin` the
/// driver's bytes, and `-` those to stdout.
///
/// A file that exists is overwritten, once the stream is known to fit into it. [Segments](Recorder::with_segments) never
/// overwrite anything.
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
///
/// A disk that stands still holds up nobody but the recorder: up to two seconds or 64 MiB of pictures wait for it, whichever
/// is less; what it loses beyond that is counted in its [`ConsumerStatistics::behind`](crate::ConsumerStatistics::behind).
///
/// A disk that is full or fails ends the recorder, with an error that says what is saved; the file ends with its last whole
/// frame and plays. The stream goes on for everybody else. A power cut takes about the last second: what was written is put
/// on the disk twice a second.
pub struct Recorder {
    recording: Option<Recording>,
    limit: Option<u64>,
    progress: RecordingProgress,
    /// Samples on their way into a file that lays them out otherwise.
    pcm: Pcm,
}

impl Recorder {
    /// A recording to `path`. No file is touched before the stream is known.
    ///
    /// # Errors
    /// [`ErrorName::TypeError`](crate::ErrorName::TypeError) for a name that says no kind of file.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Ok(Self::of_format(path, FileFormat::from_path(path)?))
    }

    /// As [`Recorder::create`], of the kind that a name ending in `.kind` would be, whatever the path says: `mkv`, `wav`, `y4m`,
    /// `mjpg`, `h264` or `raw`. For `-`, standard output, and for pipes without such a name.
    ///
    /// # Errors
    /// [`ErrorName::TypeError`](crate::ErrorName::TypeError) for any other kind.
    pub fn create_as(path: impl AsRef<Path>, kind: &str) -> Result<Self> {
        Ok(Self::of_format(path.as_ref(), FileFormat::from_name(kind)?))
    }

    fn of_format(path: &Path, format: FileFormat) -> Self {
        let progress = RecordingProgress::new(path);
        let recording = Some(Recording::create(path, format, progress.clone()));
        Self { recording, limit: None, pcm: Pcm::default(), progress }
    }

    /// Cuts the recording into segments, whose names begin as the file's.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), usermedia::Error> {
    /// use std::time::Duration;
    /// use usermedia::{Recorder, Segments};
    ///
    /// // Ten minutes each, and the newest 20 GB of them.
    /// let segments = Segments::of_length(Duration::from_secs(600)).keep(20_000_000_000);
    /// let recorder = Recorder::create("door.mkv")?.with_segments(segments)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorName::TypeError`](crate::ErrorName::TypeError) for standard output, and for segments of no length and no size.
    pub fn with_segments(mut self, segments: Segments) -> Result<Self> {
        self.recording.iter_mut().try_for_each(|recording| recording.cut(segments))?;
        Ok(self)
    }

    /// Ends the recording after this many pictures.
    #[must_use]
    pub fn with_frame_limit(mut self, frames: u64) -> Self {
        self.limit = Some(frames);
        self
    }

    /// Ends the recording for this reason: the files are completed as far as they go, and the error says what there is.
    fn stopped(&mut self, error: Error) -> Error {
        if let Some(recording) = self.recording.take() {
            // What it says of a file that is in trouble already adds nothing.
            let _ = recording.close();
        }
        let to_nobody = error.errno() == Some(nix::errno::Errno::EPIPE as i32);
        let error = if to_nobody { error } else { error.add_to_message(&saved(&self.progress)) };
        trace::recording_failed(self.progress.path(), &error);
        error
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
        let Some(recording) = &mut self.recording else { return Ok(()) };
        let metadata = Metadata {
            title: tracks.first().map(|track| track.label.clone()),
            recorded: None,
            synthetic: tracks.iter().any(|track| track.settings.is_synthetic()),
        };
        let begun = recording.begin(metadata, tracks.iter().map(track_format).collect());
        begun.inspect_err(|error| trace::recording_failed(self.progress.path(), error))
    }

    fn reconfigured(&mut self, track: usize, metadata: &TrackMetadata) -> Result<()> {
        let Some(recording) = &mut self.recording else { return Ok(()) };
        let changed = recording.reformat(track, track_format(metadata));
        changed.map_err(|error| self.stopped(error))
    }

    fn video_frame(&mut self, track: usize, frame: &VideoFrame) -> Result<Flow> {
        let Some(recording) = &mut self.recording else { return Ok(Flow::Done) };
        if frame.failure().is_some() {
            // A damaged JPEG, of which no smaller picture could be made: counted at the track.
            return Ok(Flow::Continue);
        }
        let mut memories: [&[u8]; MAX_MEMORIES] = [&[]; MAX_MEMORIES];
        let count = frame.memory_count().min(MAX_MEMORIES);
        for (index, memory) in memories.iter_mut().enumerate().take(count) {
            *memory = frame.memory(index).unwrap_or_default();
        }
        let written = recording.video(track, frame.timestamp(), &memories[..count]);
        written.map_err(|error| self.stopped(error))?;
        let done = self.limit.is_some_and(|limit| self.progress.frames() >= limit);
        Ok(if done { Flow::Done } else { Flow::Continue })
    }

    fn audio_data(&mut self, track: usize, data: &AudioData) -> Result<Flow> {
        let Some(recording) = &mut self.recording else { return Ok(Flow::Done) };
        let samples = self.pcm.arrange(data.sample_format(), data.data());
        let sound = SampleData { timestamp_ns: data.timestamp(), position: data.position(), samples };
        let written = recording.audio(track, &sound);
        written.map_err(|error| self.stopped(error))?;
        Ok(Flow::Continue)
    }

    fn ended(&mut self) -> Result<()> {
        let finished = self.recording.take().map_or(Ok(()), Recording::finish);
        finished.inspect_err(|error| trace::recording_failed(self.progress.path(), error))
    }
}

/// What there is of a recording that was stopped, in words.
fn saved(progress: &RecordingProgress) -> String {
    let (frames, duration_ns, bytes) = progress.saved();
    let (seconds, megabytes) = (duration_ns as f64 / 1e9, bytes as f64 / 1e6);
    match frames {
        0 if duration_ns == 0 => "nothing is saved".to_owned(),
        0 => format!("{seconds:.1} s of sound, {megabytes:.1} MB, are saved"),
        _ => format!("{frames} frames, {seconds:.1} s, {megabytes:.1} MB, are saved"),
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
            color_space: format.color_space(),
            label,
            codec_private: Vec::new(),
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
