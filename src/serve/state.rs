//! What is told of everything: `/state`, and the same over the WebSocket.

use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

use super::stage::{Part, Stage};
use crate::capture::MuteReason;
use crate::stream::Medium;

/// The document of `/state`: what ustreamer (github.com/pikvm/ustreamer) says there, by its names, and ours beside it under
/// `result.video`, `result.audio` and `result.serve`.
pub(super) fn document(stage: &Stage) -> Value {
    json!({ "ok": true, "result": result(stage) })
}

/// The same as a message of the WebSocket.
pub(super) fn message(stage: &Stage) -> String {
    json!({ "type": "state", "state": result(stage) }).to_string()
}

/// The devices as a message of the WebSocket.
pub(super) fn devices_message(stage: &Stage) -> String {
    json!({ "type": "devices", "devices": stage.parts().devices }).to_string()
}

/// The devices document.
pub(super) fn devices(stage: &Stage) -> Value {
    json!({ "devices": stage.parts().devices })
}

fn result(stage: &Stage) -> Value {
    let hub = &stage.hub;
    let viewers = hub.viewers();
    let looking: Vec<_> = viewers.iter().filter(|viewer| viewer.wants().pictures).collect();
    let clients: Map<String, Value> = looking
        .iter()
        .map(|viewer| {
            let client = json!({
                "fps": viewer.sent.rate(), "extra_headers": false, "advance_headers": false,
                "dual_final_frames": false, "zero_data": false, "key": "0",
                "kind": viewer.kind, "sent": viewer.sent.total(), "skipped": viewer.skipped.load(Ordering::Relaxed),
            });
            (format!("{:x}", viewer.id), client)
        })
        .collect();
    let parts = stage.parts();
    let settings = parts.video.track.as_ref().map(|track| track.settings());
    let is_live = parts.video.track.as_ref().is_some_and(|track| !track.muted());
    let (width, height) = settings.as_ref().map_or((0, 0), |settings| (settings.width, settings.height));
    let rate = settings.as_ref().and_then(|settings| settings.frame_rate).map_or(0.0, |rate| rate.as_f64());
    let own_jpeg = settings.as_ref().and_then(|settings| settings.fourcc).is_some_and(|fourcc| fourcc.is_jpeg());
    let synthetic = settings.as_ref().is_some_and(|settings| settings.synthetic)
        || parts.audio.track.as_ref().is_some_and(|track| track.settings().synthetic);
    let video = part(&parts.video, |settings| json!(settings));
    let audio = part(&parts.audio, |settings| json!(settings));
    drop(parts);
    json!({
        "instance_id": "",
        "encoder": { "type": if own_jpeg { "HW" } else { "CPU" }, "quality": stage.quality },
        "source": {
            "resolution": { "width": width, "height": height },
            "online": is_live,
            // Ours and finite; a cast of any other would saturate.
            "desired_fps": rate.round() as u64,
            "captured_fps": hub.captured.rate(),
        },
        "stream": { "queued_fps": hub.shown.rate(), "clients": clients.len(), "clients_stat": clients },
        "video": video,
        "audio": audio,
        "microphoneAgainstCameraPpm": stage.statistics().microphone_against_camera_ppm(),
        "serve": {
            "viewers": viewers.len(),
            "shown": hub.shown.total(),
            "encoded": hub.encoded.load(Ordering::Relaxed),
            "lent": hub.lent.load(Ordering::Relaxed),
            "copied": hub.copied.load(Ordering::Relaxed),
            "unusable": hub.unusable.load(Ordering::Relaxed),
            "problem": hub.problem(),
        },
        "synthetic": synthetic,
    })
}

/// One kind of media. `state` is `live`, `muted` (with the `reason`), `missing` (with the `error`), `starting` or `off`.
fn part<M: Medium>(part: &Part<M>, settings: impl Fn(&M::Settings) -> Value) -> Value
where
    M::Statistics: serde::Serialize,
{
    let muted = part.track.as_ref().and_then(|track| track.mute_reason());
    let state = match (&part.track, muted) {
        (Some(_), Some(_)) => "muted",
        (Some(_), None) => "live",
        (None, _) if part.error.is_some() => "missing",
        (None, _) if part.asked.is_requested() => "starting",
        (None, _) => "off",
    };
    let track = part.track.as_ref();
    json!({
        "state": state,
        "reason": muted.map(MuteReason::as_str),
        "error": part.error,
        "opened": part.opened,
        "label": track.map(|track| track.label().to_owned()),
        "settings": track.map(|track| settings(&track.settings())),
        "source": track.map(|track| track.statistics()),
        "consumers": track.map(|track| track.consumer_statistics()),
        "events": track.map(|track| track.recovery_events()),
    })
}
