//! `applyConstraints()`: something else is asked of a camera that runs.
//!
//! Tracks of one camera share its mode and its controls. What one of them asks for must leave the others what they
//! require; what they merely wish for gives way.

use std::sync::Arc;

use super::camera::{judge, request};
use super::frame::VideoFrame;
use super::outlet::TrackOutlet;
use super::running::Running;
use super::track::VideoTrack;
use crate::capture::{CameraRequest, VideoFormat};
use crate::constraints::{MediaStreamConstraints, MediaTrackRequest};
use crate::devices::control::ControlGoal;
use crate::devices::{FrameRates, MediaDeviceInfo, Span, VideoMode};
use crate::error::{Error, ErrorName, Result};
use crate::resolve::{CurrentMode, Derivation, ResolveOptions, VideoSettings, resolve};

type Outlet = TrackOutlet<VideoFrame>;

impl VideoTrack {
    /// Asks for something else: `applyConstraints()`. What was asked before counts no more. Waits for the driver.
    ///
    /// Where the mode the camera runs in will do as well as any other, frames flow on without a gap: only its controls are set,
    /// and what this track makes of its pictures (a part of them, a smaller size, a lower rate) is changed. Where it will not,
    /// the camera is started in another one: the track is muted
    /// ([`MuteReason::Reconfiguring`](crate::MuteReason)) until the first frame of that, and the frames that follow have
    /// another size. [`VideoTrack::settings`] say what came of it.
    ///
    /// # Errors
    /// Nothing is changed then.
    ///
    /// - [`ErrorName::OverconstrainedError`]: this camera cannot, or a control refuses what is required, or another track of
    ///   the camera requires otherwise.
    /// - [`ErrorName::TypeError`]: the constraints are malformed.
    /// - [`ErrorName::NotReadableError`]: the camera fails.
    /// - [`ErrorName::AbortError`]: the track has ended; or this is the capture thread, in `on_frame` say.
    ///
    /// ```no_run
    /// # fn main() -> usermedia::Result<()> {
    /// # let stream = usermedia::get_user_media(&r#"{"video": true}"#.parse()?)?;
    /// use usermedia::constraints::MediaTrackConstraints;
    ///
    /// let track = &stream.video_tracks()[0];
    /// track.apply_constraints(MediaTrackConstraints::new().exposure_time(100.0).brightness(140.0))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn apply_constraints(&self, constraints: impl Into<MediaTrackRequest>) -> Result<()> {
        let constraints = MediaStreamConstraints::new().video(constraints);
        let Some(camera) = self.device().filter(|camera| !camera.feed().is_ended()) else {
            return Err(Error::new(ErrorName::AbortError, "the track has ended").with_remedy("ask for another one"));
        };
        let _turn = camera.turn()?;
        let others: Vec<Arc<Outlet>> =
            camera.feed().tracks().iter().filter(|other| !Arc::ptr_eq(other, self.outlet())).cloned().collect();
        let current = camera.settings();
        let wanted = choose(&constraints, &camera, &current, &others)?;
        let controls = together(&wanted, &others, camera.device())?;
        if camera.is_in(&wanted, &current) {
            camera.source().set_controls(controls)?;
        } else {
            let accept = {
                let (wanted, constraints, others) = (wanted.clone(), constraints.clone(), others.clone());
                let device = camera.device().clone();
                move |format: &Arc<VideoFormat>| {
                    judge(&wanted, &constraints, format)?;
                    let given = super::camera::negotiated(&wanted, format);
                    others.iter().try_for_each(|other| other.endures(&given, &device))
                }
            };
            let request = CameraRequest { controls, ..request(&wanted) };
            camera.source().reconfigure(request, Box::new(accept))?;
            camera.asked(wanted.clone());
        }
        self.outlet().asked(wanted, constraints);
        Ok(())
    }
}

impl Running<VideoFrame> {
    /// Sets the controls that one more request for a camera that runs asks for.
    ///
    /// # Errors
    /// As [`VideoTrack::apply_constraints`].
    pub(super) fn share_controls(&self, wanted: &VideoSettings) -> Result<()> {
        if wanted.control_goals.is_empty() {
            return Ok(());
        }
        let _turn = self.turn()?;
        let goals = together(wanted, &self.feed().tracks(), self.device())?;
        self.source().set_controls(goals)
    }

    /// Whether it runs in this mode, or in what its driver makes of it.
    fn is_in(&self, mode: &VideoSettings, current: &VideoSettings) -> bool {
        let same = |other: &VideoSettings| {
            (mode.native_fourcc.is_none() || mode.native_fourcc == other.native_fourcc)
                && (mode.native_width, mode.native_height) == (other.native_width, other.native_height)
                && mode.native_frame_rate == other.native_frame_rate
        };
        same(current) || same(&self.wanted())
    }
}

impl Outlet {
    /// Refuses a mode in which its track would not have what it requires.
    fn endures(&self, mode: &VideoSettings, device: &MediaDeviceInfo) -> Result<()> {
        let (mut settings, wanted) = (VideoSettings::clone(&self.settings()), self.wanted());
        settings.native_fourcc = mode.native_fourcc.or(settings.native_fourcc);
        (settings.native_width, settings.native_height) = (mode.native_width, mode.native_height);
        (settings.fourcc, settings.width, settings.height) =
            (settings.native_fourcc, settings.native_width, settings.native_height);
        // A track of a smaller size has that made of the other mode's pictures, too, where they are large enough.
        let size = (wanted.width, wanted.height);
        let native = (settings.native_width, settings.native_height);
        if let (true, Some(fourcc)) = (wanted.is_resized(), settings.native_fourcc)
            && let Some(derivation) = Derivation::new(fourcc, native, size)
        {
            (settings.fourcc, settings.width, settings.height) = (Some(derivation.fourcc), size.0, size.1);
        }
        // A track whose own rate is lower leaves frames out, as before.
        if !settings.is_decimated() || mode.native_frame_rate < settings.frame_rate {
            settings.frame_rate = mode.native_frame_rate;
        }
        settings.native_frame_rate = mode.native_frame_rate;
        match self.constraints().video_violation(&settings) {
            Some(constraint) => Err(required_elsewhere(&constraint, device)),
            None => Ok(()),
        }
    }
}

fn required_elsewhere(constraint: &str, device: &MediaDeviceInfo) -> Error {
    let message = format!("another track of {} requires another {constraint}", device.label);
    Error::new(ErrorName::OverconstrainedError, message)
        .with_constraint(constraint)
        .with_device(&*device.label, &*device.path)
        .with_remedy("stop that track, or change its constraints first")
}

/// The settings for a request to a camera that runs: of those that fit it equally, the mode it runs in. Where other tracks
/// would not have what they require in the mode that fits it best, what can be made of the one it runs in must do.
fn choose(
    constraints: &MediaStreamConstraints,
    camera: &Running<VideoFrame>,
    current: &VideoSettings,
    others: &[Arc<Outlet>],
) -> Result<VideoSettings> {
    let mut device = camera.device().clone();
    // It was free when it was listed, or became ours since.
    (device.busy, device.unusable) = (false, None);
    let mode = CurrentMode {
        fourcc: current.native_fourcc,
        size: (current.native_width, current.native_height),
        frame_rate: current.native_frame_rate,
        shared: !others.is_empty(),
    };
    let own = mode.fourcc.map(|fourcc| {
        // As a mode of its own: in a range of sizes it would not be looked at, and a driver may have made another rate of it.
        let rates = mode.frame_rate.map_or(FrameRates::Unknown, |rate| FrameRates::List(vec![rate]));
        let (width, height) = (Span::Fixed(mode.size.0), Span::Fixed(mode.size.1));
        VideoMode::new(fourcc, width, height, rates)
    });
    if !device.modes.is_empty() {
        device.modes.splice(0..0, own.clone());
    }
    let options = ResolveOptions { current: Some(mode), ..*camera.options() };
    let resolved = |device: MediaDeviceInfo| {
        let resolution = resolve(constraints, &[device], &options)?;
        let mut settings = resolution.video.ok_or_else(|| Error::new(ErrorName::AbortError, "nothing was resolved"))?;
        settings.path.clone_from(&current.path);
        Ok(settings)
    };
    let best: VideoSettings = resolved(device.clone())?;
    if camera.is_in(&best, current) {
        return Ok(best);
    }
    let Err(refused) = others.iter().try_for_each(|other| other.endures(&best, &device)) else { return Ok(best) };
    let own = MediaDeviceInfo { modes: own.into_iter().collect(), ..device };
    if own.modes.is_empty() { Err(refused) } else { resolved(own).map_err(|_| refused) }
}

/// What is asked of the controls by all tracks together: one's requirements narrow another's wishes.
fn together(wanted: &VideoSettings, others: &[Arc<Outlet>], device: &MediaDeviceInfo) -> Result<Vec<ControlGoal>> {
    let mut goals = wanted.control_goals.clone();
    for other in others {
        for goal in &other.wanted().control_goals {
            let Some(own) = goals.iter_mut().find(|own| own.name == goal.name) else {
                goals.push(*goal);
                continue;
            };
            let Some(control) = device.control(goal.name) else { continue };
            *own = own.and(goal, &control.range).ok_or_else(|| required_elsewhere(goal.name.as_str(), device))?;
        }
    }
    Ok(goals)
}
