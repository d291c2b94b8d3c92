//! Who writes to a v4l2loopback that is measured: a process of its own, whose processor time is nobody's here.

use std::env;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Error, ErrorName, Result};

/// It ends by itself after this long, should nobody be left to end it.
const LONGEST: &str = "6h";

/// A `usermedia loopback --synthetic` that writes until this is dropped.
pub(crate) struct Producer {
    child: Child,
}

impl Producer {
    /// Starts it; `mode` is the part of its command line that says what it is to write.
    ///
    /// # Errors
    /// NotReadableError: it cannot be started.
    pub(crate) fn start(node: &str, mode: &[String]) -> Result<Self> {
        let failed = |error| Error::new(ErrorName::NotReadableError, format!("no writer can be started: {error}"));
        let child = Command::new(env::current_exe().map_err(failed)?)
            .args(["loopback", "--synthetic", "--duration", LONGEST, "--device", node])
            .args(mode)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(failed)?;
        Ok(Self { child })
    }

    /// Whether it has ended, after saying why on stderr.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id())
            && !self.has_ended()
        {
            // So that it ends the stream itself; it was not reaped, the number is still its own.
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
        let _ = self.child.wait();
    }
}
