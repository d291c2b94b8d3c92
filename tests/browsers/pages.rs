//! Which pages have the camera, and what several of them have of it.

use std::time::Duration;

use serde_json::json;

use crate::engine::{Engine, INSECURE_NAME};
use crate::service::Service;
use crate::site::Site;

pub fn two_pages_share_one_capture_and_none_takes_it_from_the_other(engine: Engine) {
    let mut service = Service::start(&[]);
    let site = Site::http("127.0.0.1", &service);
    service.list(&site.origin);
    let Some(browser) = engine.start() else { return };
    browser.go_to(&site.origin);
    let first = browser.window();
    browser.run("window.stream = await navigator.mediaDevices.getUserMedia({ video: { width: { exact: 320 } } });");
    browser.new_window();
    browser.go_to(&site.origin);
    let refused =
        browser.run("return failure(navigator.mediaDevices.getUserMedia({ video: { width: { exact: 640 } } }));");
    assert_eq!((&refused["name"], &refused["constraint"]), (&json!("OverconstrainedError"), &json!("width")));
    assert!(refused["message"].as_str().unwrap().contains("another page has the camera"), "{refused}");
    // A wish disturbs nobody, and what runs may do.
    let shared = browser.run(
        "window.stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: { max: 240 } } });
         return stream.getVideoTracks()[0].getSettings().width;",
    );
    assert_eq!(shared, 320);
    let state = service.state();
    assert_eq!((&state["video"]["opened"], &state["stream"]["clients"]), (&json!(1), &json!(2)));
    browser.switch_to(&first);
    browser.run("stream.getTracks().forEach((track) => track.stop());");
    // Whoever is the only one gets what it asks for.
    browser.run(
        "await eventually('it is let go of', async () => {
           try {
             window.stream = await navigator.mediaDevices.getUserMedia({ video: { height: { max: 240 } } });
             return true;
           } catch { return false; }
         });",
    );
}

pub fn only_listed_origins_get_in_and_a_policy_lists_them_at_once(engine: Engine) {
    let service = Service::start(&["--origin", "https://kiosk.example", "--permission", "{folder}/policy"]);
    let site = Site::http("localhost", &service);
    service.write("policy", "allow any *\n");
    let Some(browser) = engine.start() else { return };
    browser.go_to(&site.origin);
    let refused = browser.run("return failure(navigator.mediaDevices.getUserMedia({ video: true }));");
    assert_eq!(refused["name"], "NotReadableError");
    assert!(refused["remedy"].as_str().unwrap().contains(&site.origin), "{refused}");
    // Nothing of the service can be read, with the token in hand.
    let read = browser.run(&format!(
        "return failure(fetch('{}/state', {{ headers: {{ Authorization: 'Bearer {}' }} }}));",
        service.url(),
        service.token
    ));
    assert_eq!(read["isTypeError"], true, "{read}");
    service.write("policy", &format!("allow any *\nallow origin {}\n", site.origin));
    let seen = browser.run(
        "await show(await navigator.mediaDevices.getUserMedia({ video: true }));
         return nextNumber(await nextNumber(-1));",
    );
    assert!(seen.is_u64());
    // With a wrong token it is told so, since it may connect: on the page's own terms.
    let wrong = browser.run(&format!(
        "const answer = await fetch('{}/constraints', {{ method: 'POST', headers: {{ Authorization: 'Bearer x' }}, body: '{{}}' }});
         return {{ status: answer.status, text: await answer.text() }};",
        service.url()
    ));
    assert_eq!(wrong, json!({ "status": 403, "text": "Not allowed. Open the link that `usermedia serve` printed.\n" }));
    service.write("policy", &format!("allow any *\ndeny origin {}\n", site.origin));
    browser.go_to(&site.origin);
    assert_eq!(
        browser.run("return failure(navigator.mediaDevices.getUserMedia({ video: true }));")["name"],
        "NotReadableError"
    );
}

pub fn a_page_over_https_has_the_camera_too(engine: Engine) {
    let mut service = Service::start(&["--host", "localhost"]);
    // WebKitGTK lets no page over HTTPS reach what is not encrypted, this machine's own addresses included.
    let site = Site::https(&service, engine == Engine::WebKit);
    service.list(&site.origin);
    let Some(browser) = engine.start() else { return };
    browser.go_to(&site.origin);
    let seen = browser.run(
        "const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
         await show(stream);
         await hear(stream, 440);
         return { number: await nextNumber(await nextNumber(-1)), secure: isSecureContext, protocol: location.protocol };",
    );
    assert_eq!((&seen["secure"], &seen["protocol"]), (&json!(true), &json!("https:")));
    assert!(seen["number"].is_u64(), "{seen}");
}

pub fn a_page_without_a_secure_context_has_pictures_and_sound(engine: Engine) {
    let mut service = Service::start(&[]);
    let site = Site::http(INSECURE_NAME, &service);
    service.list(&site.origin);
    let Some(browser) = engine.start_heard() else { return };
    browser.go_to(&site.origin);
    let seen = browser.run(
        "const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
         video.muted = false;
         await show(stream);
         await hear(stream, 440);
         const { video: { way }, audio } = usermedia.statistics();
         return { number: await nextNumber(await nextNumber(-1)), secure: isSecureContext, ways: [way, audio.way] };",
    );
    assert_eq!(seen["secure"], false);
    assert!(seen["number"].is_u64(), "{seen}");
    assert_eq!(seen["ways"], json!(["MediaStreamTrackGenerator", "AudioBufferSourceNode"]));
    assert!(browser.speaker().is_smooth_within(Duration::from_secs(60)), "each second has a click");
}
