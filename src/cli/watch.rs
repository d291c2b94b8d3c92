//! `usermedia watch`.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::args::WatchArguments;
use super::{Failure, event, print, request, signals};
use crate::devices::{DeviceChange, DeviceChangeKind, MediaDeviceInfo, MediaDeviceKind};

/// What there is to wait for.
enum Happening {
    Signal(Signal),
    Changes(Vec<DeviceChange>),
}

pub(super) fn run(arguments: &WatchArguments) -> Result<ExitCode, Failure> {
    let (happenings, happened) = signals::channel(Happening::Signal).map_err(|error| event::no_signals(&error))?;
    let deadline = arguments.duration.and_then(|duration| Instant::now().checked_add(duration));
    let watch = request::devices(&arguments.common)
        .on_device_change(move |changes| happenings.send(Happening::Changes(changes.to_vec())))?;

    let out = Lines { json: arguments.common.json };
    let polling = watch.is_polling();
    if polling {
        print::note("Neither the kernel nor inotify tells of devices here: they are listed again now and then.");
    }
    for line in watch.devices().iter().map(Line::Present).chain([Line::Watching { polling }]) {
        if !out.line(&line)? {
            return Ok(ExitCode::SUCCESS);
        }
    }
    loop {
        let happening = match deadline {
            None => Some(happened.recv()),
            Some(deadline) => happened.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        };
        let (ended_by, status) = match happening {
            Some(Happening::Changes(changes)) => {
                for change in &changes {
                    if !out.line(&Line::Change(change))? {
                        return Ok(ExitCode::SUCCESS);
                    }
                }
                continue;
            }
            Some(Happening::Signal(signal)) => (signal.as_str(), ExitCode::from(signals::exit_code(signal))),
            None => ("duration", ExitCode::SUCCESS),
        };
        out.line(&Line::Ended(ended_by))?;
        return Ok(status);
    }
}

/// What is said in a line.
enum Line<'a> {
    Present(&'a MediaDeviceInfo),
    /// All that is there has been said.
    Watching {
        /// Whether devices are listed again now and then, because nobody tells.
        polling: bool,
    },
    Change(&'a DeviceChange),
    Ended(&'a str),
}

/// Lines on stdout, each out before the next one is waited for.
struct Lines {
    json: bool,
}

impl Lines {
    /// Whether anybody reads on: a reader that has gone has read what it wanted.
    fn line(&self, line: &Line<'_>) -> io::Result<bool> {
        let text = match (self.json, line) {
            (true, line) => crate::json::to_string(line),
            (false, Line::Present(device)) => sentence("present", device, None),
            (false, Line::Change(change)) => sentence(change.kind.as_str(), &change.device, changed_from(change)),
            // A person sees that it waits, and that it has ended.
            (false, Line::Watching { .. } | Line::Ended(_)) => return Ok(true),
        };
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            outcome => outcome.map(|()| true),
        }
    }
}

/// What a change is told against.
fn changed_from(change: &DeviceChange) -> Option<&MediaDeviceInfo> {
    change.previous.as_ref().filter(|_| change.kind == DeviceChangeKind::Changed)
}

/// `arrived  camera      HD Pro Webcam C920  /dev/video0  usb-046d_082d_6EF5AA2F-0`, and what is the matter with it.
fn sentence(event: &str, device: &MediaDeviceInfo, previous: Option<&MediaDeviceInfo>) -> String {
    let kind = match device.kind {
        MediaDeviceKind::VideoInput => "camera",
        MediaDeviceKind::AudioInput => "microphone",
    };
    let mut line = format!("{event:<8} {kind:<11} {}", device.label);
    // The built-in devices have no node: their path is their id.
    for part in [Some(&device.path), Some(&device.device_id).filter(|id| **id != device.path)].into_iter().flatten() {
        line.push_str("  ");
        line.push_str(part);
    }
    let mut remarks: Vec<String> = Vec::new();
    if let Some(unusable) = device.unusable.as_ref().filter(|_| event != DeviceChangeKind::Removed.as_str()) {
        remarks.push(unusable.message.clone());
    }
    if let Some(previous) = previous {
        if device.is_capturable() && !previous.is_capturable() {
            remarks.push("it can be opened now".to_owned());
        }
        if device.path != previous.path {
            remarks.push(format!("it was {}", previous.path));
        }
        if device.device_id != previous.device_id {
            remarks.push(format!("its id was {}", previous.device_id));
        }
    }
    if remarks.is_empty() { line } else { format!("{line}: {}", remarks.join(", ")) }
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let event = match self {
            Line::Present(_) => "present",
            Line::Watching { .. } => "watching",
            Line::Change(change) => change.kind.as_str(),
            Line::Ended(_) => "ended",
        };
        map.serialize_entry("event", event)?;
        map.serialize_entry("time", &now())?;
        match self {
            Line::Present(device) => map.serialize_entry("device", device)?,
            Line::Watching { polling } => map.serialize_entry("polling", polling)?,
            Line::Change(change) => {
                map.serialize_entry("device", &change.device)?;
                if let Some(previous) = changed_from(change) {
                    map.serialize_entry("previous", previous)?;
                }
            }
            Line::Ended(by) => map.serialize_entry("endedBy", by)?,
        }
        map.end()
    }
}

/// The wall clock in seconds since 1970, to the millisecond.
fn now() -> f64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::{Unusable, UnusableReason};

    fn camera(path: &str) -> MediaDeviceInfo {
        let mut info = MediaDeviceInfo::new(MediaDeviceKind::VideoInput, "usb-1");
        info.label = "Desk".to_owned();
        info.path = path.to_owned();
        info
    }

    fn refused() -> MediaDeviceInfo {
        let message = "you have no permission to open /dev/video0";
        MediaDeviceInfo {
            unusable: Some(Unusable::new(UnusableReason::NoPermission, message)),
            ..camera("/dev/video0")
        }
    }

    #[test]
    fn a_line_names_the_device_and_says_what_is_the_matter() {
        assert_eq!(sentence("arrived", &camera("/dev/video0"), None), "arrived  camera      Desk  /dev/video0  usb-1");
        assert_eq!(
            sentence("arrived", &refused(), None),
            "arrived  camera      Desk  /dev/video0  usb-1: you have no permission to open /dev/video0"
        );
        assert_eq!(sentence("removed", &refused(), None), "removed  camera      Desk  /dev/video0  usb-1");
    }

    #[test]
    fn a_change_says_what_has_changed() {
        let change = |device: MediaDeviceInfo, previous| sentence("changed", &device, Some(&previous));
        let line = change(camera("/dev/video2"), camera("/dev/video0"));
        assert_eq!(line, "changed  camera      Desk  /dev/video2  usb-1: it was /dev/video0");
        let line = change(camera("/dev/video0"), refused());
        assert_eq!(line, "changed  camera      Desk  /dev/video0  usb-1: it can be opened now");
        let line = change(refused(), camera("/dev/video0"));
        assert!(line.ends_with("you have no permission to open /dev/video0"), "{line}");
    }
}
