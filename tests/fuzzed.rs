//! The fuzz targets (tests/fuzz) over their seeds and over a few thousand random inputs: what keeps them alive between two
//! runs of `make fuzz`, which says more.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use usermedia::fuzzing::{TARGETS, run};

/// Targets that start an engine each time.
const SLOW: [&str; 3] = ["controls", "queue", "sound"];

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files
        .map(|file| file.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect()
}

/// Any bytes; or a seed of which some are others, some are missing or its end is.
fn input(seeds: &[(String, Vec<u8>)]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.1.clone()).collect();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..8);
    let changed = (prop::sample::select(seeds), changes).prop_map(|(mut bytes, changes)| {
        for (at, byte, what) in changes {
            let at = at.index(bytes.len() + 1);
            match what {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 if byte < 16 => bytes.truncate(at),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
            }
        }
        bytes
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..400), changed]
}

#[test]
fn every_seed_and_a_few_thousand_random_inputs_hold_what_the_targets_check() {
    for (target, _) in TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for (name, bytes) in &seeds {
            println!("{name}");
            run(target, bytes);
        }
        let cases = if SLOW.contains(target) { 20 } else { 300 };
        // What hangs takes 20 seconds to be told, and each step towards a smaller input as long: few are worth it.
        let config =
            ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 16, ..ProptestConfig::default() };
        let mut runner = TestRunner::new(config);
        runner
            .run(&input(&seeds), |bytes| {
                run(target, &bytes);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{target}: {error}"));
    }
}
