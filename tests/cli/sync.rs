//! Picture and sound of one recording, in step.

use crate::support::{Folder, argument, run};

#[path = "../support/sync.rs"]
mod recorded;

#[test]
fn flash_and_tick_of_the_built_in_devices_are_recorded_in_step() {
    let folder = Folder::new();
    let file = folder.path("sync.mkv");
    let path = argument(&file);
    let document =
        run(["capture", "--json", "--synthetic", "--video", "--audio", "--duration", "4s", "-o", &path]).done();
    assert_eq!(document["audio"]["source"]["xruns"], 0, "{document}");
    let skews = recorded::skews(&file, 48_000);
    assert!(skews.len() >= 2, "{} flashes in four seconds", skews.len());
    assert!(skews.iter().all(|skew| *skew < 0.020), "{skews:.4?} seconds apart");
}
