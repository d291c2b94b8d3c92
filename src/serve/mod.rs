//! The live page: what a camera and a microphone give, over HTTP, to people and programs on this machine.
//!
//! A [`Service`] gets the devices, keeps them through unplugging and failure, and shows what they give: a page with
//! controls, level meter and statistics; `/stream`, `/snapshot` and `/state` for tools that know ustreamer's; and a
//! WebSocket with pictures, sound and statistics. Any number of viewers cost one capture. A camera's JPEG is sent out of the
//! driver's buffer, without a copy; a raw picture is encoded once, and only while somebody looks. Nobody waits for anybody:
//! a slow viewer gets the newest picture when it is ready for one.
//!
//! Who may look: whoever has the token, on 127.0.0.1; or the user whose Unix socket it is. Every request's Host and Origin
//! are checked, and what changes something is a POST. docs/serve.md has the paths, the messages and the reasons.
//!
//! ```no_run
//! use usermedia::serve::{ServeOptions, Service};
//! use usermedia::{MediaDevices, MediaStreamConstraints};
//!
//! let constraints = MediaStreamConstraints::new().video(true).audio(true);
//! let service = Service::start(MediaDevices::new(), constraints, ServeOptions::new().port(0))?;
//! println!("open {}", service.link().unwrap_or_default());
//! # Ok::<(), usermedia::Error>(())
//! ```

mod guard;
mod hub;
mod keeper;
mod listener;
mod message;
mod mjpeg;
mod options;
mod picture;
mod request;
mod response;
mod router;
mod sending;
mod service;
mod socket;
mod sound;
mod stage;
mod state;
mod token;
mod websocket;

use crate::capture::RecoveryEvent;
use crate::error::Error;

pub use options::ServeOptions;
pub use service::Service;
pub use token::Token;

/// `usermedia.js`, which a service serves at `/usermedia.js`: with it a page has `navigator.mediaDevices.getUserMedia` and
/// `navigator.getUserMedia` of this engine's camera and microphone. One script without dependencies, to be served from anywhere
/// (docs/usermedia-js.md).
pub const USERMEDIA_JS: &str = concat!(
    include_str!("script/head.js"),
    "(() => {\n'use strict';\n",
    include_str!("script/playout.js"),
    include_str!("script/errors.js"),
    include_str!("script/clock.js"),
    include_str!("script/wire.js"),
    include_str!("script/pictures.js"),
    include_str!("script/schedule.js"),
    include_str!("script/sound.js"),
    include_str!("script/loudspeaker.js"),
    include_str!("script/tracks.js"),
    include_str!("script/devices.js"),
    include_str!("script/api.js"),
    "})();\n",
);

/// What happens to the devices of a service.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// A device of this kind (`video` or `audio`) with this name is captured now.
    Opened(&'static str, &'a str),
    /// There is none of what was asked for (`camera` or `microphone`), and why.
    Missing(&'static str, Error),
    /// Something happened to the device with this name, which may yet be had back.
    Recovery(&'a str, &'a RecoveryEvent),
}

#[cfg(test)]
mod tests {
    use super::USERMEDIA_JS;
    use crate::constraints::ConstraintName;

    #[test]
    fn the_script_knows_the_constraints_that_the_engine_knows() {
        let (_, list) = USERMEDIA_JS.split_once("const SUPPORTED = [").unwrap();
        let (list, _) = list.split_once(']').unwrap();
        let mut known: Vec<_> = list.split('\'').skip(1).step_by(2).collect();
        let mut names = ConstraintName::ALL.map(ConstraintName::as_str);
        known.sort_unstable();
        names.sort_unstable();
        assert_eq!(known, names);
    }

    #[test]
    fn the_script_loads_nothing_from_elsewhere() {
        let elsewhere = USERMEDIA_JS.replace("http://127.0.0.1:8080/", "");
        assert!(!elsewhere.contains("http://") && !elsewhere.contains("https://") && !elsewhere.contains("import"));
        // Whatever loads it twice in one page has it once: nothing of it is global but what it defines.
        assert!(USERMEDIA_JS.contains("\n(() => {\n'use strict';\n") && USERMEDIA_JS.ends_with("})();\n"));
    }
}
