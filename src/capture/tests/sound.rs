//! Microphones on scripted cards: what flows, how it is counted, and what it costs.

use crate::capture::Keep;
use std::time::Duration;

use nix::errno::Errno;

use super::bench::eventually;
use super::microphone::{PERIOD, PERIOD_NS, SoundBench, assert_sums, request};
use crate::capture::TimestampSource;
use crate::error::ErrorName;
use crate::seam::PcmParameter;
use crate::seam::scripted::{Call, ScriptedPcm};

#[test]
fn periods_become_blocks_in_order_and_in_time() {
    for mapped in [true, false] {
        let bench = SoundBench::new(ScriptedPcm { mapped, ..ScriptedPcm::default() });
        let source = bench.open().unwrap();
        assert_eq!((source.format().period_frames, source.format().sample_rate), (PERIOD, 48_000));
        bench.card.run(100);
        bench.assert_in_place();
        let heard = bench.listener.heard();
        assert_eq!(heard.infos.len(), 100);
        assert!(heard.infos.iter().all(|info| (info.frames, info.lost) == (PERIOD, 0)));
        assert!(heard.infos.iter().all(|info| info.timestamp_source == TimestampSource::Driver));
        // The first frame was taken when the card was started, and each block a period after the one before.
        let first = heard.infos[0].timestamp;
        assert_eq!(first, 1_000_000_000_000);
        for (number, info) in (0..).zip(&heard.infos) {
            assert!(info.timestamp.abs_diff(first + number * PERIOD_NS) <= 2, "block {number}: {info:?}");
        }
        let statistics = source.statistics();
        assert_sums(&statistics);
        let frames = 100 * u64::from(PERIOD);
        assert_eq!((statistics.captured, statistics.accepted, statistics.blocks), (frames, frames, 100));
        assert_eq!((statistics.bytes, statistics.xruns, statistics.host_stamped), (frames * 2, 0, 0));
        assert!((statistics.measured_sample_rate().unwrap() - 48_000.0).abs() < 0.01, "{statistics:?}");
    }
}

#[test]
fn a_stop_closes_the_card_and_it_opens_again() {
    let bench = SoundBench::new(ScriptedPcm::default());
    for _ in 0..3 {
        let source = bench.open().unwrap();
        bench.card.run(3);
        assert_eq!(bench.card.open_count(), 1);
        drop(source);
        assert_eq!(bench.card.open_count(), 0);
    }
    assert_eq!((bench.card.calls(Call::Open), bench.card.calls(Call::Close)), (3, 3));
    assert_eq!(bench.listener.heard().ends, []);
}

#[test]
fn a_period_costs_no_more_calls_than_it_must() {
    let bench = SoundBench::new(ScriptedPcm::default());
    let source = bench.open().unwrap();
    bench.card.run(50);
    let count = |call| bench.card.calls(call);
    let before = [Call::PcmRevents, Call::PcmAvail, Call::PcmRead, Call::PcmStatus].map(count);
    let waits = bench.kernel.waits();
    bench.card.run(500);
    let after = [Call::PcmRevents, Call::PcmAvail, Call::PcmRead, Call::PcmStatus].map(count);
    assert_eq!(after[0] - before[0], 500, "revents");
    assert_eq!(after[1] - before[1], 500, "avail, without a system call on a mapped ring");
    assert_eq!(after[2] - before[2], 500, "read, the same");
    assert_eq!(after[3] - before[3], 50, "status, one in 200 ms");
    // The script's clock wakes the reactor once more than the card does.
    assert!(bench.kernel.waits() - waits <= 1500);
    drop(source);
}

#[test]
fn a_busy_card_says_so_and_what_to_do() {
    let bench = SoundBench::new(ScriptedPcm::default());
    let first = bench.open().unwrap();
    let error = bench.open().map(|_| ()).unwrap_err();
    assert_eq!((error.name(), error.errno()), (ErrorName::NotReadableError, Some(Errno::EBUSY as i32)));
    assert!(error.message().contains("hw:0,0") && error.message().contains("in use"), "{error}");
    assert!(error.remedy().is_some());
    bench.card.run(2);
    drop(first);
    assert_eq!(bench.listener.heard().infos.len(), 2, "the one that was there goes on");
}

#[test]
fn every_refusal_of_an_opening_is_told_apart() {
    for (errno, name, words) in [
        (Errno::EACCES, ErrorName::NotAllowedError, "permission"),
        (Errno::ENOENT, ErrorName::NotReadableError, "gone"),
        (Errno::ENODEV, ErrorName::NotReadableError, "gone"),
        (Errno::ECONNREFUSED, ErrorName::NotReadableError, "sound server"),
        (Errno::EIO, ErrorName::NotReadableError, "snd_pcm_open"),
    ] {
        let bench = SoundBench::new(ScriptedPcm::default());
        bench.card.fail(Call::Open, errno, 1);
        let error = bench.open().map(|_| ()).unwrap_err();
        assert_eq!((error.name(), error.errno()), (name, Some(errno as i32)));
        assert!(error.message().contains(words), "{error}");
        assert_eq!(bench.card.open_count(), 0);
    }
}

#[test]
fn a_refused_parameter_is_named() {
    for (parameter, words) in [
        (PcmParameter::Format, "sample format"),
        (PcmParameter::Rate, "sample rate"),
        (PcmParameter::Channels, "channel count"),
        (PcmParameter::PeriodSize, "latency"),
        (PcmParameter::HwParams, "together"),
    ] {
        let bench = SoundBench::new(ScriptedPcm { refuses: Some(parameter), ..ScriptedPcm::default() });
        let error = bench.open().map(|_| ()).unwrap_err();
        assert!(error.message().contains(words), "{error}");
        assert_eq!(bench.card.open_count(), 0);
    }
}

#[test]
fn a_start_that_fails_and_a_format_that_is_not_accepted_leave_nothing_open() {
    let bench = SoundBench::new(ScriptedPcm::default());
    bench.card.fail(Call::PcmStart, Errno::EIO, 1);
    let error = bench.open().map(|_| ()).unwrap_err();
    assert!(error.message().contains("does not start"), "{error}");
    assert_eq!(bench.card.open_count(), 0);
    let refuse = Box::new(|_: &_| Err(crate::Error::new(ErrorName::OverconstrainedError, "not this")));
    let error =
        bench.engine.open_microphone(request("hw:0,0"), refuse, Keep::not(), bench.listener.clone()).map(|_| ());
    assert_eq!(error.unwrap_err().name(), ErrorName::OverconstrainedError);
    eventually(|| bench.card.open_count() == 0);
    assert_eq!(bench.card.calls(Call::PcmStart), 1);
}

#[test]
fn what_a_card_makes_of_the_period_is_what_blocks_have() {
    let bench = SoundBench::new(ScriptedPcm { period_frames: Some(1024), ..ScriptedPcm::default() });
    let source = bench.open().unwrap();
    assert_eq!(source.format().period_frames, 1024);
    bench.card.run(5);
    assert!(bench.listener.heard().infos.iter().all(|info| info.frames == 1024));
    bench.assert_in_place();
}

#[test]
fn short_reads_are_short_blocks_and_lose_nothing() {
    let bench = SoundBench::plugged(ScriptedPcm { mapped: false, most_read: 500, ..ScriptedPcm::default() });
    let source = bench.open().unwrap();
    bench.card.run(20);
    let heard = bench.listener.heard();
    let frames: u64 = heard.infos.iter().map(|info| u64::from(info.frames)).sum();
    assert!(heard.infos.iter().any(|info| info.frames < PERIOD));
    assert_eq!(frames, source.statistics().captured);
    assert!(frames > 19 * u64::from(PERIOD));
    drop(heard);
    bench.assert_in_place();
}

#[test]
fn several_periods_at_once_are_several_blocks() {
    let bench = SoundBench::new(ScriptedPcm::default());
    let source = bench.open().unwrap();
    bench.kernel.advance(Duration::from_millis(110));
    bench.card.capture(5 * u64::from(PERIOD) + 480);
    assert_eq!(bench.listener.heard().infos.len(), 5, "the rest waits for its period");
    bench.kernel.advance(Duration::from_millis(10));
    bench.card.capture(480);
    assert_eq!(bench.listener.heard().infos.len(), 6);
    bench.assert_in_place();
    assert_sums(&source.statistics());
}

#[test]
fn blocks_that_are_held_make_the_pool_grow_and_then_starve() {
    // Four seconds of them.
    let bench = SoundBench::keeping(1000, "hw:0,0", ScriptedPcm::default());
    let source = bench.open().unwrap();
    bench.card.run(250);
    let statistics = source.statistics();
    assert_sums(&statistics);
    assert_eq!(statistics.blocks, 200);
    assert_eq!(statistics.starved, 50 * u64::from(PERIOD));
    bench.listener.heard().kept.clear();
    bench.card.run(10);
    bench.assert_in_place();
    let last = *bench.listener.heard().infos.last().unwrap();
    assert_eq!(last.position, 259 * u64::from(PERIOD), "what starved has its place in time");
    assert_eq!(last.lost, 0);
    assert_sums(&source.statistics());
}

#[test]
fn blocks_outlive_their_microphone() {
    let bench = SoundBench::keeping(3, "hw:0,0", ScriptedPcm::default());
    let source = bench.open().unwrap();
    bench.card.run(3);
    drop(source);
    assert_eq!(bench.card.open_count(), 0);
    let kept = std::mem::take(&mut bench.listener.heard().kept);
    drop(bench);
    assert_eq!(kept[1].samples()[..2], (PERIOD as u16).to_le_bytes());
}
