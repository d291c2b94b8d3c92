//! What can go wrong, by cause and remedy.
//!
//! Every [`Error`] carries two names: the modern `DOMException` name ([`ErrorName`]) and the code of the 2012
//! `NavigatorUserMediaError` ([`ErrorCode`]). Which situation gives which pair is one table, in [`ErrorName::code`].

use std::borrow::Cow;
use std::fmt;

/// The modern name of an error: the `DOMException` names of W3C Media Capture and Streams, section 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorName {
    /// The request itself is malformed: neither video nor audio asked for, a constraint of the wrong type, a frame
    /// rate that is not a finite number. Mend the request.
    TypeError,
    /// A mandatory constraint (2012 dialect) whose name is not known here. Remove it or make it optional.
    NotSupportedError,
    /// There is no device of a requested kind. Plug one in, or wait for one.
    NotFoundError,
    /// Devices exist, none meets the required constraints. [`Error::constraint`] names the one in the way.
    OverconstrainedError,
    /// Denied by policy, by the user, or by the permissions of the device node. [`Error::remedy`] names the group.
    NotAllowedError,
    /// The device is busy or failing, and so was every other candidate.
    NotReadableError,
    /// Stopped before it started.
    AbortError,
}

impl ErrorName {
    /// The name as the web spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TypeError => "TypeError",
            Self::NotSupportedError => "NotSupportedError",
            Self::NotFoundError => "NotFoundError",
            Self::OverconstrainedError => "OverconstrainedError",
            Self::NotAllowedError => "NotAllowedError",
            Self::NotReadableError => "NotReadableError",
            Self::AbortError => "AbortError",
        }
    }

    /// The 2012 code that goes with the name.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::TypeError | Self::NotSupportedError => ErrorCode::NotSupportedError,
            Self::NotFoundError | Self::OverconstrainedError => ErrorCode::MandatoryUnsatisfiedError,
            Self::NotAllowedError | Self::NotReadableError | Self::AbortError => ErrorCode::PermissionDenied,
        }
    }
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The three codes of the 2012 `NavigatorUserMediaError`, with their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum ErrorCode {
    /// `PERMISSION_DENIED`: the user, a policy or the machine refused.
    PermissionDenied = 1,
    /// `NOT_SUPPORTED_ERROR`: a constraint, or the request's form, is not supported.
    NotSupportedError = 2,
    /// `MANDATORY_UNSATISFIED_ERROR`: no track of the requested type meets the mandatory constraints.
    MandatoryUnsatisfiedError = 3,
}

impl ErrorCode {
    /// The code as the 2012 drafts spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::NotSupportedError => "NOT_SUPPORTED_ERROR",
            Self::MandatoryUnsatisfiedError => "MANDATORY_UNSATISFIED_ERROR",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The process that holds a busy device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// Its name (`/proc/PID/comm`).
    pub process: String,
    /// Its process id.
    pub pid: u32,
}

impl Holder {
    /// A process by its name and id.
    pub fn new(process: impl Into<String>, pid: u32) -> Self {
        Self { process: process.into(), pid }
    }
}

/// An error of this library: what happened, to which device, and what to do about it.
///
/// ```
/// use usermedia::{Error, ErrorCode, ErrorName};
///
/// let error = Error::new(ErrorName::NotFoundError, "no camera is connected")
///     .with_remedy("plug one in, or pass --synthetic to use the built-in one");
/// assert_eq!(error.code(), ErrorCode::MandatoryUnsatisfiedError);
/// assert_eq!(error.code() as u16, 3);
/// ```
#[derive(Clone, PartialEq)]
pub struct Error(Box<Details>);

#[derive(Clone, PartialEq)]
struct Details {
    name: ErrorName,
    message: String,
    remedy: Option<String>,
    constraint: Option<String>,
    device: Option<String>,
    path: Option<String>,
    errno: Option<i32>,
    holder: Option<Holder>,
}

impl Error {
    /// An error with its message: one sentence without a full stop.
    pub fn new(name: ErrorName, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            name,
            message: message.into(),
            remedy: None,
            constraint: None,
            device: None,
            path: None,
            errno: None,
            holder: None,
        }))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// The same error in other words.
    #[must_use]
    pub(crate) fn replace_message(mut self, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        self.0.message = message.into();
        self.0.remedy = Some(remedy.into());
        self
    }

    /// Adds to what happened.
    #[cfg(feature = "record")]
    #[must_use]
    pub(crate) fn add_to_message(mut self, more: &str) -> Self {
        self.0.message = format!("{}; {more}", self.0.message);
        self
    }

    /// Adds the constraint that could not be met; `""` where each could be met alone but not together.
    #[must_use]
    pub fn with_constraint(mut self, constraint: impl Into<String>) -> Self {
        self.0.constraint = Some(constraint.into());
        self
    }

    /// Adds the device (its label or id) and the node it happened at.
    #[must_use]
    pub fn with_device(mut self, device: impl Into<String>, path: impl Into<String>) -> Self {
        self.0.device = Some(device.into());
        self.0.path = Some(path.into());
        self
    }

    /// Adds the system's error number.
    #[must_use]
    pub fn with_errno(mut self, errno: i32) -> Self {
        self.0.errno = Some(errno);
        self
    }

    /// Adds the process that holds the device.
    #[must_use]
    pub fn with_holder(mut self, holder: Holder) -> Self {
        self.0.holder = Some(holder);
        self
    }

    /// The modern name.
    pub fn name(&self) -> ErrorName {
        self.0.name
    }

    /// The 2012 code.
    pub fn code(&self) -> ErrorCode {
        self.0.name.code()
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it, where something can be done.
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// The constraint in the way, of an [`ErrorName::OverconstrainedError`] or a [`ErrorName::NotSupportedError`].
    pub fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    /// The device it happened at.
    pub fn device(&self) -> Option<&str> {
        self.0.device.as_deref()
    }

    /// The device's node (`/dev/video0`) or PCM (`hw:1,0`).
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// The system's error number, as `errno(3)`.
    pub fn errno(&self) -> Option<i32> {
        self.0.errno
    }

    /// The process that holds the device, of a busy one.
    pub fn holder(&self) -> Option<&Holder> {
        self.0.holder.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.name, self.0.message)?;
        if let Some(remedy) = &self.0.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

/// As [`fmt::Display`], with what else is known: a `main` that returns an error prints it so.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let Details { constraint, device, path, errno, holder, .. } = &*self.0;
        let known = [
            constraint.as_ref().map(|constraint| format!("constraint {constraint:?}")),
            device.as_ref().map(|device| format!("device {device:?}")),
            path.as_ref().map(|path| format!("path {path:?}")),
            errno.map(|errno| format!("errno {errno}")),
            holder.as_ref().map(|holder| format!("held by {} (pid {})", holder.process, holder.pid)),
        ];
        let known: Vec<_> = known.into_iter().flatten().collect();
        if known.is_empty() { Ok(()) } else { write!(f, " [{}]", known.join(", ")) }
    }
}

impl std::error::Error for Error {}

/// What this library returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The first 40 characters of what a stranger wrote, for a message: it may be a megabyte.
pub(crate) fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
