//! `usermedia loopback`: what is said where there is no v4l2loopback. What it writes is the lab's.

use crate::support::run;

#[test]
fn a_node_that_is_none_is_refused_with_the_line_that_makes_one() {
    for (node, name, words) in [
        ("/dev/no-such-loopback", "NotFoundError", "there is no /dev/no-such-loopback"),
        ("/dev/null", "NotReadableError", "/dev/null is no video device"),
    ] {
        let run = run(["loopback", "--synthetic", "--frames", "1", "--json", "--device", node]);
        assert_eq!(run.status, Some(1));
        let error = run.error();
        assert_eq!((&error["name"], &error["path"]), (&name.into(), &node.into()));
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
        assert!(error["remedy"].as_str().unwrap().contains("modprobe v4l2loopback"), "{error}");
    }
}

#[test]
fn a_node_has_to_be_named_and_sound_does_not_fit_into_it() {
    run(["loopback", "--synthetic"]).usage("--device");
    run(["loopback", "--synthetic", "--device", "/dev/null", "--audio"]).usage("takes pictures only");
    run(["loopback", "--device", "/dev/null", "--stamp", "--no-stamp"]).usage("--no-stamp");
}

#[test]
fn pictures_that_may_be_torn_are_not_recorded() {
    run(["capture", "--synthetic", "--raw", "-o", "film.mkv"]).usage("--raw");
}
