//! The tests of the lab. To add one: write a function in a file here, name it in that file's `TESTS`.

mod audio;
mod bench;
mod capture;
mod controls;
mod discovery;
mod disk;
mod drivers;
mod fan_out;
mod faults_loopback;
mod faults_replug;
mod faults_usb;
mod faults_usb_modes;
mod faults_usb_sound;
mod faults_usb_start;
mod faults_vivid;
mod files;
mod hotplug;
mod hwtest;
mod loopback;
mod misbehaving;
pub mod packages;
mod permission;
mod pipeline;
pub mod planes;
pub mod power;
mod resized;
mod self_test;
mod serve;
mod soak;
mod soak_day;
mod soak_ledger;
mod soak_microphone;
mod soak_seconds;
mod soak_unplugs;
mod soak_vivid;
mod soak_webcam;
mod sound;
mod usb;
mod usb_sound;
mod usb_stream;
mod watched;
mod webcam;

use crate::harness::{LabTest, Place};

/// Every test that runs where the drivers are.
pub fn all() -> Vec<LabTest> {
    // The harness's test of itself wants tests that fail.
    if misbehaving::wanted() {
        let harmful = if Place::from_environment() == Ok(Place::Host) { &[] } else { misbehaving::HARMFUL };
        return [misbehaving::HARMLESS, harmful].concat();
    }
    [
        audio::TESTS,
        bench::TESTS,
        drivers::TESTS,
        discovery::TESTS,
        capture::TESTS,
        planes::TESTS,
        resized::TESTS,
        fan_out::TESTS,
        controls::TESTS,
        files::TESTS,
        serve::TESTS,
        hotplug::TESTS,
        hwtest::TESTS,
        webcam::TESTS,
        loopback::TESTS,
        soak::TESTS,
        soak_day::TESTS,
        soak_unplugs::TESTS,
        sound::TESTS,
        usb::TESTS,
        usb_sound::TESTS,
        usb_stream::TESTS,
        faults_usb::TESTS,
        faults_replug::TESTS,
        faults_vivid::TESTS,
        faults_loopback::TESTS,
        faults_usb_start::TESTS,
        faults_usb_modes::TESTS,
        faults_usb_sound::TESTS,
        permission::TESTS,
        pipeline::TESTS,
        disk::TESTS,
    ]
    .concat()
}

/// Those of them that cannot hold in virtual time, and why.
pub fn not_in_virtual_time() -> &'static [(&'static str, &'static str)] {
    if misbehaving::wanted() {
        return &[];
    }
    &[("harness::a_crashed_guest_is_replaced", misbehaving::NO_SYSRQ), (power::NAME, "its power cut is QEMU's")]
}

/// Tests of the harness itself, run on this side.
pub fn on_the_host(place: Place) -> Vec<(&'static str, fn())> {
    if misbehaving::wanted() {
        return Vec::new();
    }
    [self_test::tests(place), crate::usb::tests(), power::tests(place), soak_seconds::TESTS.to_vec()].concat()
}
