//! From a camera's resolved mode to a track of it.

use std::sync::Arc;

use super::feed::Feed;
use super::fitting::Fitting;
use super::frame::VideoFrame;
use super::medium::Medium;
use super::opening::{Opening, explain};
use super::running::{Registry, Running};
use super::track::VideoTrack;
use crate::capture::{CameraRequest, VideoFormat};
use crate::constraints::MediaStreamConstraints;
use crate::devices::{FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, VideoMode};
use crate::error::{Error, ErrorName, Result};
use crate::resolve::{ResizeMode, VideoSettings};
use crate::trace;

/// Leaves a camera that runs the one mode it runs in. Whether it does.
pub(super) fn offers_what_it_runs_in(device: &mut MediaDeviceInfo, cameras: &Registry<VideoFrame>) -> bool {
    let Some(camera) = cameras.find(&device.device_id) else { return false };
    let settings = camera.settings();
    let rates = settings.native_frame_rate.map_or(FrameRates::Unknown, |rate| FrameRates::List(vec![rate]));
    let (width, height) = (Span::Fixed(settings.native_width), Span::Fixed(settings.native_height));
    device.modes =
        settings.native_fourcc.map(|fourcc| VideoMode::new(fourcc, width, height, rates)).into_iter().collect();
    true
}

impl Opening<'_> {
    /// A track of the first camera that opens.
    pub(super) fn camera(&self, candidates: &[VideoSettings]) -> Result<VideoTrack> {
        self.first::<VideoFrame>(candidates, |wanted| self.open_camera(wanted), "no camera is connected")
    }

    fn open_camera(&self, wanted: &VideoSettings) -> Result<VideoTrack> {
        if let Some(camera) = self.session.cameras().find(&wanted.device_id) {
            camera.share_controls(wanted)?;
            return Ok(VideoTrack::new(camera, wanted.clone(), self.constraints.clone()));
        }
        let request = CameraRequest { buffers: self.buffers, raw: self.raw, ..request(wanted) };
        let accept = {
            let (wanted, constraints) = (wanted.clone(), self.constraints.clone());
            Box::new(move |format: &Arc<VideoFormat>| judge(&wanted, &constraints, format))
        };
        let feed = Arc::new(Feed::new(&wanted.label, self.session.dispatcher()));
        let offer = Arc::new(self.offer(MediaDeviceKind::VideoInput, &wanted.device_id));
        let keep = self.keep_camera(wanted, offer.clone());
        let source = self.session.engine().open(request, accept, keep, feed.clone()).map_err(|error| {
            explain(self.machine, error, (&wanted.label, &wanted.path), &wanted.path, "another camera")
        })?;
        let options = *self.options;
        let camera = Arc::new(Running::new(source, feed, offer, wanted.clone(), options, self.session.clone()));
        self.session.cameras().register(&camera);
        trace::started(VideoFrame::KIND, &wanted.label, &wanted.path, &mode(&camera.settings()));
        Ok(VideoTrack::new(camera, wanted.clone(), self.constraints.clone()))
    }
}

/// What is asked of the engine for settings.
pub(super) fn request(wanted: &VideoSettings) -> CameraRequest {
    CameraRequest {
        path: wanted.path.clone(),
        fourcc: wanted.native_fourcc,
        width: wanted.native_width,
        height: wanted.native_height,
        frame_rate: wanted.native_frame_rate.or(wanted.frame_rate),
        buffers: None,
        controls: wanted.control_goals.clone(),
        raw: false,
        synthetic: wanted.synthetic,
    }
}

/// A mode in a word: `YUYV 640x480 30/1`.
fn mode(settings: &VideoSettings) -> String {
    let fourcc = settings.native_fourcc.map_or_else(String::new, |fourcc| fourcc.to_string());
    let rate = settings.native_frame_rate.map_or_else(String::new, |rate| rate.to_string());
    format!("{fourcc} {}x{} {rate}", settings.native_width, settings.native_height)
}

/// The settings that the driver's answer makes of what was wanted.
pub(super) fn negotiated(wanted: &VideoSettings, format: &VideoFormat) -> VideoSettings {
    let mut settings = wanted.clone();
    (settings.native_fourcc, settings.native_width, settings.native_height) =
        (Some(format.fourcc), format.width, format.height);
    // A smaller picture than the camera's is made of that; any other is the camera's.
    let size = if wanted.is_resized() { (wanted.width, wanted.height) } else { (format.width, format.height) };
    let fitted = Fitting::plan(format, size);
    (settings.fourcc, settings.width, settings.height) = match &fitted {
        Some((_, made)) => (Some(made.fourcc), made.width, made.height),
        None => (Some(format.fourcc), format.width, format.height),
    };
    settings.native_frame_rate = format.frame_rate;
    settings.delivery = Some(format.delivery);
    settings.controls = format.controls.clone();
    // A rate below the camera's own is reached by dropping; any other is the camera's.
    settings.frame_rate = match (wanted.frame_rate, wanted.native_frame_rate, format.frame_rate) {
        (Some(delivered), Some(native), Some(actual)) if delivered < native && delivered < actual => Some(delivered),
        (_, _, actual) => actual,
    };
    if settings.is_resized() || settings.is_decimated() {
        settings.resize_mode = ResizeMode::CropAndScale;
    }
    settings
}

/// A driver that answers with something else is fatal only against a required constraint.
pub(super) fn judge(wanted: &VideoSettings, constraints: &MediaStreamConstraints, format: &VideoFormat) -> Result<()> {
    let settings = negotiated(wanted, format);
    let Some(constraint) = constraints.video_violation(&settings) else { return Ok(()) };
    let rate = settings.frame_rate.map_or_else(|| "an unknown rate".to_owned(), |rate| format!("{rate} fps"));
    let message = format!(
        "{} was asked for {}x{} and gives {} {}x{} at {rate}, which the required {constraint} does not allow",
        wanted.label, wanted.native_width, wanted.native_height, format.fourcc, format.width, format.height,
    );
    Err(Error::new(ErrorName::OverconstrainedError, message)
        .with_constraint(constraint)
        .with_device(&*wanted.label, &*wanted.path)
        .with_remedy("make the constraint an ideal one, or ask for another mode"))
}
