//! The result as JSON.

use serde_json::{Map, Value, json};

use crate::bench::{Inside, Plan, Results, Runs, Series};

/// The last line: everything, in seconds, bytes and frames.
pub(super) fn result(plan: &Plan, results: &Results, ended_by: &str) -> Value {
    let ours = results.programs.first();
    let programs: Vec<Value> = results.programs.iter().map(|runs| program(runs, ours)).collect();
    json!({
        "ok": ours.is_some_and(|ours| ours.refused.is_none()) && !results.interrupted,
        "event": "result", "endedBy": ended_by,
        "target": plan.target.to_json(),
        "plan": {
            "frames": plan.frames, "warmUp": plan.warm_up, "runs": plan.runs,
            "load": plan.load.map(|load| load.as_str()),
        },
        "environment": results.environment.to_json(),
        "warning": plan.target.warning(),
        "programs": programs,
        "inside": results.inside.iter().map(inside).collect::<Vec<_>>(),
    })
}

fn series(series: &Series) -> Value {
    let range = series.range();
    json!({
        "median": series.median(), "min": range.map(|range| range.0), "max": range.map(|range| range.1),
        "runs": series.values(),
    })
}

fn program(runs: &Runs, ours: Option<&Runs>) -> Value {
    let mut document = json!({
        "name": runs.program.as_str(), "version": runs.version, "command": runs.command, "refused": runs.refused,
        "remark": runs.program.remark(),
        "frameRate": series(&runs.rate), "cpuPerFrame": series(&runs.cpu), "firstFrame": series(&runs.first_frame),
        "privateMemory": series(&runs.private), "driverMemory": series(&runs.driver), "driverMappings": runs.mappings,
        "syscallsPerFrame": runs.counts.and_then(|counts| counts.syscalls),
        "instructionsPerFrame": runs.counts.and_then(|counts| counts.instructions),
        "allocationsPerFrame": runs.counts.and_then(|counts| counts.allocations),
    });
    if let Some(ours) = ours.filter(|ours| ours.program != runs.program) {
        document["usermediaOverThis"] = json!({
            "cpuPerFrame": series(&ours.cpu.over(&runs.cpu)),
            "firstFrame": series(&ours.first_frame.over(&runs.first_frame)),
            "privateMemory": series(&ours.private.over(&runs.private)),
        });
    }
    document
}

fn inside(inside: &Inside) -> Value {
    let seconds = |nanoseconds: u64| nanoseconds as f64 / 1e9;
    let losses: Map<String, Value> =
        inside.losses.named().into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect();
    json!({
        "age": {
            "p50": inside.age(500).map(seconds), "p99": inside.age(990).map(seconds), "max": inside.age(1000).map(seconds),
        },
        "producerAge": {
            "p50": inside.stamped_age(500).map(seconds), "p99": inside.stamped_age(990).map(seconds),
            "max": inside.stamped_age(1000).map(seconds),
        },
        "jitter": inside.jitter().map(|jitter| jitter / 1e9),
        "timeToFirstFrame": Some(inside.first_frame).filter(|&first| first > 0).map(seconds),
        "delivered": inside.delivered, "copied": inside.copied, "bytesCopied": inside.bytes_copied,
        "losses": losses,
    })
}
