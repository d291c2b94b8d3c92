//! ALSA microphones: a control half that may block, a reader on the reactor, and what happens when the ring runs over.

mod failure;
mod microphone;
mod reader;
mod recovery;

pub(super) use microphone::AlsaMicrophone;
pub(super) use reader::{Progress, Reading};
