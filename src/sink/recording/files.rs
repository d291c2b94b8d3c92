//! A recording's files: begun, and put away once no track is on its way into them.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::Recording;
use crate::error::Result;
use crate::sink::container::{FrameData, Metadata, SampleData, TrackFormat};
use crate::sink::file::Container;
use crate::sink::output::Hooks;
use crate::sink::segments::Names;
use crate::sink::shelf::Shelf;

/// How often the shelf is told that the newest segment grows.
const GROWTH: Duration = Duration::from_secs(1);
/// How many names are tried that turn out to be taken.
const ATTEMPTS: u64 = 100;

/// A file that is being written.
pub(super) struct Part {
    pub(super) container: Container,
    /// Its number in the progress.
    pub(super) file: usize,
    /// Its time zero.
    pub(super) start_ns: u64,
    /// Nothing was written yet.
    pub(super) empty: bool,
}

impl Part {
    pub(super) fn video(&mut self, track: usize, frame: &FrameData<'_>) -> Result<()> {
        self.container.video(track, frame)?;
        self.empty = false;
        Ok(())
    }

    pub(super) fn audio(&mut self, track: usize, sound: &SampleData<'_>) -> Result<()> {
        if !sound.samples.is_empty() {
            self.container.audio(track, sound)?;
            self.empty = false;
        }
        Ok(())
    }
}

impl Recording {
    /// Begins another file where a format has changed.
    pub(super) fn begin_reformatted(&mut self, start_ns: u64) -> Result<()> {
        self.reformatted = false;
        if let Some(old) = self.old.take() {
            self.put_away(old)?;
        }
        self.begin_next(start_ns)
    }

    /// Begins a file with this time zero. The one before stays open until every track has gone over.
    pub(super) fn begin_next(&mut self, start_ns: u64) -> Result<()> {
        self.old = self.current.take();
        self.lanes.iter_mut().for_each(|lane| lane.gone_over = false);
        let now = SystemTime::now();
        let metadata = Metadata { recorded: Some(now), ..self.metadata.clone() };
        let mut tracks = self.tracks.clone();
        for (track, lane) in tracks.iter_mut().zip(&self.lanes) {
            if let (TrackFormat::Video(format), Some(sets)) = (track, &lane.sets) {
                format.codec_private = sets.avcc();
            }
        }
        let names = match &self.segments {
            Some((_, names)) => names.clone(),
            // A format has changed.
            None if self.old.is_some() => Names::of(&self.path)?,
            None => {
                self.number = 2;
                let container = Container::of_format(&self.path, self.format, metadata).starting_at(start_ns);
                return self.open(container, &tracks, start_ns);
            }
        };
        let last = self.number.saturating_add(ATTEMPTS);
        loop {
            let path = names.name(self.number, now);
            self.number = self.number.saturating_add(1);
            let container = Container::of_format(&path, self.format, metadata.clone()).starting_at(start_ns).only_new();
            match self.open(container, &tracks, start_ns) {
                // Somebody else records under this name.
                Err(error) if error.errno() == Some(nix::errno::Errno::EEXIST as i32) && self.number < last => {}
                opened => return opened,
            }
        }
    }

    fn open(&mut self, container: Container, tracks: &[TrackFormat], start_ns: u64) -> Result<()> {
        let mut container = container.with_hooks(self.hooks());
        container.begin(tracks)?;
        let file = self.progress.begun(container.path());
        self.progress.written(file, 0, container.bytes());
        self.current = Some(Part { container, file, start_ns, empty: true });
        self.shelf.iter().for_each(Shelf::grown);
        Ok(())
    }

    /// What a file asks and tells while it is written.
    fn hooks(&self) -> Hooks {
        let (progress, ring) = (self.progress.clone(), self.shelf.as_ref().map(|shelf| shelf.ring().clone()));
        Hooks {
            make_room: ring.map(|ring| Arc::new(move || ring.make_room()) as Arc<dyn Fn() -> bool + Send + Sync>),
            synced: Some(Arc::new(move |took| progress.synced(took))),
        }
    }

    /// Puts the segment before away, once no track is on its way into it, and has the oldest ones looked at.
    pub(super) fn tidy(&mut self, now_ns: u64) -> Result<()> {
        if self.lanes.iter().all(|lane| lane.gone_over || lane.is_silent(now_ns))
            && let Some(old) = self.old.take()
        {
            self.put_away(old)?;
        }
        if let Some(shelf) = self.shelf.as_ref().filter(|_| self.told.elapsed() >= GROWTH) {
            self.told = Instant::now();
            shelf.grown();
        }
        Ok(())
    }

    pub(super) fn put_away(&self, part: Part) -> Result<()> {
        match &self.shelf {
            // It was begun, and then nothing could be written.
            _ if part.empty => {
                part.container.discard();
                self.progress.discarded(part.file);
            }
            Some(shelf) => shelf.finish(part.container, part.file),
            None => {
                let so_far = part.container.summary();
                let finished = part.container.finish();
                self.progress.closed(part.file, finished.as_ref().unwrap_or(&so_far));
                finished?;
            }
        }
        Ok(())
    }
}
