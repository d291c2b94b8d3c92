//! The sound cards as this library uses them to list microphones.

use std::fmt;

use alsa::card;
use alsa::ctl::{Ctl, DeviceIter};
use alsa::device_name::HintIter;
use alsa::pcm::{Format, HwParams};
use alsa::{Card, Direction};
use nix::errno::Errno;

use super::libasound::{errno, open, quietly};

/// Sample rates in common use, in Hz: libasound's own list (`SNDRV_PCM_RATE_*` of sound/pcm.h). A card whose rates are
/// not a range is asked for each.
const COMMON_RATES: [u32; 19] = [
    5512, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000, 128_000, 176_400, 192_000,
    352_800, 384_000, 768_000,
];

/// The most cards, PCM devices of a card, and channel counts that are asked for. ALSA has 32 cards (256 in newer
/// kernels).
const MOST_CARDS: usize = 256;
const MOST_DEVICES: usize = 256;
const MOST_CHANNELS: u32 = 64;

/// A card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SoundCard {
    /// The N of `hw:N`.
    pub index: u32,
    /// Its name (`HD Pro Webcam C920`); `None` where it is not valid UTF-8.
    pub name: Option<String>,
}

/// A PCM that captures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CapturePcm {
    /// The D of `hw:N,D`.
    pub device: u32,
    /// Its name (`USB Audio`); `None` where it is not valid UTF-8.
    pub name: Option<String>,
}

/// Numbers that a PCM accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// These and no others that were asked for, ascending.
    List(Vec<u32>),
    /// All from the first to the second.
    Range(u32, u32),
}

/// What a PCM can do: its hardware parameters before any is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PcmRanges {
    /// In Hz.
    pub rates: Accepted,
    pub channels: Accepted,
    /// By ALSA's names (`S16_LE`), in the order of its own list.
    pub formats: Vec<String>,
    /// The shortest and the longest period, in microseconds.
    pub period: (u32, u32),
}

/// The sound cards and what their PCMs can do. Opens what it asks and closes it again.
pub(crate) trait PcmDirectory: Send + Sync + fmt::Debug {
    /// The cards that may be opened, by index.
    fn cards(&self) -> Vec<SoundCard>;
    /// The PCMs of a card that capture, by device number.
    fn capture_pcms(&self, card: u32) -> Result<Vec<CapturePcm>, Errno>;
    /// What the PCM of that name (`hw:1,0`, `default`) can do. `EBUSY` where another process holds it.
    fn ranges(&self, pcm: &str) -> Result<PcmRanges, Errno>;
    /// The description of the PCM `default`, where the system's or the user's configuration defines one that can
    /// capture; empty where it gives none. libasound itself always has a `default`: the first card, not shared.
    fn default_capture(&self) -> Option<String>;
}

/// libasound.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct LinuxPcmDirectory;

impl PcmDirectory for LinuxPcmDirectory {
    fn cards(&self) -> Vec<SoundCard> {
        quietly();
        // After an error the iterator stands still: the first one ends the list.
        let cards = card::Iter::new().map_while(Result::ok).take(MOST_CARDS);
        cards
            .filter_map(|card| {
                Some(SoundCard { index: u32::try_from(card.get_index()).ok()?, name: card.get_name().ok() })
            })
            .collect()
    }

    fn capture_pcms(&self, card: u32) -> Result<Vec<CapturePcm>, Errno> {
        quietly();
        let card = Card::new(i32::try_from(card).map_err(|_| Errno::ENODEV)?);
        let ctl = Ctl::from_card(&card, true).map_err(errno)?;
        let devices = DeviceIter::new(&ctl).take(MOST_DEVICES).filter_map(|device| u32::try_from(device).ok());
        Ok(devices
            .filter_map(|device| {
                // ENOENT: a device that only plays.
                let info = ctl.pcm_info(device, 0, Direction::Capture).ok()?;
                let name = info.get_name().ok().map(str::trim).filter(|name| !name.is_empty());
                Some(CapturePcm { device, name: name.map(str::to_owned) })
            })
            .collect())
    }

    fn ranges(&self, pcm: &str) -> Result<PcmRanges, Errno> {
        quietly();
        let pcm = open(pcm)?;
        let params = HwParams::any(&pcm).map_err(errno)?;
        let formats = Format::all().iter().filter(|format| **format != Format::Unknown);
        Ok(PcmRanges {
            rates: rates(&params)?,
            channels: channels(&params)?,
            formats: formats.filter(|format| params.test_format(**format).is_ok()).map(ToString::to_string).collect(),
            period: (params.get_period_time_min().map_err(errno)?, params.get_period_time_max().map_err(errno)?),
        })
    }

    fn default_capture(&self) -> Option<String> {
        quietly();
        // The hints have `default:CARD=X` for libasound's own, and a bare `default` for a configured one.
        let mut hints = HintIter::new_str(None, "pcm").ok()?;
        let hint = hints
            .find(|hint| hint.name.as_deref() == Some("default") && hint.direction != Some(Direction::Playback))?;
        let description = hint.desc.unwrap_or_default();
        Some(description.lines().next().unwrap_or_default().trim().to_owned())
    }
}

/// A range where rates that nobody builds in are accepted too, else those of the common ones that are.
fn rates(params: &HwParams<'_>) -> Result<Accepted, Errno> {
    let min = params.get_rate_min().map_err(errno)?;
    let max = params.get_rate_max().map_err(errno)?;
    let accepts = |rate: u32| params.test_rate(rate).is_ok();
    let odd = [min.saturating_add(1), max.saturating_sub(1), min / 2 + max / 2 + 1];
    if odd.iter().any(|rate| *rate > min && *rate < max && !COMMON_RATES.contains(rate) && accepts(*rate)) {
        return Ok(Accepted::Range(min, max));
    }
    let mut list: Vec<u32> = COMMON_RATES.into_iter().chain([min, max]).filter(|rate| accepts(*rate)).collect();
    list.sort_unstable();
    list.dedup();
    Ok(Accepted::List(list))
}

fn channels(params: &HwParams<'_>) -> Result<Accepted, Errno> {
    let min = params.get_channels_min().map_err(errno)?;
    let max = params.get_channels_max().map_err(errno)?;
    let asked = min..=max.min(min.saturating_add(MOST_CHANNELS));
    let list: Vec<u32> = asked.clone().filter(|count| params.test_channels(*count).is_ok()).collect();
    // With no gaps it is a range, and so it is above what was asked for.
    if list.len() > 1 && asked.clone().eq(list.iter().copied()) {
        return Ok(Accepted::Range(min, max));
    }
    Ok(Accepted::List(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    // These run on any machine: `null` is libasound's own, and captures.

    #[test]
    fn the_null_pcm_takes_every_format_and_a_range_of_rates() {
        let ranges = LinuxPcmDirectory.ranges("null").unwrap();
        assert!(matches!(ranges.rates, Accepted::Range(min, max) if min <= 8000 && max >= 192_000), "{ranges:?}");
        assert!(matches!(ranges.channels, Accepted::Range(1, max) if max >= 2), "{ranges:?}");
        assert!(ranges.formats.iter().any(|format| format == "S16_LE"), "{ranges:?}");
        assert!(!ranges.formats.iter().any(|format| format == "UNKNOWN"), "{ranges:?}");
    }

    #[test]
    fn a_pcm_that_does_not_exist_is_an_error_and_not_a_panic() {
        assert_eq!(LinuxPcmDirectory.ranges("there_is_no_such_pcm"), Err(Errno::ENOENT));
        assert_eq!(LinuxPcmDirectory.ranges("a\0b"), Err(Errno::EINVAL));
        assert!(LinuxPcmDirectory.capture_pcms(250).is_err());
    }
}
