//! What cannot be had, as pages learn of it.

use serde_json::json;

use crate::engine::Engine;
use crate::service::Service;
use crate::site::Site;

pub fn the_services_errors_reach_the_page_by_name_constraint_and_remedy(engine: Engine) {
    let mut service = Service::start(&[]);
    let site = Site::http("127.0.0.1", &service);
    service.list(&site.origin);
    let Some(browser) = engine.start() else { return };
    browser.go_to(&site.origin);

    let neither = browser.run(
        "let thrown = null;
         try { navigator.getUserMedia({}, () => {}, () => {}); } catch (error) { thrown = error.name; }
         return { modern: await failure(navigator.mediaDevices.getUserMedia({ video: false })), thrown,
           infinite: await failure(navigator.mediaDevices.getUserMedia({ video: { frameRate: Infinity } })) };",
    );
    assert_eq!((&neither["modern"]["isTypeError"], &neither["thrown"]), (&json!(true), &json!("TypeError")));
    assert_eq!(neither["modern"]["message"], "neither video nor audio is requested");
    assert_eq!(neither["infinite"]["isTypeError"], true);

    let modern =
        browser.run("return failure(navigator.mediaDevices.getUserMedia({ video: { width: { exact: 99999 } } }));");
    assert_eq!((&modern["name"], &modern["constraint"]), (&json!("OverconstrainedError"), &json!("width")));
    assert!(!modern["message"].as_str().unwrap().is_empty() && modern["remedy"].is_string(), "{modern}");
    let malformed = browser.run("return failure(navigator.mediaDevices.getUserMedia({ video: { width: 'wide' } }));");
    assert_eq!(malformed["isTypeError"], true, "{malformed}");
    let absent =
        browser.run("return failure(navigator.mediaDevices.getUserMedia({ audio: { deviceId: { exact: 'no' } } }));");
    assert_eq!((&absent["name"], &absent["constraint"]), (&json!("OverconstrainedError"), &json!("deviceId")));

    let legacy = browser.run(
        "const error = await failure2012({ video: { mandatory: { minWidth: 99999 } } });
         const unknown = await failure2012({ video: { mandatory: { madeUp: 1 } } });
         return { error, unknown };",
    );
    assert_eq!(
        legacy["error"],
        json!({
            "name": "MANDATORY_UNSATISFIED_ERROR", "code": 3, "own": 3, "constraint": "minWidth", "cause": "OverconstrainedError",
        })
    );
    assert_eq!(
        (&legacy["unknown"]["name"], &legacy["unknown"]["code"]),
        (&json!("NOT_SUPPORTED_ERROR"), &json!(2)),
        "{legacy}"
    );

    // What runs goes on where a change of it fails.
    let kept = browser.run(
        "const stream = await navigator.mediaDevices.getUserMedia({ video: true });
         const [track] = stream.getVideoTracks();
         const error = await failure(track.applyConstraints({ width: { exact: 99999 } }));
         await show(stream);
         await nextNumber(await nextNumber(-1));
         return { error, width: track.getSettings().width, constraints: track.getConstraints() };",
    );
    assert_eq!(
        (&kept["error"]["name"], &kept["error"]["constraint"]),
        (&json!("OverconstrainedError"), &json!("width"))
    );
    assert_eq!((&kept["width"], &kept["constraints"]), (&json!(640), &json!({})));
}

pub fn what_a_policy_denies_is_not_allowed(engine: Engine) {
    let service = Service::start(&["--permission", "{folder}/policy"]);
    let site = Site::http("127.0.0.1", &service);
    service.write("policy", &format!("allow origin {}\nallow microphone *\n", site.origin));
    let Some(browser) = engine.start() else { return };
    browser.go_to(&site.origin);
    let denied = browser.run(
        "return { modern: await failure(navigator.mediaDevices.getUserMedia({ video: true })),
           legacy: await failure2012({ video: true }),
           sound: (await navigator.mediaDevices.getUserMedia({ audio: true })).getAudioTracks().length };",
    );
    assert_eq!(denied["modern"]["name"], "NotAllowedError");
    let message = denied["modern"]["message"].as_str().unwrap();
    assert!(message.contains("the camera Synthetic camera is not allowed: no line of "), "{message}");
    let remedy = denied["modern"]["remedy"].as_str().unwrap();
    assert!(remedy.contains("allow camera synthetic-camera"), "{remedy}");
    assert_eq!((&denied["legacy"]["name"], &denied["legacy"]["code"]), (&json!("PERMISSION_DENIED"), &json!(1)));
    assert_eq!(denied["sound"], 1);
}
