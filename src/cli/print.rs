//! Where words go: results to stdout, everything else to stderr.

use std::io::{self, Write};

use crate::error::Error;

/// One JSON document on stdout.
pub(super) fn document(text: &str) {
    line(text);
}

/// A line on stdout. A reader that has gone ends nothing: there is just nobody to tell.
pub(super) fn line(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// A line on stderr.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// An error as a person reads it: what happened, its names, and what to do.
pub(super) fn error(error: &Error) {
    let mut text = format!("error: {}", error.message());
    if let Some(remedy) = error.remedy() {
        text += &format!("\n  hint: {remedy}");
    }
    text += &format!("\n  ({}, {}", error.name(), error.code());
    if let Some(constraint) = error.constraint().filter(|constraint| !constraint.is_empty()) {
        text += &format!(", constraint {constraint}");
    }
    if let Some(errno) = error.errno() {
        text += &format!(", errno {errno} {:?}", nix::errno::Errno::from_raw(errno));
    }
    text += ")";
    note(&text);
}
