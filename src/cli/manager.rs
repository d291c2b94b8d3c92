//! What a service manager is told, where there is one (`sd_notify(3)`): ready, alive, stopping. Elsewhere nothing happens.
//!
//! Its watchdog is fed only while the capture makes sense: every track gives something, or is muted and says why, because
//! its device is unplugged, say. One that gives nothing without a word starves it, and the manager starts the command anew.

use std::env;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::stream::StreamStatistics;

/// The way to the manager.
pub(super) struct Manager {
    /// How often the watchdog is fed; `None` where there is none.
    every: Option<Duration>,
    fed: Instant,
    /// What each track had given by then.
    given: Vec<u64>,
}

impl Manager {
    /// The one that started this process, if one did.
    pub(super) fn of_this_process() -> Self {
        let mut limit = 0;
        let mut watches = sd_notify::watchdog_enabled(false, &mut limit);
        // Where no process is named it is meant for whoever reads it, as sd_watchdog_enabled(3) has it.
        if !watches && env::var_os("WATCHDOG_PID").is_none() {
            limit = env::var("WATCHDOG_USEC").ok().and_then(|limit| limit.parse().ok()).unwrap_or(0);
            watches = limit > 0;
        }
        // Half of the time it gives, as sd_watchdog_enabled(3) recommends.
        let every = watches.then(|| Duration::from_micros(limit / 2)).filter(|every| !every.is_zero());
        Self { every, fed: Instant::now(), given: Vec::new() }
    }

    /// The service is what it is to be.
    pub(super) fn ready(&mut self, doing: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(doing)]);
        self.fed = Instant::now();
    }

    /// How long until it must be [told](Self::attend) again.
    pub(super) fn due(&self) -> Option<Duration> {
        self.every.map(|every| every.saturating_sub(self.fed.elapsed()))
    }

    /// Feeds the watchdog when that is due and there is something to be said for it.
    pub(super) fn attend(&mut self, statistics: impl FnOnce() -> StreamStatistics) {
        if self.due() != Some(Duration::ZERO) {
            return;
        }
        self.fed = Instant::now();
        let (alive, given) = judge(&self.given, &statistics());
        self.given = given;
        if alive {
            tell(&[NotifyState::Watchdog]);
        }
    }

    /// It ends, and by its own will.
    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

/// A manager that does not listen is no reason to stop.
fn tell(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(false, state);
}

/// Whether every track that lives gave something since, or says why it does not; and what each has given by now.
fn judge(before: &[u64], statistics: &StreamStatistics) -> (bool, Vec<u64>) {
    let video = statistics.video.iter().map(|track| (track.live, track.muted, track.source.accepted));
    let audio = statistics.audio.iter().map(|track| (track.live, track.muted, track.source.blocks));
    let tracks: Vec<_> = video.chain(audio).collect();
    let before = before.iter().copied().chain(std::iter::repeat(0));
    let alive = tracks.iter().zip(before).all(|(&(live, muted, now), then)| !live || muted.is_some() || now > then);
    (alive, tracks.into_iter().map(|(.., now)| now).collect())
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::MediaStreamConstraints;
    use crate::capture::MuteReason;
    use crate::stream::{MediaDevices, StreamStatistics};

    fn statistics() -> StreamStatistics {
        let constraints = MediaStreamConstraints::new().video(true).audio(true);
        let stream = MediaDevices::synthetic().get_user_media(&constraints).unwrap();
        let mut statistics = stream.statistics();
        (statistics.video[0].source.accepted, statistics.audio[0].source.blocks) = (10, 20);
        statistics
    }

    #[test]
    fn a_track_is_alive_that_gives_something_or_says_why_not() {
        let mut statistics = statistics();
        assert_eq!(judge(&[], &statistics), (true, vec![10, 20]));
        assert_eq!(judge(&[9, 19], &statistics), (true, vec![10, 20]));
        assert_eq!(judge(&[10, 19], &statistics), (false, vec![10, 20]), "pictures stand still, and nobody knows why");
        assert_eq!(judge(&[9, 20], &statistics), (false, vec![10, 20]), "so does sound");
        statistics.video[0].muted = Some(MuteReason::Unplugged);
        assert_eq!(judge(&[10, 19], &statistics), (true, vec![10, 20]));
        statistics.audio[0].live = false;
        assert_eq!(judge(&[10, 20], &statistics), (true, vec![10, 20]), "what has ended is missed by nobody");
    }
}
