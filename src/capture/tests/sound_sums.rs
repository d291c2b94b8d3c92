//! The sums and the timeline of sound under scripts nobody thought of.

use std::time::Duration;

use nix::errno::Errno;
use proptest::prelude::*;

use super::microphone::{PCM, PERIOD, PLUGGED, SoundBench, assert_sums};
use crate::seam::PcmState;
use crate::seam::scripted::{Call, ScriptedPcm};

/// What may happen next.
#[derive(Debug, Clone)]
enum Step {
    Run(u32),
    /// Periods that come while the reactor is held up.
    Unseen(u32),
    Enter(PcmState),
    Fail(Call, Errno),
    LetGo,
}

fn step() -> impl Strategy<Value = Step> {
    let state = prop_oneof![Just(PcmState::Xrun), Just(PcmState::Suspended)];
    let calls = [Call::PcmAvail, Call::PcmStatus, Call::PcmRead, Call::PcmRevents, Call::PcmPrepare, Call::PcmStart];
    let errno = prop_oneof![Just(Errno::EIO), Just(Errno::EPIPE), Just(Errno::ESTRPIPE), Just(Errno::EBADFD)];
    prop_oneof![
        6 => (1u32..20).prop_map(Step::Run),
        3 => (1u32..60).prop_map(Step::Unseen),
        2 => state.prop_map(Step::Enter),
        2 => (prop::sample::select(calls.to_vec()), errno).prop_map(|(call, errno)| Step::Fail(call, errno)),
        1 => Just(Step::LetGo),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_a_card_does_the_sums_hold_and_every_frame_is_in_its_place(
        steps in prop::collection::vec(step(), 1..25),
        alone: bool,
        mapped: bool,
        resumes: bool,
        hides_xruns: bool,
        keep in 0usize..300,
    ) {
        let resume = if resumes { Ok(()) } else { Err(Errno::ENOSYS) };
        let pcm = ScriptedPcm { mapped, resume, hides_xruns, ..ScriptedPcm::default() };
        let bench = SoundBench::keeping(keep, if alone { PCM } else { PLUGGED }, pcm);
        let source = bench.open().unwrap();
        bench.card.run(1);
        for step in steps {
            match step {
                Step::Run(periods) => bench.card.run(periods),
                Step::Unseen(periods) => bench.card.capture_unseen(periods),
                Step::Enter(state) => bench.card.enter(state),
                Step::Fail(call, errno) => bench.card.fail(call, errno, 1),
                Step::LetGo => bench.listener.heard().kept.clear(),
            }
            // Periods go by while it is seen to, and one after that, so that troubles are single.
            let before = source.statistics().captured;
            for _ in 0..2000 {
                bench.card.run(1);
                if source.statistics().captured >= before + 2 * u64::from(PERIOD) {
                    break;
                }
                std::thread::sleep(Duration::from_micros(100));
            }
            assert_sums(&source.statistics());
        }
        bench.assert_in_place();
        prop_assert_eq!(bench.listener.heard().ends.len(), 0);
        let statistics = source.statistics();
        // All but what is in the ring, or was lost since the last block, is accounted for.
        let missing = bench.card.next_frame() - statistics.expected;
        prop_assert!(missing <= 2 * u64::from(PERIOD), "{} of {} missing: {:?}", missing, bench.card.next_frame(), statistics);
        drop(source);
        prop_assert_eq!(bench.card.open_count(), 0);
    }
}
