//! Rules in a file: what an administrator of a kiosk writes.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::{Decision, Denial, PermissionPolicy, PermissionRequest, Rules};

/// Where an administrator puts the rules of the whole machine. The command heeds them; a program with the library does
/// if it asks for them ([`PolicyFile::system`]).
pub const SYSTEM_POLICY: &str = "/etc/usermedia/policy";

/// The longest file that is read, in bytes. A rule is some forty.
const LONGEST: u64 = 256 * 1024;

/// The rules in a file, in the form of [`Rules`].
///
/// The file is read for each request, so that what an administrator changes holds from the next request on. One that is
/// missing, cannot be read or has an error in it denies everything and says which: a slip never opens a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile(PathBuf);

impl PolicyFile {
    /// The rules in this file, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The rules of this machine, [`SYSTEM_POLICY`], where there is such a file. One that is there and cannot be read
    /// denies.
    pub fn system() -> Option<Self> {
        Self::if_there(SYSTEM_POLICY)
    }

    pub(crate) fn if_there(path: impl Into<PathBuf>) -> Option<Self> {
        let path = path.into();
        let absent = |error: &io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
        // A link that leads nowhere is there: somebody wanted a policy.
        match path.symlink_metadata() {
            Err(error) if absent(&error) => None,
            _ => Some(Self(path)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the rules.
    ///
    /// # Errors
    /// A [`Denial`] that says what is wrong with the file, and where.
    pub fn rules(&self) -> Result<Rules, Denial> {
        let name = self.0.display();
        let unreadable = |error: io::Error| {
            if error.kind() == ErrorKind::NotFound {
                let denial = Denial::new(format!("there is no policy file {name}"));
                return denial.with_remedy(format!("write one, with a line such as `allow camera *`, to {name}"));
            }
            Denial::new(format!("the policy file {name} cannot be read: {error}"))
                .with_remedy(format!("let this user read it: sudo chmod a+r {name}"))
        };
        let malformed = |reason: String| Denial::new(format!("the policy file {name} is not understood, {reason}"));
        let mut bytes = Vec::new();
        open(&self.0).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
        if u64::try_from(bytes.len()).map_or(true, |length| length > LONGEST) {
            return Err(malformed(format!("it is longer than {LONGEST} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            malformed(format!("line {} is not UTF-8", line + 1)).with_remedy("save it as UTF-8")
        })?;
        text.parse::<Rules>().map_err(|error| {
            let denial = malformed(error.message().to_owned());
            error.remedy().map_or(denial.clone(), |remedy| denial.with_remedy(remedy))
        })
    }
}

/// Opens a plain file. A pipe would make every request wait for its writer.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no plain file")) }
}

impl PermissionPolicy for PolicyFile {
    fn decide(&self, request: &PermissionRequest<'_>) -> Decision {
        match self.rules() {
            Ok(rules) => {
                let name = self.0.display().to_string();
                Decision::for_each(request, |device| rules.denial(device, &name))
            }
            Err(denial) => Decision::Denied(denial),
        }
    }
}
