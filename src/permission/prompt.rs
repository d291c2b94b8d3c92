//! Asking the person at the terminal.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write, stderr, stdin};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use nix::sys::termios::{FlushArg, tcflush};

use super::{Decision, Denial, DeniedDevice, PermissionPolicy, PermissionRequest, RequestedDevice};

/// Asks the person at the terminal, once for camera and microphone together:
///
/// ```text
/// doorbell would like to use
///   camera      HD Pro Webcam C920 (/dev/video0)
///   or else     Integrated Camera (/dev/video2)
///   microphone  HD Pro Webcam C920 (hw:1,0)
/// Allow it? [y/N]
/// ```
///
/// `y` or `yes` allows; anything else does not, nor does the end of input. What was typed before the question stood
/// there is no answer to it. The answer holds for these devices until the policy is dropped, so a program that asks
/// again with the same policy does not bother anybody twice; a device that was not in the question is asked about then.
///
/// The terminal is the controlling one, `/dev/tty`, even where stdin and stdout are redirected; without one it is stdin
/// with stderr, if both are a terminal. Where there is none, nobody can be asked, and the request is denied.
#[derive(Debug)]
pub struct TerminalPrompt {
    program: String,
    /// By permission name and id. Held while somebody is asked: one question at a time.
    answers: Mutex<BTreeMap<(&'static str, String), bool>>,
}

impl TerminalPrompt {
    /// Asks in this program's name, that of its file.
    pub fn new() -> Self {
        let program = std::env::current_exe().ok();
        let name = program.as_deref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        Self::named(name.unwrap_or_else(|| "this program".to_owned()))
    }

    /// Asks in this name.
    pub fn named(program: impl Into<String>) -> Self {
        Self { program: program.into(), answers: Mutex::default() }
    }

    /// Decides with what is remembered, else by asking.
    pub(super) fn decide_with(
        &self,
        request: &PermissionRequest<'_>,
        ask: impl FnOnce(&str) -> Result<bool, Denial>,
    ) -> Decision {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |device: &RequestedDevice<'_>| (device.permission_name(), device.device_id.to_owned());
        let open: Vec<_> =
            request.devices().iter().filter(|device| answers.get(&key(device)) != Some(&true)).copied().collect();
        if open.iter().any(|device| !answers.contains_key(&key(device))) {
            let yes = match ask(&question(&self.program, &PermissionRequest::new(open.iter().copied()))) {
                Ok(yes) => yes,
                Err(denial) => return Decision::Denied(denial),
            };
            answers.extend(open.iter().map(|device| (key(device), yes)));
        }
        let denied: Vec<_> = open.iter().filter(|device| answers.get(&key(device)) != Some(&true)).collect();
        if denied.is_empty() {
            Decision::Granted
        } else if denied.len() == request.devices().len() {
            Decision::Denied(said_no())
        } else {
            Decision::GrantedExcept(denied.into_iter().map(|device| DeniedDevice::new(device, said_no())).collect())
        }
    }
}

impl Default for TerminalPrompt {
    fn default() -> Self {
        Self::new()
    }
}

impl PermissionPolicy for TerminalPrompt {
    fn decide(&self, request: &PermissionRequest<'_>) -> Decision {
        self.decide_with(request, |question| {
            // One that fails in the middle has given no answer.
            Terminal::open().and_then(|mut terminal| terminal.ask(question)).map_err(|_| {
                Denial::new("permission has to be asked for, and there is no terminal to ask at")
                    .with_remedy("start it from a terminal, or decide beforehand with a policy file")
            })
        })
    }
}

fn said_no() -> Denial {
    Denial::new("the answer to the question was no").with_remedy("run it again and answer y")
}

/// The question, up to where the answer is typed.
pub(super) fn question(program: &str, request: &PermissionRequest<'_>) -> String {
    let mut text = format!("\n{program} would like to use\n");
    let mut before = None;
    for device in request.devices() {
        let head = if before == Some(device.kind) { "or else" } else { device.permission_name() };
        text += &format!("  {head:<12}{}\n", device.shown());
        before = Some(device.kind);
    }
    text + "Allow it? [y/N] "
}

/// Where somebody can be asked.
struct Terminal {
    input: File,
    output: File,
}

impl Terminal {
    fn open() -> io::Result<Self> {
        let tty = OpenOptions::new().read(true).write(true).open("/dev/tty");
        match tty.and_then(|tty| Ok((tty.try_clone()?, tty))) {
            Ok((input, output)) => Ok(Self { input, output }),
            Err(_) if stdin().is_terminal() && stderr().is_terminal() => Ok(Self {
                input: stdin().as_fd().try_clone_to_owned()?.into(),
                output: stderr().as_fd().try_clone_to_owned()?.into(),
            }),
            Err(error) => Err(error),
        }
    }

    /// Whether the answer is yes.
    fn ask(&mut self, question: &str) -> io::Result<bool> {
        self.forget_input();
        self.output.write_all(question.as_bytes())?;
        self.output.flush()?;
        // A terminal gives a line at a time. A signal that interrupts this has interrupted the question: no yes.
        let mut line = [0; 64];
        let length = match self.input.read(&mut line) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            length => length?,
        };
        let line = &line[..length];
        if !line.ends_with(b"\n") {
            // The end of input, or more than an answer: what is left of it is not for a shell to run.
            self.forget_input();
            self.output.write_all(b"\n")?;
        }
        Ok(is_yes(line))
    }

    fn forget_input(&self) {
        // What this fails on has no input that could wait.
        let _ = tcflush(&self.input, FlushArg::TCIFLUSH);
    }
}

pub(super) fn is_yes(line: &[u8]) -> bool {
    let answer = line.trim_ascii();
    answer.eq_ignore_ascii_case(b"y") || answer.eq_ignore_ascii_case(b"yes")
}
