//! What the caller asks for, in both dialects: the current W3C one and the one of the 2012 drafts. Pure data.
//!
//! | | W3C | 2012 |
//! |---|---|---|
//! | type | [`MediaTrackConstraints`] | [`LegacyTrackConstraints`] |
//! | in JSON | `{"width": {"min": 640, "ideal": 1280}}` | `{"mandatory": {"minWidth": 640}, "optional": [{"minWidth": 1280}]}` |
//! | resolved by | `SelectSettings` | the algorithm of libjingle |
//! | a key twice | the last counts, as in `JSON.parse` | every pair is a filter of its own, in order |
//!
//! A JSON object with the member `mandatory` or `optional` is the 2012 dialect.

mod legacy;
#[cfg(feature = "serde")]
mod read;
mod value;
mod w3c;
#[cfg(feature = "serde")]
mod write;

pub use legacy::{LegacyConstraint, LegacyTrackConstraints, LegacyValue};
pub use value::{
    BooleanOrString, ConstrainBoolean, ConstrainBooleanOrDomString, ConstrainDomString, ConstrainDouble,
    ConstrainNumber, ConstrainULong, ConstrainValue,
};
pub use w3c::{Constraint, ConstraintName, MediaTrackConstraintSet, MediaTrackConstraints};

/// A request: which kinds of media, and under which constraints. `MediaStreamConstraints`.
///
/// ```
/// use usermedia::constraints::{ConstrainULong, MediaStreamConstraints, MediaTrackConstraints};
///
/// let request = MediaStreamConstraints::new()
///     .video(MediaTrackConstraints::new().width(ConstrainULong::new().max(1280)).frame_rate(30.0))
///     .audio(true);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct MediaStreamConstraints {
    /// What is asked of a camera.
    pub video: MediaTrackRequest,
    /// What is asked of a microphone.
    pub audio: MediaTrackRequest,
}

impl MediaStreamConstraints {
    /// Nothing requested yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests video: `true`, or constraints of either dialect.
    #[must_use]
    pub fn video(mut self, request: impl Into<MediaTrackRequest>) -> Self {
        self.video = request.into();
        self
    }

    /// Requests audio: `true`, or constraints of either dialect.
    #[must_use]
    pub fn audio(mut self, request: impl Into<MediaTrackRequest>) -> Self {
        self.audio = request.into();
        self
    }
}

/// What is asked of one kind of media.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum MediaTrackRequest {
    /// Nothing: `false`, or no such member.
    #[default]
    NotRequested,
    /// `true`: any device, in its usual mode.
    Any,
    /// Constraints of the current specification.
    Constraints(MediaTrackConstraints),
    /// Constraints of the 2012 drafts.
    Legacy(LegacyTrackConstraints),
}

impl MediaTrackRequest {
    /// Whether this kind of media is requested.
    pub fn is_requested(&self) -> bool {
        !matches!(self, Self::NotRequested)
    }
}

impl From<bool> for MediaTrackRequest {
    fn from(requested: bool) -> Self {
        if requested { Self::Any } else { Self::NotRequested }
    }
}

impl From<MediaTrackConstraints> for MediaTrackRequest {
    fn from(constraints: MediaTrackConstraints) -> Self {
        if constraints.is_empty() { Self::Any } else { Self::Constraints(constraints) }
    }
}

impl From<&MediaTrackConstraints> for MediaTrackRequest {
    fn from(constraints: &MediaTrackConstraints) -> Self {
        constraints.clone().into()
    }
}

impl From<MediaTrackConstraintSet> for MediaTrackRequest {
    fn from(set: MediaTrackConstraintSet) -> Self {
        MediaTrackConstraints::from(set).into()
    }
}

impl From<LegacyTrackConstraints> for MediaTrackRequest {
    fn from(constraints: LegacyTrackConstraints) -> Self {
        Self::Legacy(constraints)
    }
}
