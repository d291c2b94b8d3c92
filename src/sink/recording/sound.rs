//! A recording's sound: held until it is known which file it belongs to, and cut to the sample.

use super::{PATIENCE_NS, Recording, no_such_track};
use crate::error::Result;
use crate::sink::container::{AudioFormat, SampleData, TrackFormat};

/// Sound that waits for a picture.
pub(super) struct Held {
    track: usize,
    pub(super) timestamp_ns: u64,
    position: u64,
    samples: Vec<u8>,
}

impl Held {
    fn sound(&self) -> SampleData<'_> {
        SampleData { timestamp_ns: self.timestamp_ns, position: self.position, samples: &self.samples }
    }
}

impl Recording {
    /// A piece of sound, with its samples as the track's format has them.
    pub fn audio(&mut self, track: usize, sound: &SampleData<'_>) -> Result<()> {
        let Some(lane) = self.lanes.get_mut(track) else { return Err(no_such_track()) };
        let now_ns = sound.timestamp_ns;
        lane.newest_ns = lane.newest_ns.max(now_ns);
        if self.current.is_none() {
            let pictures = self.has_pictures();
            match self.held.front().map(|held| held.timestamp_ns) {
                _ if !pictures => self.begin_next(now_ns)?,
                // No picture comes.
                Some(oldest) if now_ns.saturating_sub(oldest) > PATIENCE_NS && self.is_known() => {
                    self.begin_next(oldest)?;
                }
                Some(oldest) if now_ns.saturating_sub(oldest) > PATIENCE_NS => drop(self.held.pop_front()),
                _ => {}
            }
        }
        if self.reformatted && self.is_known() && !self.has_pictures() {
            self.begin_reformatted(now_ns)?;
        }
        self.release(now_ns)?;
        if self.held.is_empty() && self.is_time_for(track, sound, now_ns) {
            self.place_sound(track, sound)?;
        } else {
            let &SampleData { timestamp_ns, position, samples } = sound;
            self.held.push_back(Held { track, timestamp_ns, position, samples: samples.to_vec() });
        }
        self.tidy(now_ns)
    }

    fn has_pictures(&self) -> bool {
        self.tracks.iter().any(|track| matches!(track, TrackFormat::Video(_)))
    }

    /// Writes the sound that need not wait any longer.
    pub(super) fn release(&mut self, now_ns: u64) -> Result<()> {
        while let Some(held) = self.held.pop_front() {
            if !self.is_time_for(held.track, &held.sound(), now_ns) {
                self.held.push_front(held);
                return Ok(());
            }
            self.place_sound(held.track, &held.sound())?;
        }
        Ok(())
    }

    /// Whether it is known which file sound belongs to: that of one segment, or that before the newest picture.
    fn is_time_for(&self, track: usize, sound: &SampleData<'_>, now_ns: u64) -> bool {
        let lead = self.lanes.iter().zip(&self.tracks).find(|(lane, _)| !lane.is_silent(now_ns));
        match (lead, self.tracks.get(track)) {
            _ if self.current.is_none() => false,
            (Some((lane, TrackFormat::Video(_))), Some(TrackFormat::Audio(format))) if self.segments.is_some() => {
                let frames = sound.samples.len() / format.frame_bytes().max(1);
                sound.timestamp_ns.saturating_add(format.duration_ns(frames as u64)) <= lane.newest_ns
            }
            _ => true,
        }
    }

    /// Writes sound where it belongs, beginning a segment in it where the time has come.
    fn place_sound(&mut self, track: usize, sound: &SampleData<'_>) -> Result<()> {
        let Some(TrackFormat::Audio(format)) = self.tracks.get(track) else { return Err(no_such_track()) };
        let format = format.clone();
        self.cut_sound(track, &format, sound)?;
        self.write_sound(track, &format, sound)
    }

    /// Begins a segment at a sample, where sound leads and the time has come.
    fn cut_sound(&mut self, track: usize, format: &AudioFormat, sound: &SampleData<'_>) -> Result<()> {
        let frames = (sound.samples.len() / format.frame_bytes().max(1)) as u64;
        if !self.leads(track, sound.timestamp_ns) {
            return Ok(());
        }
        let Some(due) = self.due(sound.timestamp_ns, format.duration_ns(frames)) else { return Ok(()) };
        let before = format.frames_in(due.saturating_sub(sound.timestamp_ns));
        if before < frames {
            self.begin_next(sound.timestamp_ns.saturating_add(format.duration_ns(before)))?;
        }
        Ok(())
    }

    /// Writes what of it belongs to the segment before there, and the rest to the current one.
    fn write_sound(&mut self, track: usize, format: &AudioFormat, sound: &SampleData<'_>) -> Result<()> {
        let (Some(current), Some(lane)) = (&mut self.current, self.lanes.get_mut(track)) else { return Ok(()) };
        let bytes = format.frame_bytes().max(1);
        let mut rest = *sound;
        if !lane.gone_over {
            let frames = (sound.samples.len() / bytes) as u64;
            let before = format.frames_in(current.start_ns.saturating_sub(sound.timestamp_ns)).min(frames);
            let (head, tail) = sound.samples.split_at(before as usize * bytes);
            if let Some(old) = &mut self.old {
                // The gap before it belongs to the old one, up to the cut.
                old.container.silence_until(sound.position)?;
                old.audio(track, &SampleData { samples: head, ..*sound })?;
                self.progress.written(old.file, 0, old.container.bytes());
            }
            lane.gone_over = before < frames;
            rest = SampleData {
                timestamp_ns: sound.timestamp_ns.saturating_add(format.duration_ns(before)),
                position: sound.position.saturating_add(before),
                samples: tail,
            };
        }
        current.audio(track, &rest)?;
        self.progress.written(current.file, 0, current.container.bytes());
        Ok(())
    }
}
