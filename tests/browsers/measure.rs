//! Figures for docs/usermedia-js.md, from outside of the browser: when a picture is on the screen, and when a sound comes out.
//! Nothing is asserted of a time.

use std::time::Duration;
use std::{env, fs, thread};

use serde_json::Value;

use crate::engine::{Browser, Engine};
use crate::screen::{self, Eye};
use crate::service::Service;
use crate::site::{HELPERS, Site};

/// Pictures a second.
const RATE: f64 = 30.0;

pub fn measure(engine: Engine) {
    let seconds: u64 = env::var("USERMEDIA_MEASURE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let mut service = Service::start(&["--width", "1280", "--height", "720"]);
    let site = Site::http("127.0.0.1", &service);
    service.list(&site.origin);
    let Some(browser) = engine.start_seen() else { return };
    browser.spread(screen::SIZE);
    live_page(&browser, &service, engine);
    browser.go_to(&site.origin);
    browser.run(
        "document.body.style.margin = 0;
         window.stream = await navigator.mediaDevices.getUserMedia({ video: { width: { exact: 1280 } }, audio: true });
         video.muted = false;
         await show(stream);
         await nextNumber(-1);",
    );
    // The first seconds are those of a start.
    thread::sleep(Duration::from_secs(10));
    let known = || {
        browser.run(
            "const number = await nextNumber(-1);
             return [number, performance.now() + usermedia.statistics().clock.offset - usermedia.ageOf(number)];",
        )
    };
    let before = (memory(&browser), known());
    let stamps = Stamps::of(&before.1);
    let eye = stamps.look(&browser, 1280);
    let ear = browser.speaker().ear();
    browser.run("usermedia.reset();");
    for minute in 0..seconds.div_ceil(60) {
        thread::sleep(Duration::from_secs(60.min(seconds - minute * 60)));
        let statistics = browser.run(
            "return JSON.stringify({ heap: performance.memory ? performance.memory.usedJSHeapSize : null, ...usermedia.statistics() });",
        );
        println!(
            "{engine:?} minute {}: {} MiB {}",
            minute + 1,
            memory(&browser) >> 10,
            statistics.as_str().expect("text")
        );
    }
    let (seen, heard) = (eye.seen(), ear.heard());
    assert_eq!(stamps.first, Stamps::of(&known()).first, "the camera counts what it takes by its clock");
    println!("{engine:?} after {seconds} s: {} MiB before, {} MiB now", before.0 >> 10, memory(&browser) >> 10);
    let seen = stamps.ages(&seen);
    println!("{engine:?} seen: {}", summary(&seen));
    // Ticks begin at whole seconds of the clock (src/capture/synthetic/beat.rs).
    let heard: Vec<_> = heard.iter().map(|time| time % 1000.0).collect();
    println!("{engine:?} heard: {}", summary(&heard));
    let middle = quantile(&seen, 0.5);
    println!("{engine:?} heard after seen: {}", summary(&heard.iter().map(|age| age - middle).collect::<Vec<_>>()));
}

/// The service's own page: its messages carry the stamps, its canvas the numbers.
fn live_page(browser: &Browser, service: &Service, engine: Engine) {
    browser.go_to(&format!("{}/?token={}", service.url(), service.token));
    // The page's policy lets no other script in: they are part of this one.
    let known = browser.run(&format!(
        "{HELPERS}
         const stamps = new Map();
         const shownBefore = onBinary;
         window.onBinary = (data) => {{
           const head = new DataView(data, 0, 40);
           if (head.getUint8(0) === 1) stamps.set(Number(head.getBigUint64(8, true)), Number(head.getBigUint64(16, true)) / 1e6);
           shownBefore(data);
         }};
         const view = document.getElementById('view');
         await pause(10000);
         view.scrollIntoView();
         const number = await eventually('a number', () => {{
           const read = numberIn(view);
           return stamps.has(read) ? read : null;
         }});
         window.onBinary = shownBefore;
         return [number, stamps.get(number), view.getBoundingClientRect().width];"
    ));
    let stamps = Stamps::of(&known);
    let eye = stamps.look(browser, known[2].as_f64().expect("a width").round() as usize);
    thread::sleep(Duration::from_secs(20));
    println!("{engine:?} live page seen: {}", summary(&stamps.ages(&eye.seen())));
}

/// When pictures were taken, by their numbers: the built-in camera takes them at even parts of its clock's seconds.
struct Stamps {
    /// How many of those the clock had had when number 0 was taken.
    first: f64,
    number: u32,
}

impl Stamps {
    /// From a number and about when that was taken, in milliseconds.
    fn of(known: &Value) -> Self {
        let (number, stamp) = (known[0].as_u64().expect("a number"), known[1].as_f64().expect("a stamp"));
        let number = u32::try_from(number).expect("of 32 bits");
        Self { first: (stamp * RATE / 1000.0).round() - f64::from(number), number }
    }

    /// Looks at pictures of that width. The screen may be behind the page, where one of them was known some moments ago.
    fn look(&self, browser: &Browser, width: usize) -> Eye {
        browser.screen().eye(width, self.number.saturating_sub(300)..self.number + 300)
    }

    fn ages(&self, seen: &[(u32, f64)]) -> Vec<f64> {
        seen.iter().map(|(number, time)| time - (self.first + f64::from(*number)) * 1000.0 / RATE).collect()
    }
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((part * last) as usize).copied().unwrap_or(f64::NAN)
}

fn summary(values: &[f64]) -> String {
    let [p5, p50, p95, p99, max] = [0.05, 0.5, 0.95, 0.99, 1.0].map(|part| quantile(values, part));
    format!("p5 {p5:.1} p50 {p50:.1} p95 {p95:.1} p99 {p99:.1} max {max:.1} ms of {}", values.len())
}

/// The memory of everything the driver started, in KiB: shared pages by their share.
fn memory(browser: &Browser) -> u64 {
    let processes: Vec<(u32, u32)> = fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|process: u32| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            Some((process, stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect();
    let mut tree = vec![browser.driver()];
    let mut at = 0;
    while at < tree.len() {
        let parent = tree[at];
        tree.extend(processes.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
        at += 1;
    }
    let share = |process: &u32| {
        let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    tree.iter().filter_map(share).sum()
}
