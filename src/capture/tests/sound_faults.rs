//! What goes wrong while sound flows: gaps lie where they belong, nothing spins, and what is gone is said once.

use crate::capture::Keep;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;

use super::bench::eventually;
use super::microphone::{Listener, PCM, PERIOD, PERIOD_NS, PLUGGED, RING, SoundBench, assert_sums, request};
use crate::capture::{CapturedAudio, Outlet, SourceEnd, TimestampSource};
use crate::seam::scripted::{Call, FOREVER, PcmScript, ScriptedPcm};
use crate::seam::{Kernel, PcmState};

/// A listener who takes his time once, at the block of that number: the card goes on meanwhile.
struct Dawdler {
    card: PcmScript,
    at: u64,
    periods: u32,
    seen: AtomicU64,
    listener: Arc<Listener>,
}

impl Outlet<CapturedAudio> for Dawdler {
    fn give(&self, audio: &CapturedAudio, now: u64) {
        self.listener.give(audio, now);
        if self.seen.fetch_add(1, Ordering::SeqCst) == self.at {
            self.card.capture_unseen(self.periods);
        }
    }

    fn ended(&self, end: SourceEnd) {
        self.listener.ended(end);
    }
}

/// Ten periods, then a reactor that is held up for so many, then a second of periods.
fn held_up(bench: &SoundBench, name: &str, periods: u32) -> crate::capture::AudioStatistics {
    let dawdler =
        Dawdler { card: bench.card.clone(), at: 9, periods, seen: AtomicU64::new(0), listener: bench.listener.clone() };
    let source =
        bench.engine.open_microphone(request(name), Box::new(|_| Ok(())), Keep::not(), Arc::new(dawdler)).unwrap();
    bench.card.run(10);
    eventually(|| bench.card.state() == PcmState::Running);
    for _ in 0..50 {
        bench.card.run(1);
    }
    let statistics = source.statistics();
    assert_sums(&statistics);
    bench.assert_in_place();
    assert_eq!(bench.listener.heard().ends, []);
    statistics
}

#[test]
fn a_ring_that_holds_what_was_not_read_loses_nothing() {
    for (name, periods) in [(PCM, 20), (PLUGGED, 20)] {
        let bench = SoundBench::keeping(0, name, ScriptedPcm::default());
        let statistics = held_up(&bench, name, periods);
        assert_eq!((statistics.lost_in_driver, statistics.xruns), (0, 0));
        assert_eq!(statistics.captured, 80 * u64::from(PERIOD));
    }
}

#[test]
fn a_card_that_was_run_over_goes_on_and_tells_exactly_what_is_missing() {
    let bench = SoundBench::new(ScriptedPcm::default());
    let statistics = held_up(&bench, PCM, 60);
    assert_eq!(statistics.xruns, 1);
    // Two periods less than the ring are kept: the card may be writing over the oldest ones.
    let lost = 60 * PERIOD - (RING - 2 * PERIOD);
    assert_eq!(statistics.lost_in_driver, u64::from(lost));
    assert_eq!(statistics.expected, 120 * u64::from(PERIOD));
    let heard = bench.listener.heard();
    let gaps: Vec<_> = heard.infos.iter().filter(|info| info.lost > 0).collect();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].lost, gaps[0].position), (u64::from(lost), u64::from(10 * PERIOD + lost)));
    let expected = heard.infos[0].timestamp + gaps[0].position * 1_000_000_000 / 48_000;
    assert!(gaps[0].timestamp.abs_diff(expected) < 1000, "{gaps:?}");
    assert_eq!(bench.card.calls(Call::PcmPrepare), 0, "it never stopped");
}

#[test]
fn a_ring_that_stopped_is_prepared_and_started_and_the_gap_is_told_by_the_clock() {
    for (mapped, hides_xruns) in [(true, false), (false, false), (true, true)] {
        let bench = SoundBench::plugged(ScriptedPcm { mapped, hides_xruns, ..ScriptedPcm::default() });
        let statistics = held_up(&bench, PLUGGED, 60);
        assert_eq!(statistics.xruns, 1);
        assert_eq!((bench.card.calls(Call::PcmPrepare), bench.card.calls(Call::PcmStart)), (1, 2));
        // All that it held is lost as well, and every frame is one that the clock knows of.
        assert_eq!(statistics.lost_in_driver, u64::from(60 * PERIOD));
        assert_eq!(statistics.expected, 120 * u64::from(PERIOD));
        let heard = bench.listener.heard();
        assert_eq!(heard.infos.iter().filter(|info| info.lost > 0).count(), 1);
        assert_eq!(heard.infos[10].lost, u64::from(60 * PERIOD));
    }
}

#[test]
fn the_timeline_keeps_its_length_over_many_overruns() {
    for name in [PCM, PLUGGED] {
        let bench = SoundBench::keeping(0, name, ScriptedPcm::default());
        let source = bench.open().unwrap();
        bench.card.run(5);
        for _ in 0..20 {
            bench.card.change(|_| {});
            bench.card.capture_unseen(30);
            bench.card.change(|_| {});
            eventually(|| bench.card.state() == PcmState::Running);
            bench.card.run(7);
        }
        let statistics = source.statistics();
        assert_sums(&statistics);
        assert_eq!(statistics.xruns, 20, "{name}");
        bench.assert_in_place();
        let heard = bench.listener.heard();
        let (first, last) = (heard.infos[0], heard.infos[heard.infos.len() - 1]);
        assert_eq!(last.position + u64::from(PERIOD), (5 + 20 * 37) * u64::from(PERIOD), "{name}");
        let span = last.timestamp - first.timestamp;
        assert!(span.abs_diff(last.position * 1_000_000_000 / 48_000) < 100_000, "{name}: {span}");
    }
}

#[test]
fn a_card_that_stood_still_and_did_not_say_so_has_a_gap() {
    let bench = SoundBench::new(ScriptedPcm::default());
    let source = bench.open().unwrap();
    bench.card.run(100);
    // For a second its bus gives nothing.
    bench.card.miss_frames(48_000);
    bench.kernel.advance(Duration::from_secs(1));
    bench.card.run(100);
    let statistics = source.statistics();
    assert_sums(&statistics);
    assert_eq!((statistics.lost_in_driver, statistics.xruns), (48_000, 0));
    let heard = bench.listener.heard();
    let gaps: Vec<_> = heard.infos.iter().filter(|info| info.lost > 0).map(|info| info.position).collect();
    // It is believed when it has lasted for a second, by pairs of position and time of which there is one every 200 ms.
    assert_eq!(gaps.len(), 1);
    assert!((150 * u64::from(PERIOD)..171 * u64::from(PERIOD) + 48_000).contains(&gaps[0]), "{gaps:?}");
    let (first, last) = (heard.infos[0], heard.infos[199]);
    let span = last.timestamp - first.timestamp;
    assert!(span.abs_diff(last.position * 1_000_000_000 / 48_000) < 100_000, "{span}");
}

#[test]
fn a_suspended_card_is_resumed_or_else_started_anew() {
    for (resume, prepares) in [(Ok(()), 0), (Err(Errno::ENOSYS), 1)] {
        let bench = SoundBench::new(ScriptedPcm { resume, ..ScriptedPcm::default() });
        let source = bench.open().unwrap();
        bench.card.run(10);
        // It sleeps for three seconds, and the clock with it goes on.
        bench.kernel.pass_time(Duration::from_secs(3));
        bench.card.skip_frames(3 * 48_000);
        bench.card.enter(PcmState::Suspended);
        eventually(|| bench.card.state() == PcmState::Running);
        bench.card.run(10);
        let statistics = source.statistics();
        assert_sums(&statistics);
        assert_eq!(statistics.lost_in_driver, 3 * 48_000);
        assert_eq!((statistics.xruns, bench.card.calls(Call::PcmPrepare)), (0, prepares));
        assert_eq!(bench.card.calls(Call::PcmResume), 1);
        bench.assert_in_place();
    }
}

#[test]
fn a_card_that_is_gone_ends_the_source_once_and_nothing_spins() {
    let by_state = |card: &PcmScript| card.enter(PcmState::Disconnected);
    let by_errno = |card: &PcmScript| card.fail(Call::PcmAvail, Errno::ENODEV, FOREVER);
    let by_revents = |card: &PcmScript| card.fail(Call::PcmRevents, Errno::ENODEV, FOREVER);
    for unplug in [&by_state as &dyn Fn(&PcmScript), &by_errno, &by_revents] {
        let bench = SoundBench::new(ScriptedPcm::default());
        let source = bench.open().unwrap();
        bench.card.run(3);
        unplug(&bench.card);
        bench.kernel.settle();
        assert_eq!(bench.listener.heard().ends, [SourceEnd::Unplugged]);
        let waits = bench.kernel.waits();
        bench.kernel.advance(Duration::from_secs(60));
        assert!(bench.kernel.waits() - waits <= 3, "the reactor sleeps");
        assert_eq!(bench.listener.heard().ends.len(), 1);
        drop(source);
        assert_eq!(bench.card.open_count(), 0);
    }
}

#[test]
fn a_card_that_vanishes_while_it_is_recovered_is_gone() {
    let bench = SoundBench::plugged(ScriptedPcm::default());
    let source = bench.open().unwrap();
    bench.card.run(3);
    bench.card.block(Call::PcmPrepare);
    bench.card.enter(PcmState::Xrun);
    eventually(|| bench.card.calls(Call::PcmPrepare) == 1);
    bench.card.enter(PcmState::Disconnected);
    bench.card.unblock();
    eventually(|| !bench.listener.heard().ends.is_empty());
    assert_eq!(bench.listener.heard().ends, [SourceEnd::Unplugged]);
    drop(source);
    assert_eq!(bench.card.open_count(), 0);
}

#[test]
fn an_error_that_stays_is_given_up_after_a_bounded_number_of_attempts() {
    for call in [Call::PcmAvail, Call::PcmPrepare] {
        let bench = SoundBench::plugged(ScriptedPcm::default());
        let source = bench.open().unwrap();
        bench.card.run(3);
        bench.card.fail(call, Errno::EIO, FOREVER);
        bench.card.enter(if call == Call::PcmPrepare { PcmState::Xrun } else { PcmState::Running });
        eventually(|| {
            bench.kernel.advance(Duration::from_secs(1));
            !bench.listener.heard().ends.is_empty()
        });
        assert_eq!(bench.listener.heard().ends, [SourceEnd::Failed(Errno::EIO)], "{call:?}");
        assert_eq!(bench.card.calls(Call::PcmPrepare), 8, "{call:?}");
        drop(source);
        assert_eq!(bench.card.open_count(), 0);
    }
}

#[test]
fn a_passing_error_is_recovered_from() {
    for call in [Call::PcmAvail, Call::PcmStatus, Call::PcmRead, Call::PcmRevents] {
        let bench = SoundBench::new(ScriptedPcm::default());
        let source = bench.open().unwrap();
        bench.card.run(3);
        bench.card.fail(call, Errno::EIO, 1);
        bench.card.run(1);
        eventually(|| bench.card.state() == PcmState::Running && bench.card.calls(Call::PcmPrepare) == 1);
        bench.card.run(20);
        assert_eq!(bench.listener.heard().ends, []);
        assert_sums(&source.statistics());
        bench.assert_in_place();
    }
}

#[test]
fn a_stop_while_the_card_is_being_recovered_closes_it() {
    let bench = SoundBench::plugged(ScriptedPcm::default());
    let source = bench.open().unwrap();
    bench.card.run(3);
    bench.card.block(Call::PcmPrepare);
    bench.card.enter(PcmState::Xrun);
    eventually(|| bench.card.calls(Call::PcmPrepare) == 1);
    // The control thread is busy: the stop does not wait for it for ever.
    source.stop();
    assert_eq!(bench.card.open_count(), 1);
    bench.card.unblock();
    eventually(|| bench.card.open_count() == 0);
    assert_eq!(bench.listener.heard().ends, []);
    drop(source);
    let again = bench.open().unwrap();
    bench.card.run(3);
    assert_eq!(again.statistics().blocks, 3);
}

#[test]
fn a_stop_while_the_card_rests_closes_it() {
    let bench = SoundBench::plugged(ScriptedPcm::default());
    let source = bench.open().unwrap();
    bench.card.run(3);
    bench.card.fail(Call::PcmPrepare, Errno::EIO, FOREVER);
    bench.card.enter(PcmState::Xrun);
    eventually(|| bench.card.calls(Call::PcmPrepare) == 1);
    bench.kernel.settle();
    drop(source);
    assert_eq!(bench.card.open_count(), 0);
    bench.kernel.advance(Duration::from_secs(10));
    assert_eq!(bench.card.calls(Call::PcmPrepare), 1);
}

#[test]
fn wake_ups_without_a_period_do_not_spin() {
    let bench = SoundBench::plugged(ScriptedPcm { wakes_at: Some(1), ..ScriptedPcm::default() });
    let source = bench.open().unwrap();
    bench.card.run(3);
    bench.kernel.advance(Duration::from_millis(15));
    let (calls, waits) = (bench.card.calls(Call::PcmAvail), bench.kernel.waits());
    bench.card.capture(720);
    bench.kernel.advance(Duration::from_millis(5));
    bench.card.capture(240);
    assert!(bench.card.calls(Call::PcmAvail) - calls <= 10, "{}", bench.card.calls(Call::PcmAvail) - calls);
    assert!(bench.kernel.waits() - waits <= 20);
    bench.kernel.advance(Duration::from_millis(20));
    bench.assert_in_place();
    assert_eq!(source.statistics().captured, 4 * u64::from(PERIOD));
}

#[test]
fn stamps_that_cannot_be_true_become_the_time_of_arrival() {
    let stamps: [fn(u64) -> u64; 4] = [
        |_| 0,
        |time| time + 1_700_000_000_000_000_000,
        |time| time + 3_600_000_000_000,
        |time| time - 900_000_000_000,
    ];
    for stamp in stamps {
        let bench = SoundBench::plugged(ScriptedPcm { stamp, ..ScriptedPcm::default() });
        let source = bench.open().unwrap();
        bench.card.run(50);
        let heard = bench.listener.heard();
        assert!(heard.infos.iter().all(|info| info.timestamp_source == TimestampSource::Host));
        for (number, info) in (0..).zip(&heard.infos) {
            let expected = 1_000_000_000_000 + number * PERIOD_NS;
            assert!(info.timestamp.abs_diff(expected) < 100_000, "block {number}: {info:?}");
        }
        assert_eq!(source.statistics().host_stamped, 50);
        drop(heard);
        bench.assert_in_place();
    }
}

#[test]
fn stamps_that_begin_late_are_the_drivers_from_then_on() {
    let bench = SoundBench::plugged(ScriptedPcm { stamp: |_| 0, ..ScriptedPcm::default() });
    let source = bench.open().unwrap();
    bench.card.run(3);
    bench.card.change(|pcm| pcm.stamp = |time| time);
    bench.card.run(60);
    let heard = bench.listener.heard();
    let sources: Vec<_> = heard.infos.iter().map(|info| info.timestamp_source).collect();
    assert!(sources[..3].iter().all(|source| *source == TimestampSource::Host));
    assert!(sources[3..].iter().all(|source| *source == TimestampSource::Driver));
    assert_eq!(source.statistics().host_stamped, 3);
    drop(heard);
    bench.assert_in_place();
}

#[test]
fn a_card_that_is_slow_is_told_by_its_timestamps() {
    let bench = SoundBench::new(ScriptedPcm::default());
    let source = bench.open().unwrap();
    // 200 ppm too slow: a period takes 4 microseconds longer.
    for _ in 0..3000 {
        bench.kernel.advance(Duration::from_nanos(PERIOD_NS + 4000));
        bench.card.capture(u64::from(PERIOD));
    }
    let rate = source.statistics().measured_sample_rate().unwrap();
    let ppm = (rate / 48_000.0 - 1.0) * 1e6;
    assert!((ppm + 200.0).abs() < 1.0, "{ppm} ppm");
    // 1 / 1.0002: what is said of the clock is exact, over the minute and over the last half of it.
    let drift = source.statistics().clock_drift.unwrap();
    assert!((drift.ppm + 199.96).abs() < 0.01 && (drift.recent_ppm + 199.96).abs() < 0.01, "{drift:?}");
    assert_eq!(source.statistics().timestamp_source, Some(TimestampSource::Driver));
    let last = *bench.listener.heard().infos.last().unwrap();
    let truth = bench.kernel.now() - PERIOD_NS - 4000;
    assert!(last.timestamp.abs_diff(truth) < 20_000, "{} ns off", last.timestamp.abs_diff(truth));
    assert_eq!(source.statistics().lost_in_driver, 0);
}
