//! Which device and mode a request gets: a pure function of constraints and devices, which opens nothing.
//!
//! [`resolve`] takes the devices in the order given. Constraints of the current specification are resolved by
//! `SelectSettings` over the cameras' modes and what can be made of them, those of the 2012 drafts by libjingle's algorithm. The result says why.

mod accepted;
mod audio;
mod candidates;
mod controls;
mod derive;
#[cfg(feature = "serde")]
mod document;
mod fitness;
mod libjingle;
mod pixels;
mod range;
mod rate;
#[cfg(feature = "serde")]
mod read;
mod select;
mod settings;
mod table;
mod track;
mod violation;
mod why;

pub(crate) use candidates::{comes_into_question, formats_in_question};
pub(crate) use derive::Derivation;
pub use settings::{AudioSettings, ResizeMode, VideoSettings};

use crate::constraints::{Constraint, MediaStreamConstraints, MediaTrackRequest};
use crate::devices::{MediaDeviceInfo, MediaDeviceKind};
use crate::error::{Error, ErrorName, Result};
use crate::format::{Fourcc, FrameRate};

/// By which rules a request is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// libjingle's algorithm of September 2014, for the 2012 dialect.
    Libjingle,
    /// `SelectSettings` of W3C Media Capture and Streams.
    W3c,
}

impl Profile {
    /// The profile as `--profile` spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Libjingle => "libjingle",
            Self::W3c => "w3c",
        }
    }

    /// The profile of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Libjingle, Self::W3c].into_iter().find(|profile| profile.as_str() == name)
    }
}

/// What a resolution depends on beside constraints and devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolveOptions {
    /// The rules for a request that is just `true`; constraints bring their own.
    pub profile: Option<Profile>,
    /// Whether the pictures go to a file: then MJPG is preferred among equals.
    pub recording: bool,
    /// The mode of a camera that runs: preferred among equals before all else.
    pub(crate) current: Option<CurrentMode>,
}

/// A mode that a camera runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CurrentMode {
    pub(crate) fourcc: Option<Fourcc>,
    pub(crate) size: (u32, u32),
    /// The camera's own.
    pub(crate) frame_rate: Option<FrameRate>,
    /// Whether it has other tracks, which another mode would disturb.
    pub(crate) shared: bool,
}

impl CurrentMode {
    /// Whether the other one is the same mode.
    fn is(&self, other: &Self) -> bool {
        Self { shared: false, ..*self } == Self { shared: false, ..*other }
    }
}

impl ResolveOptions {
    /// The defaults: W3C for `true`, not recording.
    pub fn new() -> Self {
        Self::default()
    }

    /// The rules for a request that is just `true`.
    #[must_use]
    pub fn profile(mut self, profile: impl Into<Option<Profile>>) -> Self {
        self.profile = profile.into();
        self
    }

    /// Whether the pictures go to a file.
    #[must_use]
    pub fn recording(mut self, recording: bool) -> Self {
        self.recording = recording;
        self
    }
}

/// What a request gets, and why.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Resolution {
    /// The rules it was resolved by.
    pub profile: Profile,
    /// The camera and its mode, where video was requested.
    pub video: Option<VideoSettings>,
    /// The microphone and its parameters, where audio was requested.
    pub audio: Option<AudioSettings>,
    /// One line for each decision.
    pub why: Vec<String>,
    /// The best settings of every camera that will do, in the order to try them; the first is [`Self::video`].
    pub video_candidates: Vec<VideoSettings>,
    /// The best settings of every microphone that will do, in the order to try them; the first is [`Self::audio`].
    pub audio_candidates: Vec<AudioSettings>,
}

/// Finds the device and mode for a request. Opens nothing.
///
/// Devices with [`MediaDeviceInfo::unusable`] set are no candidates, but count where permission or another process is what
/// stands in the way.
///
/// # Errors
///
/// - [`ErrorName::TypeError`]: neither video nor audio is requested, a number is not finite, or a constraint is required
///   that `getUserMedia` does not take as such.
/// - [`ErrorName::NotSupportedError`]: a mandatory key of the 2012 dialect is not known.
/// - [`ErrorName::NotFoundError`]: there is no device of a requested kind.
/// - [`ErrorName::OverconstrainedError`]: no device meets what is required; [`Error::constraint`] names what is in the way.
/// - [`ErrorName::NotAllowedError`]: none will do, and one may not be opened.
/// - [`ErrorName::NotReadableError`]: none will do, and another process holds one.
///
/// ```
/// use usermedia::constraints::{ConstrainULong, MediaStreamConstraints, MediaTrackConstraints};
/// use usermedia::resolve::{ResolveOptions, resolve};
///
/// let request = MediaStreamConstraints::new()
///     .video(MediaTrackConstraints::new().width(ConstrainULong::new().exact(1280)));
/// match resolve(&request, &usermedia::devices::enumerate_devices(), &ResolveOptions::new()) {
///     Ok(resolution) => println!("{:#?}", resolution.why),
///     Err(error) => eprintln!("{error}"),
/// }
/// ```
pub fn resolve(
    constraints: &MediaStreamConstraints,
    devices: &[MediaDeviceInfo],
    options: &ResolveOptions,
) -> Result<Resolution> {
    if !constraints.video.is_requested() && !constraints.audio.is_requested() {
        return Err(Error::new(ErrorName::TypeError, "neither video nor audio is requested")
            .with_remedy("ask for video, audio or both, such as {\"video\": true}"));
    }
    check_finite("video", &constraints.video)?;
    check_finite("audio", &constraints.audio)?;
    let profile = profile(constraints, options);
    let mut resolution = Resolution {
        profile,
        video: None,
        audio: None,
        why: Vec::new(),
        video_candidates: Vec::new(),
        audio_candidates: Vec::new(),
    };
    let video = track::video(&constraints.video, devices, profile, options, &mut resolution.why);
    let audio = track::audio(&constraints.audio, devices, &mut resolution.why);
    match (video, audio) {
        (Ok(video), Ok(audio)) => {
            resolution.video = video.first().cloned();
            resolution.audio = audio.first().cloned();
            resolution.video_candidates = video;
            resolution.audio_candidates = audio;
            Ok(resolution)
        }
        (video, audio) => Err(first_error(video.err(), audio.err())),
    }
}

/// The rules for the whole request: those of the first kind that carries constraints, else those asked for.
fn profile(constraints: &MediaStreamConstraints, options: &ResolveOptions) -> Profile {
    let own = |request: &MediaTrackRequest| match request {
        MediaTrackRequest::NotRequested | MediaTrackRequest::Any => None,
        MediaTrackRequest::Constraints(_) => Some(Profile::W3c),
        MediaTrackRequest::Legacy(_) => Some(Profile::Libjingle),
    };
    own(&constraints.video).or(own(&constraints.audio)).or(options.profile).unwrap_or(Profile::W3c)
}

/// Refuses numbers that are not finite: WebIDL's `double` has none.
fn check_finite(kind: &str, request: &MediaTrackRequest) -> Result<()> {
    let MediaTrackRequest::Constraints(track) = request else { return Ok(()) };
    for set in std::iter::once(&track.basic).chain(&track.advanced) {
        for (name, constraint) in set.iter() {
            if let Some(member) = Constraint::not_finite(constraint) {
                let message = format!("{kind}.{}{member} is not a finite number", name.as_str());
                return Err(
                    Error::new(ErrorName::TypeError, message).with_remedy("give a finite number, or leave it out")
                );
            }
        }
    }
    Ok(())
}

/// Of the errors of both kinds, the one that `getUserMedia` meets first: choosing fails before permission is asked for,
/// and devices are opened last; but where permission is refused for one kind, nothing is told about the devices of the
/// other.
fn first_error(video: Option<Error>, audio: Option<Error>) -> Error {
    let errors: Vec<Error> = video.into_iter().chain(audio).collect();
    let choosing = |error: &&Error| !matches!(error.name(), ErrorName::NotAllowedError | ErrorName::NotReadableError);
    let telling = |error: &&Error| matches!(error.name(), ErrorName::NotFoundError | ErrorName::OverconstrainedError);
    let refused = errors.iter().find(|error| error.name() == ErrorName::NotAllowedError);
    let first = match (errors.iter().find(choosing), refused) {
        (Some(error), Some(refused)) if telling(&error) => Some(refused),
        (Some(error), _) => Some(error),
        (None, refused) => refused.or(errors.first()),
    };
    first.cloned().unwrap_or_else(|| Error::new(ErrorName::AbortError, "nothing was resolved"))
}

const VIDEO: MediaDeviceKind = MediaDeviceKind::VideoInput;
const AUDIO: MediaDeviceKind = MediaDeviceKind::AudioInput;
