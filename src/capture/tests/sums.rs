//! The sums of invariant 8 under scripts nobody thought of.

use std::time::Duration;

use proptest::prelude::*;

use super::bench::{Bench, assert_sums, yuyv};
use crate::seam::scripted::{Frame, ScriptedCamera};

/// What may happen next.
#[derive(Debug, Clone)]
enum Step {
    Give(Frame),
    Hold,
    LetGo,
    Wait(u64),
    Stop,
}

fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        6 => Just(Frame::good()),
        1 => Just(Frame::good().error()),
        1 => Just(Frame::good().error().timestamp(0)),
        1 => Just(Frame::good().again()),
        1 => any::<u32>().prop_map(|bytes| Frame::good().bytesused(bytes)),
        1 => (0u32..8000).prop_map(|bytes| Frame::good().bytesused(bytes)),
        1 => any::<u32>().prop_map(|bytes| Frame::good().data_offset(bytes)),
        1 => (0u32..8).prop_map(|index| Frame::good().index(index)),
        1 => any::<u32>().prop_map(|sequence| Frame::good().sequence(sequence)),
        1 => any::<u64>().prop_map(|stamp| Frame::good().timestamp(stamp)),
        1 => (1u32..5).prop_map(|lost| Frame::good().after_lost(lost)),
        1 => any::<u32>().prop_map(|count| Frame::good().plane_count(count)),
        1 => any::<u32>().prop_map(|bits| Frame::good().flags(crate::seam::BufferFlags::from_bits_retain(bits))),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Frame::good().bytes(&bytes)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => frame().prop_map(Step::Give),
        2 => Just(Step::Hold),
        2 => Just(Step::LetGo),
        1 => (0u64..5_000).prop_map(Step::Wait),
        1 => Just(Step::Stop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn whatever_a_driver_says_the_sums_hold_and_no_buffer_is_lost(
        steps in prop::collection::vec(step(), 1..80),
        jpeg: bool,
        orphans: bool,
        buffers in 1u32..9,
    ) {
        let mut camera = if jpeg { ScriptedCamera::new(b"MJPG", 64, 48) } else { yuyv() };
        camera.orphans = orphans;
        let bench = Bench::keeping(1, camera);
        let mut source = bench.open_with(Some(buffers)).unwrap();
        let mut held = Vec::new();
        let mut given = 0;
        for step in steps {
            match step {
                Step::Give(frame) => given += u64::from(bench.camera.next(frame)),
                Step::Hold => held.append(&mut bench.keeper.take()),
                Step::LetGo => held.clear(),
                Step::Wait(milliseconds) => bench.kernel.advance(Duration::from_millis(milliseconds)),
                Step::Stop => {
                    if !orphans {
                        held.clear();
                        bench.keeper.take();
                    }
                    assert_sums(&source.statistics());
                    prop_assert_eq!(source.statistics().captured, given);
                    drop(source);
                    prop_assert_eq!(bench.camera.open_count(), 0);
                    source = bench.open_with(Some(buffers)).unwrap();
                    bench.keeper.state().seen = 0;
                    given = 0;
                }
            }
            assert_sums(&source.statistics());
        }
        let statistics = source.statistics();
        prop_assert_eq!(statistics.captured, given);
        prop_assert_eq!(bench.keeper.state().seen, statistics.accepted);
        prop_assert_eq!(bench.keeper.state().ends.len(), 0);
        held.clear();
        bench.keeper.take();
        prop_assert_eq!(bench.camera.queued(), buffers as usize);
        drop(source);
        bench.assert_closed();
    }
}
