//! The result as a person reads it: a column for each program, and below them what only ours can tell.

use std::time::Duration;

use crate::bench::{Inside, Plan, Results, Runs, Series};
use crate::cli::text;

/// How wide the column of names is, and one of figures.
const NAMES: usize = 15;
const COLUMN: usize = 15;

/// The whole of it.
pub(super) fn table(plan: &Plan, results: &Results) -> String {
    let width = text::width();
    let mut lines = Vec::new();
    let mut say = |name: &str, told: &str| lines.push(text::sentence(&format!("{name:<NAMES$}"), told, width));
    let environment = &results.environment;
    say(
        "camera",
        &format!("{} ({})", plan.target.label, if plan.target.synthetic { "built in" } else { &plan.target.path }),
    );
    say("mode", &plan.target.to_string());
    let load = environment.load.map_or_else(String::new, |load| format!(", load {load} before"));
    let governor = environment.governor.as_ref().map_or_else(String::new, |governor| format!(", governor {governor}"));
    let clock = environment.clock.as_ref().map_or_else(String::new, |clock| format!(", clock {clock}"));
    let (kernel, processor, count) = (&environment.kernel, &environment.processor, environment.processors);
    say("machine", &format!("Linux {kernel}, {count} x {processor}{governor}{clock}{load}"));
    environment.validity.caution().iter().for_each(|caution| say("", caution));
    plan.target.warning().iter().for_each(|warning| say("warning", warning));
    if plan.target.synthetic {
        say("", "the built-in camera paints its pictures in the same process: its work is counted as ours");
    }
    plan.load.iter().for_each(|load| say("load", load.as_str()));
    let told = format!(
        "{} of {} frames, less those of {}; medians (and ranges)",
        text::count(plan.runs.into(), "run"),
        plan.warm_up + plan.frames,
        plan.warm_up
    );
    say("runs", &told);
    lines.push(String::new());
    lines.extend(columns(results));
    lines.push(String::new());
    lines.extend(
        own(&results.inside).into_iter().map(|(name, told)| text::sentence(&format!("{name:<NAMES$}"), &told, width)),
    );
    lines.push(String::new());
    for runs in &results.programs {
        let name = format!("{:<NAMES$}", runs.program.as_str());
        let remark = runs.program.remark().map_or_else(String::new, |remark| format!(" It {remark}."));
        let told = match (&runs.refused, &runs.command) {
            (Some(why), _) => format!("not compared: {why}"),
            (None, Some(command)) => format!("{}: {command}{remark}", runs.version.as_deref().unwrap_or("unknown")),
            (None, None) => continue,
        };
        lines.push(text::sentence(&name, &told, width));
    }
    if results.interrupted {
        lines.push("interrupted: there are fewer runs than planned".to_owned());
    }
    lines.join("\n")
}

/// One figure of a program.
struct Figure {
    name: &'static str,
    value: fn(&Runs) -> Option<String>,
    /// Where ours divided by theirs says something.
    series: Option<fn(&Runs) -> &Series>,
}

const FIGURES: [Figure; 8] = [
    Figure { name: "frames/s", value: |runs| ranged(&runs.rate, 1.0, 2), series: None },
    Figure { name: "CPU/frame, µs", value: |runs| ranged(&runs.cpu, 1e6, 0), series: Some(|runs| &runs.cpu) },
    Figure {
        name: "one frame, ms",
        value: |runs| ranged(&runs.first_frame, 1e3, 0),
        series: Some(|runs| &runs.first_frame),
    },
    Figure { name: "private, MB", value: |runs| ranged(&runs.private, 1e-6, 1), series: Some(|runs| &runs.private) },
    Figure { name: "driver's, MB", value: driver, series: None },
    Figure { name: "syscalls/frame", value: |runs| count(runs.counts?.syscalls, 2), series: None },
    Figure { name: "instr./frame", value: |runs| count(runs.counts?.instructions, 0), series: None },
    Figure { name: "allocs/frame", value: |runs| count(runs.counts?.allocations, 2), series: None },
];

fn columns(results: &Results) -> Vec<String> {
    let compared: Vec<&Runs> = results.programs.iter().filter(|runs| runs.refused.is_none()).collect();
    let row = |name: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>COLUMN$}")).collect();
        format!("{name:<NAMES$}{cells}")
    };
    let mut lines = vec![row("", compared.iter().map(|runs| runs.program.as_str().to_owned()).collect())];
    for figure in &FIGURES {
        let cells: Vec<_> = compared.iter().map(|runs| (figure.value)(runs)).collect();
        // A tool that is not installed counts for nobody.
        if cells.iter().all(Option::is_none) {
            continue;
        }
        lines.push(row(figure.name, cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned())).collect()));
        if let (Some(series), Some((ours, peers))) =
            (figure.series, compared.split_first().filter(|(_, peers)| !peers.is_empty()))
        {
            let ratio =
                |peer: &&Runs| ranged(&series(ours).over(series(peer)), 1.0, 2).unwrap_or_else(|| "-".to_owned());
            let cells = std::iter::once(String::new()).chain(peers.iter().map(ratio)).collect();
            lines.push(row("  ours / theirs", cells));
        }
    }
    lines
}

/// `41.2 (40-43)`: the median and, of more than one run, the range.
fn ranged(series: &Series, unit: f64, decimals: usize) -> Option<String> {
    let (median, (least, most)) = (series.median()? * unit, series.range()?);
    if series.values().len() == 1 {
        return Some(format!("{median:.decimals$}"));
    }
    // As short as three figures of ten columns allow.
    let range = |value: f64| {
        let text = format!("{:.decimals$}", value * unit);
        if decimals > 1 { text.trim_start_matches('0').to_owned() } else { text }
    };
    let full = format!("{median:.decimals$} ({}-{})", range(least), range(most));
    Some(if full.chars().count() < COLUMN { full } else { format!("{median:.decimals$}") })
}

fn driver(runs: &Runs) -> Option<String> {
    let (bytes, mappings) = (runs.driver.median()?, runs.mappings?);
    Some(format!("{:.1} in {mappings}", bytes / 1e6))
}

fn count(count: Option<f64>, decimals: usize) -> Option<String> {
    count.map(|count| format!("{:.decimals$}", count.max(0.0)))
}

/// What our own process told of its frames, all runs together.
fn own(runs: &[Inside]) -> Vec<(&'static str, String)> {
    let series = || [Series::default(), Series::default(), Series::default()];
    let (mut ages, mut stamped, mut jitter) = (series(), series(), Series::default());
    let (mut delivered, mut copied, mut bytes) = (0, 0, 0);
    let mut losses: Vec<(&'static str, u64)> = Vec::new();
    for inside in runs {
        for (series, per_mille) in ages.iter_mut().zip([500, 990, 1000]) {
            inside.age(per_mille).into_iter().for_each(|age| series.push(age as f64));
        }
        for (series, per_mille) in stamped.iter_mut().zip([500, 990, 1000]) {
            inside.stamped_age(per_mille).into_iter().for_each(|age| series.push(age as f64));
        }
        inside.jitter().into_iter().for_each(|value| jitter.push(value));
        delivered += inside.delivered;
        copied += inside.copied;
        bytes += inside.bytes_copied;
        for (name, count) in inside.losses.named() {
            match losses.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += count,
                None => losses.push((name, count)),
            }
        }
    }
    let time = |series: &Series| series.median().map(|median| text::duration(Duration::from_nanos(median as u64)));
    let mut rows = Vec::new();
    for (name, [p50, p99, max], from) in [
        ("frame age", &ages, "driver's stamp to consumer"),
        ("from writer", &stamped, "stamp in the pixels to consumer"),
    ] {
        if let (Some(p50), Some(p99), Some(max)) = (time(p50), time(p99), time(max)) {
            rows.push((name, format!("{p50} median, {p99} p99, {max} at most; {from}, medians of the runs")));
        }
    }
    rows.extend(
        time(&jitter)
            .map(|jitter| ("jitter", format!("{jitter} (standard deviation of the intervals between arrivals)"))),
    );
    let lost: Vec<_> =
        losses.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    let lost = if lost.is_empty() { "none lost".to_owned() } else { lost.join(", ") };
    rows.push(("frames", format!("{delivered} delivered, {lost}")));
    rows.push(("copied", format!("{}, {}", text::count(copied, "frame"), text::bytes(bytes))));
    rows
}
