//! The 2012 form: two callbacks, of which exactly one is called.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::media_devices::MediaDevices;
use super::media_stream::LocalMediaStream;
use crate::constraints::MediaStreamConstraints;
use crate::error::{Error, ErrorName, Result};
use crate::thread;

/// What the 2012 drafts call the error of [`Navigator::get_user_media`]: its `code` is [`Error::code`].
pub type NavigatorUserMediaError = Error;

/// The `navigator` object of the 2012 web.
#[derive(Debug, Clone, Copy, Default)]
pub struct Navigator;

/// `navigator`, spelt as a page spells it.
#[expect(non_upper_case_globals, reason = "the name pages have used since 2012")]
pub const navigator: Navigator = Navigator;

impl Navigator {
    /// `navigator.getUserMedia(constraints, success, error)`: returns at once; exactly one of the callbacks is called,
    /// once, on a thread of the library's, never on the caller's stack.
    ///
    /// # Errors
    /// [`ErrorName::TypeError`] at once, with no callback, when neither video nor audio is asked for; and
    /// [`ErrorName::AbortError`] when no thread can be started.
    pub fn get_user_media(
        &self,
        constraints: MediaStreamConstraints,
        success: impl FnOnce(LocalMediaStream) + Send + 'static,
        error: impl FnOnce(NavigatorUserMediaError) + Send + 'static,
    ) -> Result<()> {
        self.get_user_media_from(MediaDevices::new(), constraints, success, error)
    }

    /// As [`Navigator::get_user_media`], from other devices than the machine's own: the built-in ones, say.
    ///
    /// # Errors
    /// As [`Navigator::get_user_media`].
    pub fn get_user_media_from(
        &self,
        devices: MediaDevices,
        constraints: MediaStreamConstraints,
        success: impl FnOnce(LocalMediaStream) + Send + 'static,
        error: impl FnOnce(NavigatorUserMediaError) + Send + 'static,
    ) -> Result<()> {
        if !constraints.video.is_requested() && !constraints.audio.is_requested() {
            return Err(Error::new(ErrorName::TypeError, "neither video nor audio is requested")
                .with_remedy("ask for video, audio or both"));
        }
        // A thread for each request: a device that takes its time delays no other callback.
        let work = move || {
            let outcome = devices.get_user_media(&constraints);
            // A panic in a callback has been printed by its hook; it ends that callback and nothing else.
            let _ = catch_unwind(AssertUnwindSafe(move || match outcome {
                Ok(stream) => success(stream),
                Err(failure) => error(failure),
            }));
        };
        thread::start("usermedia-request", "the request", work).map(drop)
    }
}
