//! Which rung is next, when, and when it is over. Pure.

use super::event::MuteReason;
use super::policy::RecoveryPolicy;
use crate::capture::source::SourceEnd;

/// What can be tried, from the quickest to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rung {
    /// STREAMOFF and STREAMON.
    Restart,
    /// Close and open.
    Reopen,
    /// Find it by its identity, and open it.
    Search,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Try this.
    Climb(Rung),
    /// Try again then, or when the devices have changed.
    Wait { until: u64 },
    /// Enough.
    GiveUp,
}

/// Why an attempt failed, as far as the next pause depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no such device. `told`: its coming will be told, so that looking for it is for safety only.
    Absent { told: bool },
    /// It is there, and did not do what it was asked.
    Refused,
}

/// A stream that lasted for so long was well: the next trouble is a new one.
const WELL: u64 = 5_000_000_000;
/// The pause after the first attempt that failed; each one after it is twice as long.
const FIRST_PAUSE: u64 = 100_000_000;
/// The longest pauses: of a device that is there, or whose coming nobody tells of; and of one whose coming is told.
const LONGEST_PAUSE: u64 = 1_000_000_000;
const LONGEST_PAUSE_TOLD: u64 = 10_000_000_000;
/// Notices come in bursts; more attempts than one in this time help nobody.
const LEAST_PAUSE: u64 = 100_000_000;

/// How far up the ladder a device is.
#[derive(Debug)]
pub(super) struct Ladder {
    policy: RecoveryPolicy,
    /// Since when nothing has come.
    since: Option<u64>,
    next: Rung,
    /// Searches that failed.
    attempts: u32,
    last_attempt: u64,
    /// The format has changed, which is no fault: it is opened anew, on no rung.
    changed: bool,
    /// How often it has changed without a frame in between.
    changes: u32,
}

impl Ladder {
    pub(super) fn new(policy: RecoveryPolicy) -> Self {
        Self { policy, since: None, next: Rung::Restart, attempts: 0, last_attempt: 0, changed: false, changes: 0 }
    }

    /// The reader has left. `flowing_since` is when the first frame of this attempt came, if one did.
    pub(super) fn trouble(&mut self, end: SourceEnd, flowing_since: Option<u64>, now: u64) -> Verdict {
        if self.since.is_none() || flowing_since.is_some_and(|since| now.saturating_sub(since) >= WELL) {
            self.next = Rung::Restart;
            self.attempts = 0;
        }
        // Patience is with one silence. A plug that is moved again and again is waited for each time.
        if self.since.is_none() || flowing_since.is_some() {
            self.since = Some(now);
        }
        self.changed = end == SourceEnd::FormatChanged;
        if flowing_since.is_some() || !self.changed {
            self.changes = 0;
        }
        match end {
            SourceEnd::Unplugged => {
                self.next = Rung::Search;
                if flowing_since.is_some() {
                    // It was found: that it had to be looked for says nothing about the next time.
                    self.attempts = 0;
                    return self.look_again(now);
                }
            }
            SourceEnd::FormatChanged => {
                // A source that settles changes a few times in a row; one that never does is followed ever more rarely.
                let pause = if self.changes == 0 { LEAST_PAUSE } else { growing(self.changes, LONGEST_PAUSE) };
                self.changes = self.changes.saturating_add(1);
                return self.not_before(self.last_attempt.saturating_add(pause), now);
            }
            SourceEnd::Stalled | SourceEnd::Damaged | SourceEnd::Failed(_) => {}
        }
        if self.attempts == 0 { self.climb(now) } else { self.pause(Failure::Refused, now) }
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self, failure: Failure, now: u64) -> Verdict {
        if std::mem::take(&mut self.changed) {
            // It is a fault by now, and opening anew was that rung.
            self.next = Rung::Search;
        }
        if self.next == Rung::Search && self.attempts > 0 { self.pause(failure, now) } else { self.climb(now) }
    }

    /// The pause is over, or the devices have changed.
    pub(super) fn look_again(&mut self, now: u64) -> Verdict {
        self.not_before(self.last_attempt.saturating_add(LEAST_PAUSE), now)
    }

    fn not_before(&mut self, earliest: u64, now: u64) -> Verdict {
        if self.is_over(now) {
            return Verdict::GiveUp;
        }
        if now < earliest { Verdict::Wait { until: self.within_patience(earliest) } } else { self.climb(now) }
    }

    fn is_over(&self, now: u64) -> bool {
        self.end().is_some_and(|end| now >= end)
    }

    /// When the patience is over.
    fn end(&self) -> Option<u64> {
        Some(self.since?.saturating_add(self.policy.patience_ns()?))
    }

    fn climb(&mut self, now: u64) -> Verdict {
        if self.is_over(now) {
            return Verdict::GiveUp;
        }
        self.last_attempt = now;
        if self.changed {
            return Verdict::Climb(Rung::Reopen);
        }
        let rung = self.next;
        match rung {
            Rung::Restart => self.next = Rung::Reopen,
            Rung::Reopen => self.next = Rung::Search,
            Rung::Search => self.attempts += 1,
        }
        Verdict::Climb(rung)
    }

    fn pause(&self, failure: Failure, now: u64) -> Verdict {
        if self.is_over(now) {
            return Verdict::GiveUp;
        }
        let longest = match failure {
            Failure::Absent { told: true } => LONGEST_PAUSE_TOLD,
            Failure::Absent { told: false } | Failure::Refused => LONGEST_PAUSE,
        };
        Verdict::Wait { until: self.within_patience(now.saturating_add(growing(self.attempts, longest))) }
    }

    fn within_patience(&self, until: u64) -> u64 {
        self.end().map_or(until, |end| until.min(end))
    }
}

/// The pause after so many attempts in vain: twice the one before, but no longer than `longest`.
fn growing(attempts: u32, longest: u64) -> u64 {
    let doubled = FIRST_PAUSE.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
    // A shift that leaves nothing of the number is no short pause.
    if attempts > 32 { longest } else { doubled.min(longest) }
}

impl SourceEnd {
    /// What the track says of it meanwhile.
    pub(super) fn mute_reason(self) -> MuteReason {
        match self {
            Self::Unplugged => MuteReason::Unplugged,
            Self::Stalled => MuteReason::Stalled,
            Self::FormatChanged => MuteReason::Reconfiguring,
            Self::Failed(nix::errno::Errno::ESTRPIPE) => MuteReason::Suspended,
            Self::Failed(nix::errno::Errno::ENOLINK | nix::errno::Errno::ENOLCK) => MuteReason::NoSignal,
            Self::Damaged | Self::Failed(_) => MuteReason::Failing,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::errno::Errno;

    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const START: u64 = 1_000 * SECOND;

    fn for_ever() -> Ladder {
        Ladder::new(RecoveryPolicy::new().patience(None))
    }

    /// The rungs that follow each other when every one fails, and the pauses, in milliseconds, until there are `count`.
    fn climb(ladder: &mut Ladder, first: Verdict, failure: Failure, count: usize) -> (Vec<Rung>, Vec<u64>) {
        let (mut rungs, mut pauses, mut now, mut verdict) = (Vec::new(), Vec::new(), START, first);
        while rungs.len() < count {
            verdict = match verdict {
                Verdict::Climb(rung) => {
                    rungs.push(rung);
                    ladder.failed(failure, now)
                }
                Verdict::Wait { until } => {
                    pauses.push((until - now) / 1_000_000);
                    now = until;
                    ladder.look_again(now)
                }
                Verdict::GiveUp => break,
            };
        }
        (rungs, pauses)
    }

    #[test]
    fn a_stall_climbs_from_restarting_to_searching() {
        let mut ladder = for_ever();
        let first = ladder.trouble(SourceEnd::Stalled, Some(START - 60 * SECOND), START);
        let (rungs, pauses) = climb(&mut ladder, first, Failure::Refused, 9);
        use Rung::{Reopen, Restart, Search};
        assert_eq!(rungs, [Restart, Reopen, Search, Search, Search, Search, Search, Search, Search]);
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn an_unplugged_camera_is_looked_for_at_once_and_then_ever_more_rarely() {
        let mut ladder = for_ever();
        let first = ladder.trouble(SourceEnd::Unplugged, Some(START - SECOND), START);
        let (rungs, pauses) = climb(&mut ladder, first, Failure::Absent { told: true }, 50);
        assert!(rungs.iter().all(|&rung| rung == Rung::Search));
        assert_eq!(pauses[..8], [100, 200, 400, 800, 1600, 3200, 6400, 10_000]);
        assert!(pauses[8..].iter().all(|&pause| pause == 10_000));
    }

    #[test]
    fn where_nobody_tells_of_it_it_is_looked_for_every_second() {
        let mut ladder = for_ever();
        let first = ladder.trouble(SourceEnd::Unplugged, None, START);
        let (_, pauses) = climb(&mut ladder, first, Failure::Absent { told: false }, 100);
        assert!(pauses[4..].iter().all(|&pause| pause == 1000));
    }

    #[test]
    fn the_patience_ends_it_and_no_sooner() {
        let mut ladder = Ladder::new(RecoveryPolicy::new().patience(Duration::from_secs(3)));
        let first = ladder.trouble(SourceEnd::Failed(Errno::EIO), None, START);
        let (_, pauses) = climb(&mut ladder, first, Failure::Refused, 100);
        assert_eq!(pauses.iter().sum::<u64>(), 3000);
        assert_eq!(ladder.look_again(START + 3 * SECOND), Verdict::GiveUp);
    }

    #[test]
    fn a_camera_that_fails_again_at_once_goes_on_where_it_was_on_the_ladder() {
        let mut ladder = for_ever();
        assert_eq!(ladder.trouble(SourceEnd::Stalled, None, START), Verdict::Climb(Rung::Restart));
        let flowing = Some(START + 1);
        let failed = SourceEnd::Failed(Errno::EIO);
        assert_eq!(ladder.trouble(failed, flowing, START + SECOND), Verdict::Climb(Rung::Reopen));
        assert_eq!(ladder.trouble(failed, flowing, START + SECOND), Verdict::Climb(Rung::Search));
        let Verdict::Wait { until } = ladder.trouble(failed, flowing, START + SECOND) else { panic!("no pause") };
        assert!(until > START + SECOND);
        // It was well for a while: the next trouble begins at the bottom.
        let well = START + SECOND + WELL;
        assert_eq!(ladder.trouble(failed, Some(START + SECOND), well), Verdict::Climb(Rung::Restart));
    }

    #[test]
    fn each_unplugging_has_a_patience_of_its_own_and_is_looked_for_at_once() {
        let mut ladder = Ladder::new(RecoveryPolicy::new().patience(Duration::from_secs(3)));
        let mut now = START;
        let mut flowing = None;
        for _ in 0..20 {
            assert_eq!(ladder.trouble(SourceEnd::Unplugged, flowing, now), Verdict::Climb(Rung::Search), "at {now}");
            assert!(matches!(ladder.failed(Failure::Absent { told: true }, now), Verdict::Wait { .. }));
            // It is back after a second, and stays for one.
            assert_eq!(ladder.look_again(now + SECOND), Verdict::Climb(Rung::Search));
            flowing = Some(now + SECOND);
            now += 2 * SECOND;
        }
        // Back, and gone with the first frame: no faster than this.
        assert_eq!(ladder.trouble(SourceEnd::Unplugged, flowing, now), Verdict::Climb(Rung::Search));
        assert!(matches!(ladder.trouble(SourceEnd::Unplugged, Some(now), now + 1), Verdict::Wait { .. }));
    }

    #[test]
    fn a_source_that_changes_is_opened_anew_and_climbs_no_rung() {
        let mut ladder = for_ever();
        let mut now = START;
        for _ in 0..20 {
            let flowing = Some(now - LEAST_PAUSE);
            assert_eq!(ladder.trouble(SourceEnd::FormatChanged, flowing, now), Verdict::Climb(Rung::Reopen));
            now += LEAST_PAUSE;
        }
        // At once after an attempt: not before its time.
        let verdict = ladder.trouble(SourceEnd::FormatChanged, Some(now - 1), now - 1);
        assert_eq!(verdict, Verdict::Wait { until: now });
        assert_eq!(ladder.look_again(now), Verdict::Climb(Rung::Reopen));
        // A fault after it begins at the bottom; and opening anew in vain is one.
        assert_eq!(ladder.trouble(SourceEnd::Stalled, Some(now), now), Verdict::Climb(Rung::Restart));
        now += LEAST_PAUSE;
        assert_eq!(ladder.trouble(SourceEnd::FormatChanged, Some(now), now), Verdict::Climb(Rung::Reopen));
        assert_eq!(ladder.failed(Failure::Refused, now), Verdict::Climb(Rung::Search));
    }

    #[test]
    fn a_source_that_changes_for_ever_is_followed_ever_more_rarely_for_as_long_as_the_patience_lasts() {
        let mut ladder = Ladder::new(RecoveryPolicy::new().patience(Duration::from_secs(5)));
        let (mut now, mut pauses) = (START, Vec::new());
        let mut verdict = ladder.trouble(SourceEnd::FormatChanged, Some(now), now);
        while verdict != Verdict::GiveUp {
            verdict = match verdict {
                Verdict::Wait { until } => {
                    pauses.push((until - now) / 1_000_000);
                    now = until;
                    ladder.look_again(now)
                }
                // It changes again before its first frame.
                climb => {
                    assert_eq!(climb, Verdict::Climb(Rung::Reopen));
                    ladder.trouble(SourceEnd::FormatChanged, None, now)
                }
            };
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000, 1000, 500]);
    }

    #[test]
    fn a_burst_of_notices_is_one_attempt() {
        let mut ladder = for_ever();
        let _ = ladder.trouble(SourceEnd::Unplugged, None, START);
        let _ = ladder.failed(Failure::Absent { told: true }, START);
        let climbs = (0..100).filter(|&ms| ladder.look_again(START + ms * 1_000_000) == Verdict::Climb(Rung::Search));
        assert_eq!(climbs.count(), 0);
        assert_eq!(ladder.look_again(START + LEAST_PAUSE), Verdict::Climb(Rung::Search));
    }

    proptest::proptest! {
        #[test]
        fn no_state_spins(
            failures in proptest::collection::vec(0u8..7, 1..200), patience in proptest::option::of(1u64..100),
        ) {
            let mut ladder = Ladder::new(RecoveryPolicy::new().patience(patience.map(Duration::from_secs)));
            let mut now = START;
            let mut verdict = ladder.trouble(SourceEnd::Stalled, None, now);
            let mut attempts = Vec::new();
            for failure in failures {
                verdict = match verdict {
                    Verdict::Climb(_) => {
                        attempts.push(now);
                        match failure {
                            0 => ladder.failed(Failure::Refused, now),
                            1 => ladder.failed(Failure::Absent { told: true }, now),
                            2 => ladder.failed(Failure::Absent { told: false }, now),
                            3 => ladder.trouble(SourceEnd::Unplugged, Some(now), now),
                            4 => ladder.trouble(SourceEnd::FormatChanged, Some(now), now),
                            5 => ladder.trouble(SourceEnd::FormatChanged, None, now),
                            _ => ladder.trouble(SourceEnd::Failed(Errno::EIO), Some(now), now),
                        }
                    }
                    Verdict::Wait { until } => {
                        proptest::prop_assert!(until > now);
                        now = until;
                        ladder.look_again(now)
                    }
                    Verdict::GiveUp => break,
                };
            }
            // The first three rungs follow each other at once; after them, ten attempts a second at most.
            for pair in attempts.windows(4) {
                proptest::prop_assert!(pair[3] >= pair[0] + LEAST_PAUSE, "{attempts:?}");
            }
        }
    }
}
