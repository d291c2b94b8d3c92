//! The file of `--metrics`, for node_exporter's textfile collector.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::print;
use crate::sink::Metrics;

/// How often it is renewed. Prometheus asks every 15 seconds or more.
const INTERVAL: Duration = Duration::from_secs(5);

/// A file that is replaced whole: who reads it finds what was or what is, and never half of it.
pub(super) struct MetricsFile {
    path: PathBuf,
    /// Beside it, where it is written before it takes its place.
    new: PathBuf,
    due: Instant,
    /// That it cannot be written was said.
    failed: bool,
}

impl MetricsFile {
    /// Due at once, so that a path that cannot be is said at once.
    pub(super) fn new(path: &Path) -> Self {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        // The collector reads *.prom; this is none until it is whole.
        name.push(format!(".{}", std::process::id()));
        Self { path: path.to_owned(), new: path.with_file_name(name), due: Instant::now(), failed: false }
    }

    /// How long until it is to be written.
    pub(super) fn due(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// Renews it. The capture goes on where that fails, which is said once.
    pub(super) fn write(&mut self, metrics: &Metrics) {
        self.due = Instant::now() + INTERVAL;
        if let Err(error) = self.replace(metrics) {
            let _ = fs::remove_file(&self.new);
            if !std::mem::replace(&mut self.failed, true) {
                print::note(&format!("warning: cannot write the metrics to {}: {error}", self.path.display()));
            }
        }
    }

    fn replace(&self, metrics: &Metrics) -> io::Result<()> {
        let mut file = File::create(&self.new)?;
        file.write_all(metrics.to_string().as_bytes())?;
        fs::rename(&self.new, &self.path)
    }
}
