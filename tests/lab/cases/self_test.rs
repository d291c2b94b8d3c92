//! The harness judged from outside: this binary run again with tests that misbehave, and what it says about them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use crate::cases::misbehaving;
use crate::guest::GRACE_VARIABLE;
use crate::harness::{Place, kernel_trouble};
use crate::machine::Leg;
use crate::protocol::Request;

/// The tests that make sense there: a machine somebody needs is neither crashed nor stopped.
pub fn tests(place: Place) -> Vec<(&'static str, fn())> {
    let mut tests: Vec<(&'static str, fn())> = vec![
        ("harness::a_request_reads_back_as_it_was_written", a_request_reads_back_as_it_was_written),
        ("harness::a_cut_off_request_is_refused", a_cut_off_request_is_refused),
        ("harness::a_complaint_of_the_kernel_is_told_from_its_chatter", a_complaint_is_told_from_chatter),
        ("harness::a_panic_fails_its_test_and_is_shown", a_panic_fails_its_test_and_is_shown),
        ("harness::a_hanging_test_is_killed_with_all_its_processes", a_hanging_test_is_killed_with_all_its_processes),
    ];
    if place != Place::Host && place != Place::Guest(Leg::VirtualTime) {
        tests.push(("harness::a_crashed_guest_is_replaced", a_crashed_guest_is_replaced));
    }
    if place != Place::Host {
        tests.extend([
            ("harness::a_guest_that_does_not_answer_is_replaced", a_guest_that_does_not_answer_is_replaced as fn()),
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
            // They come in turn: some look at what the one before them left.
            .args(["--test-threads", "1"])
            .env(GRACE_VARIABLE, "5")
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

fn request() -> Request {
    let odd = OsString::from_vec(vec![b'a', 0xff, b'\n', b' ', b'=']);
    Request {
        timeout: Duration::from_millis(1500),
        directory: PathBuf::from("/tmp/with space"),
        environment: vec![("EMPTY".into(), "".into()), ("ODD".into(), odd.clone())],
        command: vec!["program".into(), "".into(), odd],
    }
}

fn a_request_reads_back_as_it_was_written() {
    assert_eq!(Request::decode(&request().encode()).unwrap(), request());
}

fn a_cut_off_request_is_refused() {
    // Up to the program's name nothing can be left out; what follows it are its arguments, of which there may be fewer.
    let whole = request().encode();
    let name = whole.windows(8).position(|window| window == b"program\0").unwrap();
    for length in 0..name {
        assert!(Request::decode(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
    }
}

fn a_complaint_is_told_from_chatter() {
    let chatter = "[    1.0] vivid-000: V4L2 capture device registered as video0\n[    1.1] debugging enabled\n";
    assert_eq!(kernel_trouble(chatter), None);
    for complaint in [
        "BUG: unable to handle page fault for address: ffff",
        "kernel BUG at lib/list_debug.c:56!",
        "Oops: 0002 [#1] PREEMPT SMP NOPTI",
        "general protection fault, probably for non-canonical address",
        "refcount_t: underflow; use-after-free.",
        "INFO: task v4l2-ctl:123 blocked for more than 20 seconds.",
    ] {
        let log = format!("{chatter}[    2.0] {complaint}\n[    2.1] Call Trace:\n");
        assert_eq!(kernel_trouble(&log), Some(format!("[    2.0] {complaint}\n[    2.1] Call Trace:")));
    }
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
