//! The harness judged from outside: this binary run again with tests that misbehave, and what it says about them.

use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::cases::misbehaving;
use crate::guest::GRACE_VARIABLE;
use crate::harness::Place;

/// The tests that make sense there: a machine somebody needs is neither crashed nor stopped.
pub fn tests(place: Place) -> Vec<(&'static str, fn())> {
    let mut tests: Vec<(&'static str, fn())> = vec![
        ("harness::a_panic_fails_its_test_and_is_shown", a_panic_fails_its_test_and_is_shown),
        ("harness::a_hanging_test_is_killed_with_all_its_processes", a_hanging_test_is_killed_with_all_its_processes),
    ];
    if place != Place::Host {
        tests.extend([
            ("harness::a_crashed_guest_is_replaced", a_crashed_guest_is_replaced as fn()),
            ("harness::a_guest_that_does_not_answer_is_replaced", a_guest_that_does_not_answer_is_replaced),
            ("harness::a_kernel_bug_fails_the_test_that_met_it", a_kernel_bug_fails_the_test_that_met_it),
        ]);
    }
    tests
}

/// What the harness said and how it ended. The tests above share one run, since each would see the same.
fn run() -> &'static (String, Output) {
    static RUN: OnceLock<(String, Output)> = OnceLock::new();
    RUN.get_or_init(|| {
        let output = Command::new(std::env::current_exe().unwrap())
            .env(misbehaving::VARIABLE, "1")
            .env(GRACE_VARIABLE, "5")
            .args(if Place::from_environment() == Ok(Place::Host) { ["hang", "panics"].as_slice() } else { &[] })
            .output()
            .unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), output)
    })
}

/// The harness's one-line verdict on a test.
#[track_caller]
fn verdict(test: &str) -> &'static str {
    let (text, output) = run();
    let start = format!("test misbehaving::{test} ");
    let line = text.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| {
        panic!("nothing is said about {test}:\n{text}\n{}", String::from_utf8_lossy(&output.stderr))
    });
    line.rsplit(' ').next().unwrap_or_default()
}

/// The details the harness gives about a failed test.
#[track_caller]
fn details(test: &str) -> String {
    let (text, _) = run();
    let start = format!("---- misbehaving::{test} ----");
    let after = text.split_once(&start).unwrap_or_else(|| panic!("no details about {test}:\n{text}")).1;
    after.split("\n---- misbehaving::").next().unwrap_or_default().to_owned()
}

fn a_panic_fails_its_test_and_is_shown() {
    assert_eq!(verdict("panics"), "FAILED");
    let details = details("panics");
    assert!(details.contains("a word on stdout before it"), "{details}");
    assert!(details.contains("the sentence the harness has to show"), "{details}");
    assert_eq!(run().1.status.code(), Some(101), "a failure is the harness's own failure");
}

fn a_hanging_test_is_killed_with_all_its_processes() {
    assert_eq!(verdict("hangs"), "FAILED");
    assert!(details("hangs").contains("did not end within its timeout"), "{}", details("hangs"));
    assert_eq!(verdict("passes_after_a_hang_with_nothing_left_of_it"), "ok");
}

fn a_crashed_guest_is_replaced() {
    assert_eq!(verdict("crashes_the_kernel"), "FAILED");
    let details = details("crashes_the_kernel");
    assert!(details.contains("the guest went down during the test"), "{details}");
    assert!(details.contains("a word on stdout before the crash"), "{details}");
    assert!(details.contains("sysrq triggered crash"), "{details}");
    assert_eq!(verdict("passes_after_a_crash"), "ok");
}

fn a_guest_that_does_not_answer_is_replaced() {
    assert_eq!(verdict("freezes_the_agent"), "FAILED");
    assert!(
        details("freezes_the_agent").contains("the guest did not answer any more"),
        "{}",
        details("freezes_the_agent")
    );
    assert_eq!(verdict("passes_after_a_freeze"), "ok");
}

fn a_kernel_bug_fails_the_test_that_met_it() {
    assert_eq!(verdict("makes_the_kernel_complain"), "FAILED");
    let details = details("makes_the_kernel_complain");
    assert!(details.contains("BUG: as if a driver had gone wrong"), "{details}");
    assert_eq!(verdict("passes_after_a_complaint"), "ok");
}
