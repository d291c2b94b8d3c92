//! How much memory reading a document takes: at most 64 times its length and 64 KiB, whoever wrote it. Counted in a
//! process of its own.

#![cfg(feature = "json")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use usermedia::constraints::MediaStreamConstraints;
use usermedia::devices::read_devices;

/// Counts what is held, and the most that ever was. A block that is moved counts twice while it is.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(size: usize) {
    let held = HELD.fetch_add(size, Ordering::Relaxed) + size;
    PEAK.fetch_max(held, Ordering::Relaxed);
}

// SAFETY: every call is handed to the system's allocator as it is; counting touches no memory of the caller. `realloc` is
// the trait's own, which allocates, copies and frees.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `dealloc`; the block came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that `read` holds beyond what was held before.
fn peak<T>(read: impl FnOnce() -> T) -> (usize, T) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let value = read();
    (PEAK.load(Ordering::Relaxed) - before, value)
}

/// `head`, then `unit` as often as fits into `length`, with commas between, then `tail`.
fn repeat(head: &str, unit: &str, tail: &str, length: usize) -> String {
    let count = (length.saturating_sub(head.len() + tail.len()) + 1) / (unit.len() + 1);
    format!("{head}{}{tail}", vec![unit; count.max(1)].join(","))
}

/// Parts of a document that cost more in memory than on paper.
const UNITS: [&str; 26] = [
    "0",
    "[]",
    "{}",
    "null",
    r#""""#,
    "[[],[],[]]",
    r#"{"":0}"#,
    r#"{"a":{"b":{}}}"#,
    r#"{"width":1}"#,
    r#"{"width":{"min":1}}"#,
    r#"{"frameRate":1}"#,
    r#"{"deviceId":""}"#,
    r#"{"deviceId":[]}"#,
    r#"{"deviceId":["",""]}"#,
    r#"{"width":1,"height":1,"aspectRatio":1,"frameRate":1,"deviceId":"","groupId":""}"#,
    r#"{"echoCancellation":""}"#,
    r#"{"kind":"videoinput","deviceId":""}"#,
    r#"{"kind":"audioinput","deviceId":"","sampleRate":[1],"sampleFormats":[""]}"#,
    r#"{"kind":"videoinput","deviceId":"","unusable":{"reason":"","holder":{}}}"#,
    r#"{"kind":"videoinput","deviceId":"","modes":[{"fourcc":"A","width":1,"height":1}]}"#,
    r#"{"kind":"audiooutput"}"#,
    r#"{"fourcc":"A","width":1,"height":1}"#,
    r#"{"fourcc":"A","width":1,"height":1,"frameRates":[]}"#,
    r#"{"fourcc":"A","width":1,"height":1,"frameRates":["1"]}"#,
    "1",
    r#""1""#,
];

/// Where such parts can stand.
const PLACES: [(&str, &str); 19] = [
    ("[", "]"),
    (r#"{"video":["#, "]}"),
    (r#"{"video":{"advanced":["#, "]}}"),
    (r#"{"video":{"deviceId":["#, "]}}"),
    (r#"{"video":{"deviceId":{"exact":["#, "]}}}"),
    (r#"{"video":{"optional":["#, "]}}"),
    (r#"{"video":{"mandatory":{"a":["#, "]}}}"),
    (r#"{"video":{"mandatory":{"pixelFormat":{"exact":["#, "]}}}}"),
    (r#"{"video":{"unknown":["#, "]}}"),
    (r#"{"unknown":["#, "]}"),
    (r#"{"devices":["#, "]}"),
    (r#"{"devices":[{"kind":"videoinput","deviceId":"a","modes":["#, "]}]}"),
    (r#"{"devices":[{"kind":"videoinput","deviceId":"a","unknown":["#, "]}]}"),
    (r#"{"devices":[{"kind":"audioinput","deviceId":"a","sampleRate":["#, "]}]}"),
    (r#"{"devices":[{"kind":"audioinput","deviceId":"a","channelCount":["#, "]}]}"),
    (r#"{"devices":[{"kind":"audioinput","deviceId":"a","sampleFormats":["#, "]}]}"),
    (
        r#"{"devices":[{"kind":"videoinput","deviceId":"a","modes":[{"fourcc":"A","width":1,"height":1,"frameRates":["#,
        "]}]}]}",
    ),
    (r#"{"devices":[{"kind":["#, "]}]}"),
    (r#"{"devices":[{"kind":"videoinput","deviceId":"a","label":["#, "]}]}"),
];

/// Members repeated in one object.
const MEMBERS: [(&str, &str, &str); 8] = [
    ("{", r#""":0"#, "}"),
    ("{", r#""video":{"width":1}"#, "}"),
    (r#"{"video":{"#, r#""width":1"#, "}}"),
    (r#"{"video":{"#, r#""advanced":[{"width":1}]"#, "}}"),
    (r#"{"video":{"mandatory":{"#, r#""":0"#, "}}}"),
    (r#"{"video":{"mandatory":{"#, r#""a":{}"#, "}}}"),
    ("{", r#""devices":[]"#, "}"),
    (r#"{"devices":[{"kind":"videoinput","deviceId":"a","#, r#""modes":[]"#, "}]}"),
];

/// Whether either reader took it: what is refused at its first element costs nothing, however long it is.
fn check(document: &str) -> bool {
    let most = 64 * document.len() + (64 << 10);
    let shown: String = document.chars().take(100).collect();
    let (bytes, constraints) = peak(|| MediaStreamConstraints::from_json(document).is_ok());
    assert!(bytes <= most, "constraints: {bytes} bytes for {} of {shown}", document.len());
    let (bytes, devices) = peak(|| read_devices(document).is_ok());
    assert!(bytes <= most, "devices: {bytes} bytes for {} of {shown}", document.len());
    constraints || devices
}

/// One test, so that no other one allocates meanwhile.
#[test]
fn reading_takes_at_most_64_times_the_document() {
    const LONGEST: usize = 1 << 20;
    for (head, tail) in PLACES {
        for unit in UNITS {
            // What is held grows with the document: a larger one would only take longer.
            for length in [0, 1 << 10, 40 << 10] {
                if !check(&repeat(head, unit, tail, length)) {
                    break;
                }
            }
        }
    }
    for (head, unit, tail) in MEMBERS {
        for length in [0, 40 << 10] {
            check(&repeat(head, unit, tail, length));
        }
    }
    for text in ["a", "\\u0000", "\\n", "€", "\\ud800", "\\"] {
        for length in [100, 40 << 10] {
            let text = text.repeat(length / text.len());
            check(&format!("{{\"{text}\":0,\"video\":{{\"deviceId\":\"{text}\"}}}}"));
            check(&format!("{{\"video\":{{\"mandatory\":{{\"{text}\":\"{text}\"}}}}}}"));
            check(&format!("{{\"video\":{{\"width\":\"{text}\"}}}}"));
            check(&format!("{{\"devices\":[{{\"kind\":\"videoinput\",\"deviceId\":\"{text}\"}}]}}"));
        }
    }
    check(&"[".repeat(LONGEST));
    check(&"{\"a\":".repeat(LONGEST / 5));
    check(&format!("{{\"video\":{{\"width\":1{}}}}}", "0".repeat(LONGEST - 100)));
    check(&format!("{}{{}}", " ".repeat(LONGEST - 2)));
    // Only what is read is in question if the figures above can be reached at all.
    let document = repeat(r#"{"video":{"advanced":["#, r#"{"width":1}"#, "]}}", 1 << 20);
    let (bytes, read) = peak(|| MediaStreamConstraints::from_json(&document));
    assert!(read.is_ok() && bytes > document.len(), "the counter counts");
    println!("{:.1} times the document for advanced sets of one constraint", bytes as f64 / document.len() as f64);
}
