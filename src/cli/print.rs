//! Where words go: results to stdout, everything else to stderr.

use std::io::{self, ErrorKind, Write};

use super::text;
use crate::error::Error;

/// A result on stdout: one JSON document, or a table. A reader that has gone has read what it wanted.
pub(super) fn result(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Lines on stderr. Where that is closed there is nobody to tell.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// An error as a person reads it: what happened, what to do, and its names for a search.
pub(super) fn error(error: &Error) {
    let width = text::width();
    let mut lines = vec![text::sentence("error: ", error.message(), width)];
    if let Some(remedy) = error.remedy() {
        lines.push(text::sentence("  hint: ", remedy, width));
    }
    let mut names = format!("{}, {}", error.name(), error.code());
    if let Some(constraint) = error.constraint().filter(|constraint| !constraint.is_empty()) {
        names += &format!(", constraint {constraint}");
    }
    if let Some(errno) = error.errno() {
        names += &format!(", errno {errno} {:?}", nix::errno::Errno::from_raw(errno));
    }
    lines.push(format!("  ({names})"));
    note(&lines.join("\n"));
}
