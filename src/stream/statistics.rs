//! Everything that is counted of a stream, in one piece.

use super::MediaStreamTrackState;
use super::consumer::ConsumerStatistics;
use super::medium::Medium;
use super::track::MediaStreamTrack;
#[cfg(feature = "serve")]
use super::track::{AudioTrack, VideoTrack};
use crate::capture::{AudioStatistics, MuteReason, SourceStatistics};

/// What was counted of a stream: [`LocalMediaStream::statistics`](crate::LocalMediaStream::statistics).
///
/// ```
/// use usermedia::{MediaDevices, MediaStreamConstraints};
///
/// let stream = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(true))?;
/// let statistics = stream.statistics();
/// let source = &statistics.video[0].source;
/// assert_eq!(source.expected, source.captured + source.lost_in_driver);
/// println!("{}", usermedia::Metrics::new().with_stream(&statistics));
/// # Ok::<(), usermedia::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct StreamStatistics {
    /// Its cameras.
    pub video: Vec<TrackStatistics<SourceStatistics>>,
    /// Its microphones.
    pub audio: Vec<TrackStatistics<AudioStatistics>>,
}

/// What was counted of a track.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct TrackStatistics<S> {
    /// The device, by its [`MediaDeviceInfo::device_id`](crate::MediaDeviceInfo::device_id).
    pub device_id: String,
    /// The device's name.
    pub label: String,
    /// Whether it gives frames, or will again: [`MediaStreamTrackState::Live`](crate::MediaStreamTrackState::Live).
    pub live: bool,
    /// Why it gives none for now, if it does not.
    pub muted: Option<MuteReason>,
    /// At the device, all its tracks together.
    pub source: S,
    /// Of a camera's: frames that could not be made into what the track gives, because a JPEG was damaged. Consumers were given
    /// them, and find no picture. Counted when somebody looks.
    pub unreadable: u64,
    /// At each consumer that is attached. One that has left is not among them.
    pub consumers: Vec<ConsumerStatistics>,
}

impl<S> TrackStatistics<S> {
    pub(super) fn of<M: Medium<Statistics = S>>(track: &MediaStreamTrack<M>) -> Self {
        Self {
            device_id: M::device_id(&track.settings()).to_owned(),
            label: track.label().to_owned(),
            live: track.ready_state() == MediaStreamTrackState::Live,
            muted: track.mute_reason(),
            source: track.statistics(),
            unreadable: track.unreadable(),
            consumers: track.consumer_statistics(),
        }
    }
}

impl StreamStatistics {
    /// Of tracks that are held without a stream.
    #[cfg(feature = "serve")]
    pub(crate) fn of(video: Option<&VideoTrack>, audio: Option<&AudioTrack>) -> Self {
        Self {
            video: video.into_iter().map(TrackStatistics::of).collect(),
            audio: audio.into_iter().map(TrackStatistics::of).collect(),
        }
    }

    /// How much faster the first microphone's clock runs than the first camera's, in parts per million; `None` for the first ten
    /// seconds, and where there is no such pair. At 100 ppm sound and picture that are not put at their own times are a third
    /// of a second apart after an hour.
    pub fn microphone_against_camera_ppm(&self) -> Option<f64> {
        let microphone = self.audio.first()?.source.clock_drift?.ppm;
        let camera = self.video.first()?.source.clock_drift?.ppm;
        Some(((1.0 + microphone * 1e-6) / (1.0 + camera * 1e-6) - 1.0) * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use crate::{MediaDevices, MediaStreamConstraints};

    #[test]
    fn a_stream_tells_of_every_track_and_consumer() {
        let constraints = MediaStreamConstraints::new().video(true).audio(true);
        let stream = MediaDevices::synthetic().get_user_media(&constraints).unwrap();
        let processor = stream.video_tracks()[0].processor(2);
        let _frames: Vec<_> = processor.take(3).collect();
        let statistics = stream.statistics();
        assert_eq!((statistics.video.len(), statistics.audio.len()), (1, 1));
        assert_eq!(statistics.video[0].device_id, stream.video_tracks()[0].settings().device_id);
        assert!(statistics.video[0].source.accepted >= 3);
        assert_eq!((statistics.video[0].live, statistics.video[0].muted), (true, None));
        assert_eq!(statistics.video[0].source.timestamp_source, Some(crate::TimestampSource::Driver));
        // It has left, and nothing can be said of clocks yet.
        assert!(statistics.video[0].consumers.is_empty());
        assert_eq!(statistics.microphone_against_camera_ppm(), None);
    }
}
