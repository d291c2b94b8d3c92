//! The browsers: where they are, how they are started, and what becomes of a test where there is none.

use std::env;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use serde_json::{Value, json};

use crate::screen::Screen;
use crate::speaker::Speaker;
use crate::webdriver::Session;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Chromium,
    /// WebKitGTK's own small browser, MiniBrowser.
    WebKit,
}

/// A name that leads to this machine in Chromium, and that nobody takes for it: its pages are no secure contexts.
pub const INSECURE_NAME: &str = "kiosk.test";

/// A browser that is driven. Ended with its test.
pub struct Browser {
    /// Before the driver: it is told to close what it opened.
    session: Option<Session>,
    driver: Process,
    screen: Option<Screen>,
    speaker: Option<Speaker>,
}

impl std::ops::Deref for Browser {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_ref().expect("it is open until it is dropped")
    }
}

impl Browser {
    /// The driver's process id.
    pub fn driver(&self) -> u32 {
        self.driver.0.id()
    }

    /// The screen it is shown on.
    pub fn screen(&self) -> &Screen {
        self.screen.as_ref().expect("it was started where it is seen")
    }

    /// Its loudspeaker.
    pub fn speaker(&self) -> &Speaker {
        self.speaker.as_ref().expect("it was started where it is heard")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session = None;
    }
}

/// A program that ends with its test.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Engine {
    /// The driver's names.
    const fn driver(self) -> &'static str {
        match self {
            Self::Chromium => "chromedriver",
            Self::WebKit => "WebKitWebDriver",
        }
    }

    /// Starts it; `None`, with the reason on stderr, where there is no browser and none can be had.
    pub fn start(self) -> Option<Browser> {
        self.start_where(false, false)
    }

    /// Starts it where it is heard.
    pub fn start_heard(self) -> Option<Browser> {
        self.start_where(false, true)
    }

    /// Starts it where it is seen from outside, and heard.
    pub fn start_seen(self) -> Option<Browser> {
        self.start_where(true, true)
    }

    fn start_where(self, is_seen: bool, is_heard: bool) -> Option<Browser> {
        if env::var("USERMEDIA_BROWSERS").is_ok_and(|value| value == "off") {
            eprintln!("SKIPPED: USERMEDIA_BROWSERS=off");
            return None;
        }
        if !install() {
            eprintln!("SKIPPED: {} is not there and cannot be installed (tests/lab/packages browsers)", self.driver());
            return None;
        }
        let driver =
            program(self.driver()).unwrap_or_else(|| panic!("the packages are there, {} is not", self.driver()));
        // Chromium can do without a screen; WebKitGTK cannot.
        let screen = (is_seen || self == Self::WebKit).then(Screen::start);
        let speaker = is_heard.then(Speaker::start);
        let port = free_port();
        let mut command = Command::new(driver);
        command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(screen) = &screen {
            command.env("DISPLAY", &screen.name).env_remove("WAYLAND_DISPLAY");
            // As a web view is best on a machine without a graphics card (its hardware-acceleration-policy is never); no
            // accessibility bus, and no settings of whoever runs the tests.
            command.envs([("WEBKIT_DISABLE_COMPOSITING_MODE", "1"), ("LIBGL_ALWAYS_SOFTWARE", "1")]);
            command.envs([("NO_AT_BRIDGE", "1"), ("GSETTINGS_BACKEND", "memory")]);
        }
        command.envs(speaker.iter().map(Speaker::environment));
        let driver = Process(command.spawn().expect("the driver starts"));
        let deadline = Instant::now() + Duration::from_secs(60);
        let session = loop {
            match Session::open(port, &self.capabilities(is_seen)) {
                Ok(session) => break session,
                Err(error) => assert!(Instant::now() < deadline, "{self:?} does not open: {error}"),
            }
            thread::sleep(Duration::from_millis(50));
        };
        Some(Browser { session: Some(session), driver, screen, speaker })
    }

    fn capabilities(self, is_seen: bool) -> Value {
        match self {
            Self::Chromium => json!({
                "acceptInsecureCerts": true,
                "goog:chromeOptions": {
                    "binary": program("chromium"),
                    "args": [
                        if is_seen { "--window-position=0,0" } else { "--headless=new" },
                        "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                        "--autoplay-policy=no-user-gesture-required", "--window-size=1280,800",
                        // A tab that another one lies over goes on as on a screen of its own.
                        "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
                        "--disable-background-timer-throttling",
                        format!("--host-resolver-rules=MAP {INSECURE_NAME} 127.0.0.1"),
                    ],
                },
            }),
            Self::WebKit => json!({
                "acceptInsecureCerts": true,
                "webkitgtk:browserOptions": {
                    "binary": mini_browser(),
                    "args": [
                        "--automation", "--enable-media-stream=true", "--enable-mediasource=true",
                        "--autoplay-policy=allow",
                    ],
                },
            }),
        }
    }
}

/// Installs what is missing, one test at a time. Whether all of it is there.
fn install() -> bool {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(folder).expect("a folder for the tests");
    let lock = File::create(folder.join("browsers.lock")).expect("a file");
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| errno).expect("a lock");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/packages");
    Command::new(script).arg("browsers").status().is_ok_and(|status| status.success())
}

/// Where a program is.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Where Debian keeps it: in the folder of a library.
fn mini_browser() -> Option<PathBuf> {
    let folders =
        fs::read_dir("/usr/lib").ok()?.flatten().flat_map(|triplet| fs::read_dir(triplet.path()).into_iter().flatten());
    let mut found: Vec<_> =
        folders.flatten().map(|folder| folder.path().join("MiniBrowser")).filter(|file| file.is_file()).collect();
    // 4.0, 4.1 or 6.0: the newest that is there.
    found.sort();
    found.pop()
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a port").port()
}
