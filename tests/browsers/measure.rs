//! Figures for docs/usermedia-js.md: nothing is asserted of a time.

use std::fs;
use std::time::Duration;
use std::{env, thread};

use crate::engine::{Browser, Engine};
use crate::service::Service;
use crate::site::{HELPERS, Site};

pub fn measure(engine: Engine) {
    let seconds: u64 = env::var("USERMEDIA_MEASURE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let mut service = Service::start(&["--width", "1280", "--height", "720"]);
    let site = Site::http("127.0.0.1", &service);
    service.list(&site.origin);
    let Some(browser) = engine.start() else { return };
    live_page(&browser, &service, engine);
    browser.go_to(&site.origin);
    browser.run(
        "window.stream = await navigator.mediaDevices.getUserMedia({ video: { width: { exact: 1280 } }, audio: true });
         video.muted = false;
         await show(stream);
         await nextNumber(-1);
         window.found = observe(video, usermedia.ageOf);",
    );
    // The first seconds are those of a start.
    thread::sleep(Duration::from_secs(10));
    browser.run("usermedia.reset(); found.ages.length = 0; found.shown = 0;");
    let before = memory(&browser);
    let mut last = String::new();
    for minute in 0..seconds.div_ceil(60) {
        thread::sleep(Duration::from_secs(60.min(seconds - minute * 60)));
        last = browser
            .run(
                "return JSON.stringify({ seen: summary(found.ages), presented: found.shown,
                   heap: performance.memory ? performance.memory.usedJSHeapSize : null, ...usermedia.statistics() });",
            )
            .as_str()
            .expect("text")
            .to_owned();
        println!("{engine:?} minute {}: {} MiB {last}", minute + 1, memory(&browser) >> 10);
    }
    println!("{engine:?} after {seconds} s: {} MiB before, {} MiB now\n{last}", before >> 10, memory(&browser) >> 10);
    // Last, because who listens takes time from what is seen.
    browser.run("window.ticks = await listen(stream);");
    thread::sleep(Duration::from_secs(5));
    browser.run("usermedia.reset(); found.ages.length = 0; ticks.length = 0;");
    thread::sleep(Duration::from_secs(30));
    let skew = browser.run("return summary(skews(ticks, found.ages, usermedia.statistics().clock.offset));");
    println!("{engine:?} sound after picture: {skew}");
}

/// The service's own page: its messages carry the stamps, its canvas the numbers.
fn live_page(browser: &Browser, service: &Service, engine: Engine) {
    browser.go_to(&format!("{}/?token={}", service.url(), service.token));
    // The page's policy lets no other script in: they are part of this one.
    let seen = browser.run(&format!(
        "{HELPERS}
         const stamps = new Map();
         let offset = null;
         const shownBefore = onBinary;
         window.onBinary = (data) => {{
           const head = new DataView(data, 0, 40);
           if (head.getUint8(0) === 1) stamps.set(Number(head.getBigUint64(8, true)), Number(head.getBigUint64(16, true)) / 1e6);
           shownBefore(data);
         }};
         const address = new URL('ws?pictures=0&levels=0&state=0', location.href);
         address.protocol = 'ws:';
         const clock = new WebSocket(address);
         let best = Infinity;
         clock.onmessage = ({{ data }}) => {{
           const {{ ping, milliseconds }} = JSON.parse(data);
           const trip = performance.now() - ping;
           if (trip < best) {{ best = trip; offset = milliseconds - ping - trip / 2; }}
         }};
         clock.onopen = () => setInterval(() => clock.send(JSON.stringify({{ ping: performance.now() }})), 200);
         const found = observe(document.getElementById('view'), (number) =>
           (stamps.has(number) && offset !== null ? performance.now() + offset - stamps.get(number) : null));
         await pause(15000);
         return summary(found.ages.slice(found.ages.length / 10));"
    ));
    println!("{engine:?} live page: {seen}");
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
