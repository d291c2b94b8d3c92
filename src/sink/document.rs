//! What sinks counted, as documents.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::LoopbackStatistics;
#[cfg(feature = "record")]
use super::RecordedFile;
use crate::document::object;

/// As `usermedia loopback --json` prints them.
impl Serialize for LoopbackStatistics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, {
            "buffers": self.buffers,
            "frames": self.frames,
            "bytes": self.bytes,
            "frameRate": self.frame_rate,
            "late": self.late,
            "worstLateness": self.worst_lateness.as_secs_f64(),
        })
    }
}

/// A path that is not UTF-8 is written with what stands in for it.
#[cfg(feature = "record")]
impl Serialize for RecordedFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, {
            "path": self.path.display().to_string(),
            "frames": self.frames,
            "bytes": self.bytes,
            "seconds": self.duration.map(|duration| duration.as_secs_f64()),
            "deleted": self.deleted,
        })
    }
}
