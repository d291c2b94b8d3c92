//! The progress bar, on a terminal and nowhere else.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often it moves.
const TICK: Duration = Duration::from_millis(100);

/// How far a capture is.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    by_frames: bool,
}

impl Progress {
    /// Towards a number of frames, a duration, or no end that is known.
    pub(super) fn new(frames: Option<u64>, duration: Option<Duration>) -> Self {
        if !io::stderr().is_terminal() {
            return Self { bar: None, by_frames: false };
        }
        let length = frames.or_else(|| duration.map(|duration| duration.as_millis() as u64));
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        let template = match length {
            Some(_) => "[{elapsed_precise}] {wide_bar} {msg}",
            None => "[{elapsed_precise}] {msg}",
        };
        // The default style where a template does not parse: nothing a user could do about it.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar: Some(bar), by_frames: frames.is_some() }
    }

    /// When to call [`Progress::show`] next, if there is something to show.
    pub(super) fn tick(&self) -> Option<Duration> {
        self.bar.as_ref().map(|_| TICK)
    }

    /// So many frames; what there is to say of it all.
    pub(super) fn show(&self, frames: u64, told: &str, elapsed: Duration) {
        let Some(bar) = &self.bar else { return };
        bar.set_position(if self.by_frames { frames } else { elapsed.as_millis() as u64 });
        let ends = if bar.length().is_none() { ", Ctrl-C ends it" } else { "" };
        bar.set_message(format!("{told}{ends}"));
        bar.tick();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
