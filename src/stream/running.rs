//! A camera that runs, and everything its tracks share.

use std::sync::{Arc, OnceLock};

use super::outlet::Feed;
use super::processor::Clock;
use super::session::Session;
use crate::capture::{CapturedFrame, Source, Worker};
use crate::devices::MediaDeviceInfo;
use crate::resolve::VideoSettings;

/// One open camera with its tracks. The source stops when the last track lets go.
pub(super) struct RunningCamera {
    source: Arc<Source<CapturedFrame>>,
    feed: Arc<Feed>,
    device: MediaDeviceInfo,
    /// As negotiated, at the camera's own rate.
    settings: VideoSettings,
    session: Arc<Session>,
    clock: OnceLock<Clock>,
}

impl RunningCamera {
    pub(super) fn new(
        source: Source<CapturedFrame>,
        feed: Arc<Feed>,
        device: MediaDeviceInfo,
        settings: VideoSettings,
        session: Arc<Session>,
    ) -> Self {
        Self { source: Arc::new(source), feed, device, settings, session, clock: OnceLock::new() }
    }

    pub(super) fn source(&self) -> &Source<CapturedFrame> {
        &self.source
    }

    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(super) fn device(&self) -> &MediaDeviceInfo {
        &self.device
    }

    pub(super) fn settings(&self) -> &VideoSettings {
        &self.settings
    }

    pub(super) fn dispatcher(&self) -> Arc<Worker> {
        self.session.dispatcher().clone()
    }

    /// The engine's clock. It keeps the engine's kernel, not the source.
    pub(super) fn clock(&self) -> Clock {
        self.clock.get_or_init(|| Arc::new(self.source.clock())).clone()
    }

    /// Closes the device, whoever still holds the camera.
    pub(super) fn stop(&self) {
        self.source.stop();
    }
}
