//! `usermedia.js` in real browsers, Chromium and WebKitGTK, driven by WebDriver: the built-in camera's frame numbers read back
//! from the `<video>`, its microphone's tone heard, its errors caught.
//!
//! The browsers are Debian's, installed by `tests/lab/packages browsers` (`make test` does). Where they cannot be installed,
//! and with `USERMEDIA_BROWSERS=off`, each test says that it was skipped.

mod engine;
mod errors;
mod measure;
mod media;
mod pages;
mod screen;
mod service;
mod site;
mod speaker;
mod webdriver;

use engine::Engine;

/// A test of each scenario for each engine. A scenario gets the engine, and starts it when all else is ready.
macro_rules! scenarios {
    ($($module:ident::$name:ident),+ $(,)?) => {
        mod chromium {
            /// Of WebKitGTK there is none to be had: its page would need a name that leads here.
            #[test]
            fn a_page_without_a_secure_context_has_pictures_and_sound() {
                super::pages::a_page_without_a_secure_context_has_pictures_and_sound(super::Engine::Chromium);
            }
            $(#[test] fn $name() { super::$module::$name(super::Engine::Chromium); })+
        }
        mod webkit {
            $(#[test] fn $name() { super::$module::$name(super::Engine::WebKit); })+
        }
    };
}

scenarios!(
    media::pictures_and_sound_are_those_of_the_service,
    media::an_element_is_heard_as_loud_as_it_says,
    media::the_2012_form_gives_a_stream_that_plays,
    media::a_restart_of_the_service_mutes_the_tracks_and_they_go_on,
    errors::the_services_errors_reach_the_page_by_name_constraint_and_remedy,
    errors::what_a_policy_denies_is_not_allowed,
    pages::two_pages_share_one_capture_and_none_takes_it_from_the_other,
    pages::only_listed_origins_get_in_and_a_policy_lists_them_at_once,
    pages::a_page_over_https_has_the_camera_too,
);

/// Figures for docs/usermedia-js.md: `cargo test --release --test browsers -- --ignored --nocapture --test-threads 1`.
mod figures {
    #[test]
    #[ignore = "it measures, and takes USERMEDIA_MEASURE_SECONDS (60)"]
    fn of_chromium() {
        super::measure::measure(super::Engine::Chromium);
    }

    #[test]
    #[ignore = "it measures, and takes USERMEDIA_MEASURE_SECONDS (60)"]
    fn of_webkit() {
        super::measure::measure(super::Engine::WebKit);
    }
}
