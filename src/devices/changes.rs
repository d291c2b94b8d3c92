//! From one listing to the next: what came, what went, and what may be opened now. Pure data; the caller lists and keeps
//! the time.

use std::time::Duration;

use super::model::{MediaDeviceInfo, UnusableReason};
use crate::time::nanoseconds;

/// How long a device may be away before it is said to be gone. A camera's node vanishes and comes back within 0.4 to 2.0
/// seconds when a program lets go of the USB device, and whoever chose it must not have to choose again.
const REMOVAL: Duration = Duration::from_millis(2500);

/// How long a device must stay unusable before that is said of it. A node belongs to root alone until udev has given it to
/// its group, which takes milliseconds on an idle machine and longer while it starts up.
const SETTLING: Duration = Duration::from_secs(1);

/// What happened to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceChangeKind {
    /// It was not there before.
    Arrived,
    /// It is gone, and has been for longer than a device is away while another program resets it (2.5 seconds).
    Removed,
    /// It was there and is there: it may be opened now or no longer may, or has another `deviceId` (a second one with
    /// its serial number came or went) or node.
    Changed,
}

impl DeviceChangeKind {
    /// The kind in one word, as `usermedia watch --json` prints it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// A device that came, went or changed: part of a `devicechange` event.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DeviceChange {
    /// What happened.
    pub kind: DeviceChangeKind,
    /// The device as it is now; of one that is gone, as it was.
    pub device: MediaDeviceInfo,
    /// The device as it was told of before; `None` where it has arrived.
    pub previous: Option<MediaDeviceInfo>,
}

/// What a caller has been told of the devices, and what it has yet to be told.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeviceTracker {
    known: Vec<Known>,
}

/// One device. `told` and `seen` are never both `None`.
#[derive(Debug, Clone)]
struct Known {
    /// As the caller knows it; `None` if it does not yet.
    told: Option<MediaDeviceInfo>,
    /// As it is in the newest listing; `None` if it is not there.
    seen: Option<MediaDeviceInfo>,
    /// Since when it has been in that state, in nanoseconds.
    since: u64,
}

/// What matters of a device: whether it is there, and if it cannot be captured from, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Missing,
    Usable,
    Unusable(UnusableReason),
}

impl Presence {
    fn of(device: Option<&MediaDeviceInfo>) -> Self {
        match device {
            None => Self::Missing,
            // One that another process holds will do when that one lets go.
            Some(device) => match &device.unusable {
                Some(unusable) if !device.is_capturable() => Self::Unusable(unusable.reason),
                _ => Self::Usable,
            },
        }
    }

    /// How long it must last before it is told.
    const fn patience(self) -> Duration {
        match self {
            Self::Missing => REMOVAL,
            Self::Usable => Duration::ZERO,
            Self::Unusable(_) => SETTLING,
        }
    }
}

impl Known {
    /// Whether the caller knows all that matters.
    fn is_told(&self) -> bool {
        let same =
            |told: &MediaDeviceInfo, seen: &MediaDeviceInfo| told.device_id == seen.device_id && told.path == seen.path;
        Presence::of(self.told.as_ref()) == Presence::of(self.seen.as_ref())
            && self.told.iter().zip(&self.seen).all(|(told, seen)| same(told, seen))
    }

    /// When the caller is to be told.
    fn due(&self) -> u64 {
        self.since.saturating_add(nanoseconds(Presence::of(self.seen.as_ref()).patience()))
    }

    /// Tells it.
    fn tell(&mut self) -> Option<DeviceChange> {
        let previous = std::mem::replace(&mut self.told, self.seen.clone());
        let (kind, device, previous) = match (&self.seen, previous) {
            (Some(device), None) => (DeviceChangeKind::Arrived, device.clone(), None),
            (Some(device), previous) => (DeviceChangeKind::Changed, device.clone(), previous),
            (None, Some(device)) => (DeviceChangeKind::Removed, device.clone(), Some(device)),
            (None, None) => return None,
        };
        Some(DeviceChange { kind, device, previous })
    }
}

impl DeviceTracker {
    /// A caller who knows this listing ([`Machine::enumerate_all`](super::Machine::enumerate_all)).
    pub(crate) fn new(listing: Vec<MediaDeviceInfo>) -> Self {
        let known = listing.into_iter().filter(MediaDeviceInfo::is_source);
        Self { known: known.map(|device| Known { told: Some(device.clone()), seen: Some(device), since: 0 }).collect() }
    }

    /// The devices that the caller knows.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &MediaDeviceInfo> {
        self.known.iter().filter_map(|known| known.told.as_ref())
    }

    /// What to tell after this listing, made at `now`: removals first, then what is there in the listing's order; and
    /// when to list again even if nobody says that something changed.
    pub(crate) fn update(&mut self, listing: Vec<MediaDeviceInfo>, now: u64) -> (Vec<DeviceChange>, Option<u64>) {
        self.see(listing, now);
        let (mut changes, mut next) = (Vec::new(), None::<u64>);
        for known in &mut self.known {
            if known.is_told() {
                // Silently newer, unless another process keeps its modes from being read.
                if let Some(seen) = known.seen.as_ref().filter(|seen| !seen.busy) {
                    known.told = Some(seen.clone());
                }
            } else if known.due() <= now {
                changes.extend(known.tell());
            } else {
                next = Some(next.map_or(known.due(), |next| next.min(known.due())));
            }
        }
        self.known.retain(|known| known.told.is_some() || known.seen.is_some());
        changes.sort_by_key(|change| change.kind != DeviceChangeKind::Removed);
        (changes, next)
    }

    /// Matches a listing with what is known. What is there afterwards is in the listing's order, what is missing behind.
    fn see(&mut self, mut listing: Vec<MediaDeviceInfo>, now: u64) {
        // Metadata nodes and codecs are no news; one that could not be opened before may have looked like a camera.
        listing.retain(MediaDeviceInfo::is_source);
        let mut before = std::mem::take(&mut self.known);
        let mut matches: Vec<Option<Known>> = listing.iter().map(|_| None).collect();
        for rule in [same_id, same_node] {
            for (device, matched) in listing.iter().zip(&mut matches).filter(|(_, matched)| matched.is_none()) {
                *matched = before.iter().position(|known| rule(known, device)).map(|position| before.remove(position));
            }
        }
        for (device, matched) in listing.into_iter().zip(matches) {
            match matched {
                Some(known) => self.known.push(known.seen_as(Some(device), now)),
                None => self.known.push(Known { told: None, seen: Some(device), since: now }),
            }
        }
        let missing = before.into_iter().map(|known| known.seen_as(None, now));
        // What came and went before it was told of was never there.
        self.known.extend(missing.filter(|known| known.told.is_some()));
    }
}

impl Known {
    fn seen_as(self, seen: Option<MediaDeviceInfo>, now: u64) -> Self {
        let goes_on = Presence::of(self.seen.as_ref()) == Presence::of(seen.as_ref());
        let since = if goes_on { self.since } else { now };
        Self { seen, since, ..self }
    }

    fn newest(&self) -> Option<&MediaDeviceInfo> {
        self.seen.as_ref().or(self.told.as_ref())
    }
}

fn same_id(known: &Known, device: &MediaDeviceInfo) -> bool {
    known.newest().is_some_and(|other| other.kind == device.kind && other.device_id == device.device_id)
}

/// Whether it is a device that stayed where it is, with another id since one like it came or went.
fn same_node(known: &Known, device: &MediaDeviceInfo) -> bool {
    let bare = |id: &str| id.split('~').next().map(str::to_owned);
    known.seen.as_ref().is_some_and(|seen| {
        seen.kind == device.kind && seen.path == device.path && bare(&seen.device_id) == bare(&device.device_id)
    })
}

#[cfg(test)]
mod tests;
