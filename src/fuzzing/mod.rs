//! What fuzz targets call (tests/fuzz): each takes any bytes, and returns if what it checks of them holds.
//!
//! Not part of the stable interface. The same functions are run over the targets' seeds and over random bytes by an ordinary
//! test (tests/fuzzed.rs).

mod choices;
mod documents;
mod listing;
mod pictures;
mod queue;
mod rig;
mod sound;

/// What is done with an input.
type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("constraints", documents::constraints),
    ("devices", documents::devices),
    ("policy", documents::policy),
    ("uevent", documents::uevent),
    ("jpeg", pictures::jpeg),
    ("h264", pictures::h264),
    ("frames", pictures::frames),
    ("modes", listing::modes),
    ("controls", listing::controls),
    ("queue", queue::queue),
    ("sound", sound::sound),
];

/// Runs the target of that name.
///
/// # Panics
/// Where what the target checks does not hold, and where there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.0 == name).unwrap_or_else(|| panic!("no target {name}"));
    (target.1)(bytes);
}

/// Has `guard` told of the bytes between the end of each mapping of the scripted kernel's and the end of its last page: for
/// AddressSanitizer, which can watch them where no page fault does.
pub fn guard_mappings(guard: fn(*const u8, usize)) {
    crate::seam::scripted::guard_mappings(guard);
}
