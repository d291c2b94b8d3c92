//! Streams: what is seen and heard, what tracks say of themselves, and what becomes of them when the service goes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::service::Service;
use crate::site::Site;

pub fn pictures_and_sound_are_those_of_the_service(engine: Engine) {
    let service = Service::start(&["--origin", "http://localhost:1", "--permission", "{folder}/policy"]);
    let site = Site::http("localhost", &service);
    service.write("policy", &format!("allow any *\nallow origin {}\n", site.origin));
    let Some(browser) = engine.start() else { return };
    browser.go_to(&site.origin);
    let seen = browser.run(
        "const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { exact: 640 } }, audio: true });
         window.stream = stream;
         await show(stream);
         const numbers = [await nextNumber(-1)];
         while (numbers.length < 12) numbers.push(await nextNumber(numbers.at(-1)));
         const [track] = stream.getVideoTracks();
         const [microphone] = stream.getAudioTracks();
         const pixel = document.createElement('canvas').getContext('2d');
         const colours = [0, 1, 2].map((bar) => {
           pixel.drawImage(video, 80 * bar + 40, 100, 1, 1, 0, 0, 1, 1);
           return [...pixel.getImageData(0, 0, 1, 1).data.slice(0, 3)];
         });
         return {
           numbers, colours, size: [video.videoWidth, video.videoHeight], settings: track.getSettings(), label: track.label,
           isStream: stream instanceof MediaStream, kinds: stream.getTracks().map(({ kind }) => kind).sort(),
           readyState: track.readyState, muted: track.muted, constraints: track.getConstraints(),
           capabilities: track.getCapabilities(), microphone: microphone.getSettings(), heard: microphone.label,
           devices: (await navigator.mediaDevices.enumerateDevices()).map((device) => device.toJSON()),
           supported: navigator.mediaDevices.getSupportedConstraints(), statistics: usermedia.statistics(),
         };",
    );
    let numbers: Vec<u64> = seen["numbers"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    assert!(numbers.len() == 12 && numbers.is_sorted(), "{numbers:?}");
    // Grey, yellow, cyan: the colours are those of the camera.
    for (colour, lit) in seen["colours"].as_array().unwrap().iter().zip([[1, 1, 1], [1, 1, 0], [0, 1, 1]]) {
        for (value, lit) in colour.as_array().unwrap().iter().zip(lit) {
            assert!(
                if lit == 1 { value.as_u64() > Some(150) } else { value.as_u64() < Some(40) },
                "{}",
                seen["colours"]
            );
        }
    }
    assert_eq!(seen["size"], json!([640, 480]));
    assert_eq!((&seen["isStream"], &seen["kinds"]), (&json!(true), &json!(["audio", "video"])));
    assert_eq!(
        (&seen["readyState"], &seen["muted"], &seen["label"]),
        (&json!("live"), &json!(false), &json!("Synthetic camera"))
    );
    let settings = &seen["settings"];
    assert_eq!(
        (&settings["width"], &settings["height"], &settings["frameRate"]),
        (&json!(640), &json!(480), &json!(30))
    );
    assert_eq!(settings["deviceId"], "synthetic-camera");
    assert_eq!(seen["constraints"], json!({ "width": { "exact": 640 } }));
    assert!(seen["capabilities"]["width"]["max"].as_u64() >= Some(1280), "{}", seen["capabilities"]);
    assert_eq!((&seen["microphone"]["sampleRate"], &seen["heard"]), (&json!(48_000), &json!("Synthetic microphone")));
    // Its blocks are short, without anybody's having said so.
    assert_eq!(seen["microphone"]["latency"], 0.01);
    let devices: Vec<_> =
        seen["devices"].as_array().unwrap().iter().map(|it| (&it["kind"], &it["deviceId"], &it["label"])).collect();
    let (camera, microphone) = (json!("videoinput"), json!("audioinput"));
    assert_eq!(
        devices,
        [
            (&camera, &json!("synthetic-camera"), &json!("Synthetic camera")),
            (&microphone, &json!("synthetic-microphone"), &json!("Synthetic microphone")),
        ]
    );
    assert_eq!((&seen["supported"]["width"], &seen["supported"]["madeUp"]), (&json!(true), &Value::Null));
    eprintln!("{engine:?}: {}", seen["statistics"]);

    // The built-in microphone's tone is concert pitch.
    browser.run("await hear(stream, 440);");

    // The camera is changed where it runs, and what is seen changes with it.
    let changed = browser.run(
        "const [track] = stream.getVideoTracks();
         await track.applyConstraints({ width: { exact: 320 }, height: { exact: 240 } });
         await eventually('the other size', () => video.videoWidth === 320);
         const { width, height } = track.getSettings();
         return { width, height, number: await nextNumber(-1), constraints: track.getConstraints() };",
    );
    assert_eq!((&changed["width"], &changed["height"]), (&json!(320), &json!(240)));
    assert_eq!(changed["constraints"], json!({ "width": { "exact": 320 }, "height": { "exact": 240 } }));

    // Nothing is sent to whoever has stopped.
    assert_eq!(service.looking(), 1);
    let stopped = browser.run(
        "const clone = stream.clone();
         stream.getTracks().forEach((track) => track.stop());
         const between = clone.active;
         const [track] = clone.getVideoTracks();
         clone.getTracks().forEach((one) => one.stop());
         return { between, after: clone.active, states: stream.getTracks().map(({ readyState }) => readyState), own: track.readyState };",
    );
    assert_eq!(stopped, json!({ "between": true, "after": false, "states": ["ended", "ended"], "own": "ended" }));
    browser.run("await eventually('nobody looks', () => usermedia.statistics().audio.context === null);");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while service.looking() > 0 {
        assert!(std::time::Instant::now() < deadline, "pictures are sent to nobody");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

pub fn the_2012_form_gives_a_stream_that_plays(engine: Engine) {
    let mut service = Service::start(&[]);
    let site = Site::http("127.0.0.1", &service);
    service.list(&site.origin);
    let Some(browser) = engine.start() else { return };
    browser.go_to(&site.origin);
    let seen = browser.run(
        "let isLater = false;
         const stream = await new Promise((success, error) => {
           navigator.getUserMedia({ video: { mandatory: { maxWidth: 320 }, optional: [{ minFrameRate: 15 }] } },
             (given) => { success({ given, isLater }); }, error);
           isLater = true;
         });
         await show(stream.given);
         const first = await nextNumber(-1);
         const next = await nextNumber(first);
         const size = [video.videoWidth, video.videoHeight];
         stream.given.stop();
         return { isLater: stream.isLater, first, next, size, active: stream.given.active };",
    );
    assert_eq!((&seen["isLater"], &seen["active"]), (&json!(true), &json!(false)));
    assert!(seen["next"].as_u64() > seen["first"].as_u64(), "{seen}");
    assert_eq!(seen["size"], json!([320, 240]));
}

pub fn a_restart_of_the_service_mutes_the_tracks_and_they_go_on(engine: Engine) {
    let mut service = Service::start(&[]);
    let site = Site::http("127.0.0.1", &service);
    service.list(&site.origin);
    let Some(browser) = engine.start() else { return };
    browser.go_to(&site.origin);
    browser.run(
        "window.stream = await navigator.mediaDevices.getUserMedia({ video: { width: { exact: 320 } }, audio: true });
         window.events = [];
         for (const track of stream.getTracks()) {
           track.onmute = () => events.push(`${track.kind} mute ${track.muteReason}`);
           track.addEventListener('unmute', () => events.push(`${track.kind} unmute`));
           track.onended = () => events.push(`${track.kind} ended`);
         }
         await show(stream);
         await nextNumber(-1);
         await eventually('both are heard of', () => stream.getTracks().every(({ muted }) => !muted));
         events.length = 0;",
    );
    service.kill();
    let muted = browser.run(
        "await eventually('both are muted', () => stream.getTracks().every(({ muted }) => muted));
         window.last = numberIn(video);
         return events.splice(0).sort();",
    );
    assert_eq!(muted, json!(["audio mute disconnected", "video mute disconnected"]));
    service.start_again();
    let seen = browser.run(
        "await eventually('both go on', () => stream.getTracks().every(({ muted }) => !muted));
         const number = await eventually('another picture', () => {
           const read = numberIn(video);
           return read !== null && read !== window.last ? read : null;
         });
         return { after: await nextNumber(number) - number, states: stream.getTracks().map(({ readyState }) => readyState),
           events: events.filter((event) => event.endsWith('unmute') || event.endsWith('ended')),
           width: stream.getVideoTracks()[0].getSettings().width, same: video.srcObject === stream };",
    );
    assert!(seen["after"].as_u64() > Some(0), "{seen}");
    assert_eq!((&seen["states"], &seen["same"]), (&json!(["live", "live"]), &json!(true)));
    // What the page had asked for was asked of the new service, too.
    assert_eq!(seen["width"], 320);
    browser.run("await hear(stream, 440);");
}

pub fn an_element_is_heard_as_loud_as_it_says(engine: Engine) {
    let mut service = Service::start(&[]);
    let site = Site::http("127.0.0.1", &service);
    service.list(&site.origin);
    let Some(browser) = engine.start_heard() else { return };
    let ear = browser.speaker().ear();
    browser.go_to(&site.origin);
    browser.run(
        "window.stream = await navigator.mediaDevices.getUserMedia({ video: { width: { exact: 320 } }, audio: true });
         await show(stream);
         video.muted = false;
         window.volume = () => usermedia.statistics().audio.volume;
         window.becomes = (wanted) => eventually(`a volume of ${wanted}`, () => volume() === wanted);
         await becomes(1);",
    );
    assert!(ear.hears(Duration::from_secs(60)), "nothing comes out of the loudspeaker");
    assert!(browser.speaker().is_smooth_within(Duration::from_secs(60)), "each second has a click");
    let seen = browser.run(
        "const [track] = stream.getAudioTracks();
         const heard = {};
         video.volume = 0.5;
         await becomes(0.5);
         video.pause();
         await becomes(0);
         await video.play();
         await becomes(0.5);
         // What a page does to a track or a stream is done to what is heard.
         track.enabled = false;
         heard.disabled = [track.enabled, volume()];
         track.enabled = true;
         stream.removeTrack(track);
         heard.removed = volume();
         stream.addTrack(track);
         heard.added = volume();
         // The element has what the page gave it, and a page that looks finds it so.
         heard.same = video.srcObject === stream;
         video.srcObject = null;
         heard.taken = [video.srcObject, volume()];
         video.srcObject = new MediaStream([stream.getVideoTracks()[0]]);
         await video.play();
         heard.pictures = volume();
         await show(stream);
         await becomes(0.5);
         video.muted = true;
         await becomes(0);
         return heard;",
    );
    let wanted = json!({
        "disabled": [false, 0], "removed": 0, "added": 0.5, "same": true, "taken": [null, 0], "pictures": 0,
    });
    assert_eq!(seen, wanted);
    // What was on its way has come out by then.
    std::thread::sleep(Duration::from_secs(2));
    assert!(!ear.hears(Duration::from_secs(3)), "a muted element is heard");
    // A stream may get its tracks when an element has it already, sound first or pictures first.
    let grown = browser.run(
        "const [[sound], [picture]] = [stream.getAudioTracks(), stream.getVideoTracks()];
         video.muted = false;
         const grown = [];
         for (const tracks of [[picture, sound], [sound, picture]]) {
           const made = new MediaStream();
           video.srcObject = made;
           video.play().catch(() => {});
           await becomes(0);
           for (const track of tracks) {
             made.addTrack(track);
             await new Promise((done) => setTimeout(done, 200));
           }
           // WebKitGTK's pipeline makes 0.5000012 of 0.5, of which the element says that it is its volume.
           await eventually('half as loud', () => volume() === video.volume && Math.abs(video.volume - 0.5) < 0.001);
           await eventually('a picture', () => video.readyState >= 2 && video.videoWidth === 320 && !video.paused);
           grown.push(video.srcObject === made);
         }
         video.srcObject = null;
         return grown;",
    );
    assert_eq!(grown, json!([true, true]));
    // Sound alone is heard as well, by whichever way.
    browser.run(
        "window.own = new Audio();
         own.srcObject = new MediaStream(stream.getAudioTracks());
         await own.play();",
    );
    assert!(ear.hears(Duration::from_secs(60)), "sound without pictures is not heard");
}
