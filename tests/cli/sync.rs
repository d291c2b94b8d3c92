//! Picture and sound of one recording, in step.

use crate::support::{Folder, argument, run};

#[path = "../support/sync.rs"]
mod sync;

#[test]
fn flash_and_tick_of_the_built_in_devices_are_recorded_in_step() {
    let folder = Folder::new();
    let file = folder.path("sync.mkv");
    let path = argument(&file);
    let document =
        run(["capture", "--json", "--synthetic", "--video", "--audio", "--duration", "4s", "-o", &path]).done();
    assert_eq!(document["audio"]["source"]["xruns"], 0, "{document}");
    let (skew, count) = sync::skew(&file, 48_000);
    assert!(count >= 2, "{count} flashes in four seconds");
    assert!(skew < 0.020, "{:.1} ms apart", skew * 1000.0);
}
