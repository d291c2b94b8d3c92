//! A recording in several files: when one ends, what they are called, and which are there already.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, ErrorName, Result};

/// Digits of a number, at least.
const DIGITS: usize = 6;
/// `20261122T101500Z`
const TIME: usize = 16;

/// How a recording is cut into files, for [`Recorder::with_segments`](crate::Recorder::with_segments).
///
/// A segment ends before the first picture after its length or its size; in H.264 before the first key frame. All tracks
/// are cut at that picture's time, sound to the sample, and each file's times begin at zero: each plays by itself, and one
/// after the other they have everything once.
///
/// For a recording to `door.mkv` they are called `door-000001-20261122T101500Z.mkv`: a number, one more than the highest that
/// is there, and the time in UTC at which the segment began. So the names sort in their order whatever the clock does, and
/// nothing that is there is overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Segments {
    /// How long a segment may be.
    pub length: Option<Duration>,
    /// How many bytes it may have before the next picture begins another.
    pub bytes: Option<u64>,
    /// How many bytes all segments of this name in the directory may have together, those of earlier recordings and the one
    /// being written included. The oldest are deleted; the one being written never is.
    pub keep: Option<u64>,
}

impl Segments {
    /// Segments of this length.
    pub fn of_length(length: Duration) -> Self {
        Self { length: Some(length), ..Self::default() }
    }

    /// Segments of this size, in bytes.
    pub fn of_bytes(bytes: u64) -> Self {
        Self { bytes: Some(bytes), ..Self::default() }
    }

    /// Deletes the oldest when all of them together have more bytes than this.
    #[must_use]
    pub fn keep(mut self, bytes: u64) -> Self {
        self.keep = Some(bytes);
        self
    }
}

/// The names of a recording's segments.
#[derive(Debug, Clone)]
pub(super) struct Names {
    directory: PathBuf,
    stem: Vec<u8>,
    extension: Vec<u8>,
}

/// A segment that is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub number: u64,
    pub path: PathBuf,
    pub bytes: u64,
}

impl Names {
    /// For a recording to `path`.
    ///
    /// # Errors
    /// `TypeError` for stdout.
    pub fn of(path: &Path) -> Result<Self> {
        let stem = path.file_stem().filter(|_| path != Path::new("-"));
        let Some((stem, extension)) = stem.zip(path.extension()) else {
            let error = Error::new(ErrorName::TypeError, format!("{} cannot be cut into segments", path.display()));
            return Err(error.with_remedy("give the recording a file name, such as -o recording.mkv"));
        };
        Ok(Self {
            directory: path.parent().map(Path::to_owned).unwrap_or_default(),
            stem: stem.as_bytes().to_vec(),
            extension: extension.as_bytes().to_vec(),
        })
    }

    /// Where they lie.
    pub fn directory(&self) -> &Path {
        if self.directory.as_os_str().is_empty() { Path::new(".") } else { &self.directory }
    }

    /// The name of a segment that begins now.
    pub fn name(&self, number: u64, now: SystemTime) -> PathBuf {
        let mut name = self.stem.clone();
        name.extend_from_slice(format!("-{number:0DIGITS$}-{}.", utc(now)).as_bytes());
        name.extend_from_slice(&self.extension);
        self.directory.join(std::ffi::OsString::from_vec(name))
    }

    /// The number in a name of ours; `None` for any other name.
    fn number(&self, name: &OsStr) -> Option<u64> {
        let name = name.as_bytes().strip_prefix(&*self.stem)?.strip_prefix(b"-")?;
        let name = name.strip_suffix(&*self.extension)?.strip_suffix(b".")?;
        let (number, time) = name.split_at_checked(name.len().checked_sub(TIME)?)?;
        let number = number.strip_suffix(b"-").filter(|digits| digits.len() >= DIGITS)?;
        let is_digit = |at: usize| time.get(at).is_some_and(u8::is_ascii_digit);
        let is_time = (0..8).chain(9..15).all(is_digit) && time.get(8) == Some(&b'T') && time.get(15) == Some(&b'Z');
        if !is_time || !number.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(number).ok()?.parse().ok()
    }

    /// The segments that are there, the oldest first. Regular files only.
    pub fn find(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.directory())? {
            let entry = entry?;
            let Some(number) = self.number(&entry.file_name()) else { continue };
            // Not through a link. One that has just gone is none.
            if let Ok(metadata) = entry.metadata()
                && metadata.is_file()
            {
                found.push(Found { number, path: entry.path(), bytes: metadata.len() });
            }
        }
        found.sort();
        Ok(found)
    }
}

/// A time of the wall clock as `20261122T101500Z` (ISO 8601, basic form).
fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since the first of March of year 0, in eras of 400 years: leap days then come last in everything.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on: 31, 30, 31, 30, 31 days and so on, 153 in five months.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year_of_era + next;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_709_251_199, "20240229T235959Z"),
            (1_709_251_200, "20240301T000000Z"),
            (1_795_342_500, "20261122T101500Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(utc(at(seconds)), text);
        }
        assert_eq!(utc(UNIX_EPOCH - Duration::from_secs(1)), "19700101T000000Z", "a clock that was never set");
    }

    #[test]
    fn names_lead_back_to_their_numbers_and_sort_in_their_order() {
        let names = Names::of(Path::new("/var/door.cam.mkv")).unwrap();
        let path = names.name(42, at(1_795_342_500));
        assert_eq!(path, Path::new("/var/door.cam-000042-20261122T101500Z.mkv"));
        assert_eq!(names.number(path.file_name().unwrap()), Some(42));
        assert!(path < names.name(43, at(0)), "whatever the clock says");
        let large = names.name(12_345_678, at(0));
        assert_eq!(names.number(large.file_name().unwrap()), Some(12_345_678));
        let here = Names::of(Path::new("a.mkv")).unwrap();
        assert_eq!(here.directory(), Path::new("."));
        assert_eq!(here.name(1, at(0)), Path::new("a-000001-19700101T000000Z.mkv"), "as it was called");
    }

    #[test]
    fn other_names_are_no_segments() {
        let names = Names::of(Path::new("door.mkv")).unwrap();
        for other in [
            "door.mkv",
            "door-000001.mkv",
            "door-00001-20261122T101500Z.mkv",
            "door-000001-20261122T101500Z.wav",
            "door-000001-20261122T101500Z.mkv.part",
            "door-000001-20261122 101500Z.mkv",
            "door-000001-20261122T10150xZ.mkv",
            "door-+00001-20261122T101500Z.mkv",
            "door-x00001-20261122T101500Z.mkv",
            "backdoor-000001-20261122T101500Z.mkv",
            "door-2-000001-20261122T101500Z.mkv",
            "door--20261122T101500Z.mkv",
            "door-99999999999999999999999-20261122T101500Z.mkv",
        ] {
            assert_eq!(names.number(OsStr::new(other)), None, "{other}");
        }
    }

    #[test]
    fn stdout_is_not_cut() {
        assert_eq!(Names::of(Path::new("-")).unwrap_err().name(), ErrorName::TypeError);
    }

    proptest! {
        #[test]
        fn any_name_is_looked_at_without_harm(name in prop::collection::vec(any::<u8>(), 0..60), tail in any::<bool>()) {
            let names = Names::of(Path::new("d.mkv")).unwrap();
            let mut whole = b"d-".to_vec();
            whole.extend_from_slice(&name);
            if tail {
                whole.extend_from_slice(b"-20261122T101500Z.mkv");
            }
            let digits = name.len() >= 6 && name.iter().all(u8::is_ascii_digit);
            if names.number(OsStr::from_bytes(&whole)).is_some() && tail {
                prop_assert!(digits || name.len() > 6);
            }
        }
    }
}
