//! Who takes frames: they read every byte, and keep some.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Result;
use crate::{Backlog, Flow, Sink, TrackMetadata, VideoFrame};

/// What was seen by all who look at frames.
#[derive(Default)]
pub(super) struct Seen {
    /// A frame was not what the driver wrote, or changed while somebody held it.
    pub(super) torn: AtomicBool,
    /// A track was disabled: its frames are black.
    pub(super) black: AtomicBool,
}

impl Seen {
    /// Reads every byte of every memory plane. Those of a frame are all the same, by which frame it is: what it says.
    pub(super) fn read(&self, frame: &VideoFrame) -> u8 {
        let (mut first, mut sum) = (None, 0u8);
        let uniform = !frame.fourcc().is_jpeg() && !self.black.load(Ordering::Relaxed);
        for memory in 0..frame.memory_count() {
            let Some(bytes) = frame.memory(memory) else { continue };
            for &byte in bytes {
                sum = sum.wrapping_add(byte);
                if uniform && *first.get_or_insert(byte) != byte {
                    self.torn.store(true, Ordering::Relaxed);
                }
            }
        }
        for plane in 0..frame.plane_count() {
            sum = frame
                .plane(plane)
                .map_or(sum, |plane| plane.data.iter().fold(sum, |sum, &byte| sum.wrapping_add(byte)));
        }
        sum
    }
}

/// A frame that somebody keeps, and what it said when it came.
pub(super) struct Held(pub(super) VideoFrame, pub(super) u8);

/// A sink that keeps the first few of what it gets.
pub(super) struct Hoarder(pub(super) Arc<Seen>, pub(super) Vec<VideoFrame>, pub(super) Backlog);

impl Sink for Hoarder {
    fn name(&self) -> &str {
        "hoarder"
    }

    fn backlog(&self) -> Backlog {
        self.2
    }

    fn loaded_metadata(&mut self, _: &[TrackMetadata]) -> Result<()> {
        Ok(())
    }

    fn video_frame(&mut self, _: usize, frame: &VideoFrame) -> Result<Flow> {
        self.0.read(frame);
        if self.1.len() < 2 {
            self.1.push(frame.clone());
        }
        Ok(Flow::Continue)
    }

    fn ended(&mut self) -> Result<()> {
        Ok(())
    }
}
