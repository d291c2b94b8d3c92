//! What a device must be able to do to be kept.

use std::sync::Arc;

use crate::capture::engine::{Accept, Engine};
use crate::capture::source::{Captured, Outlet, Running};
use crate::devices::control::ControlGoal;
use crate::error::{Error, ErrorName, Result};

/// A camera or microphone that can be opened again and again. On the control thread.
pub(in crate::capture) trait Device<T: Captured>: Send {
    /// Opens it where it was last, starts it, tells `post` the format, and puts its reader on the reactor: it gives to
    /// `post`. Nothing stays open where that fails.
    fn open(&mut self, engine: &Arc<Engine>, post: Arc<dyn Outlet<T>>) -> Result<(Running, T::Format)>;
    /// Has it asked for `asked` from the next opening on; `asked` becomes what it was asked for before.
    fn exchange(&mut self, asked: &mut Asked<T>);
    /// Sets controls of what is open, if it is, and has them set at every opening from now on: `goals` are all there are.
    /// What the driver agreed to, where that has changed.
    fn set_controls(&mut self, _running: Option<&mut Running>, _goals: &[ControlGoal]) -> Result<Option<T::Format>> {
        Ok(None)
    }
    /// Whether what is open says that nothing is connected to it.
    fn has_no_signal(&self, _running: &Running) -> bool {
        false
    }
    /// Whether [`Device::restart`] is of any use.
    fn can_restart(&self) -> bool {
        false
    }
    /// Starts anew what is open and off the reactor.
    fn restart(&mut self, _running: &mut Running, _engine: &Arc<Engine>, _post: Arc<dyn Outlet<T>>) -> Result<()> {
        Err(Error::new(ErrorName::NotReadableError, "it cannot be started anew"))
    }
    /// Finds where it is now; `false` where it is nowhere.
    fn locate(&mut self) -> bool;
    /// Adds to an error what the system knows of it.
    fn explain(&self, error: Error) -> Error;
    /// Where it was last.
    fn path(&self) -> &str;
}

/// What a device is asked for, and who judges the answer.
pub(in crate::capture) struct Asked<T: Captured> {
    pub(in crate::capture) request: T::Request,
    pub(in crate::capture) accept: Accept<T::Format>,
}
