//! Listings and a clock in, events out.

use proptest::prelude::*;

use super::*;
use crate::devices::{MediaDeviceKind, Unusable};

const MS: u64 = 1_000_000;

fn camera(id: &str, path: &str) -> MediaDeviceInfo {
    let mut info = MediaDeviceInfo::new(MediaDeviceKind::VideoInput, id);
    info.path = path.to_owned();
    info
}

fn unusable(id: &str, path: &str, reason: UnusableReason) -> MediaDeviceInfo {
    let mut info = camera(id, path);
    info.unusable = Some(Unusable::new(reason, "a reason"));
    info
}

fn refused(id: &str, path: &str) -> MediaDeviceInfo {
    unusable(id, path, UnusableReason::NoPermission)
}

/// A tracker, and the time in milliseconds since it began.
struct Story(DeviceTracker);

impl Story {
    fn of(listing: impl Into<Vec<MediaDeviceInfo>>) -> Self {
        Self(DeviceTracker::new(listing.into()))
    }

    /// What is told at that time, as `arrived cam`, and when to look again.
    fn at(&mut self, ms: u64, listing: impl Into<Vec<MediaDeviceInfo>>) -> (Vec<String>, Option<u64>) {
        let (changes, next) = self.0.update(listing.into(), ms * MS);
        let words = changes.iter().map(|change| format!("{} {}", change.kind.as_str(), change.device.device_id));
        (words.collect(), next.map(|next| next / MS))
    }
}

fn told(events: &[&str]) -> (Vec<String>, Option<u64>) {
    (events.iter().map(ToString::to_string).collect(), None)
}

fn nothing_until(ms: u64) -> (Vec<String>, Option<u64>) {
    (Vec::new(), Some(ms))
}

#[test]
fn what_is_there_at_first_is_known_and_no_news() {
    let mut story = Story::of([camera("a", "/dev/video0"), refused("b", "/dev/video2")]);
    assert_eq!(story.0.devices().count(), 2);
    assert_eq!(story.at(0, [camera("a", "/dev/video0"), refused("b", "/dev/video2")]), told(&[]));
    assert_eq!(story.at(99_999, [camera("a", "/dev/video0"), refused("b", "/dev/video2")]), told(&[]));
}

#[test]
fn an_arrival_is_told_at_once_and_only_once() {
    let mut story = Story::of([]);
    assert_eq!(story.at(10, [camera("a", "/dev/video0")]), told(&["arrived a"]));
    assert_eq!(story.at(20, [camera("a", "/dev/video0")]), told(&[]));
}

#[test]
fn an_arrival_waits_for_its_permissions_and_is_told_as_soon_as_it_has_them() {
    let mut story = Story::of([]);
    assert_eq!(story.at(0, [refused("a", "/dev/video0")]), nothing_until(1000));
    assert_eq!(story.at(80, [camera("a", "/dev/video0")]), told(&["arrived a"]));
}

#[test]
fn an_arrival_that_stays_inaccessible_is_told_with_its_reason_and_again_when_it_is_given() {
    let mut story = Story::of([]);
    assert_eq!(story.at(0, [refused("a", "/dev/video0")]), nothing_until(1000));
    assert_eq!(story.at(600, [refused("a", "/dev/video0")]), nothing_until(1000));
    assert_eq!(story.at(1000, [refused("a", "/dev/video0")]), told(&["arrived a"]));
    let (changes, _) = story.0.update(vec![camera("a", "/dev/video0")], 5000 * MS);
    assert_eq!(changes[0].kind, DeviceChangeKind::Changed);
    assert!(changes[0].device.unusable.is_none());
    let previous = changes[0].previous.as_ref().unwrap().unusable.as_ref().unwrap();
    assert_eq!(previous.reason, UnusableReason::NoPermission);
}

#[test]
fn a_permission_that_is_taken_is_told_when_it_stays_so() {
    let mut story = Story::of([camera("a", "/dev/video0")]);
    assert_eq!(story.at(0, [refused("a", "/dev/video0")]), nothing_until(1000));
    assert_eq!(story.at(500, [camera("a", "/dev/video0")]), told(&[]), "given back in time");
    assert_eq!(story.at(600, [refused("a", "/dev/video0")]), nothing_until(1600));
    assert_eq!(story.at(1600, [refused("a", "/dev/video0")]), told(&["changed a"]));
}

#[test]
fn a_gap_shorter_than_the_debounce_is_no_removal() {
    let mut story = Story::of([camera("a", "/dev/video0")]);
    assert_eq!(story.at(0, []), nothing_until(2500));
    assert_eq!(story.at(2000, []), nothing_until(2500));
    assert_eq!(story.at(2400, [camera("a", "/dev/video0")]), told(&[]));
    // The next gap counts from its own beginning.
    assert_eq!(story.at(3000, []), nothing_until(5500));
    assert_eq!(story.at(5500, []), told(&["removed a"]));
    assert_eq!(story.at(5600, []), told(&[]));
    assert_eq!(story.at(5700, [camera("a", "/dev/video0")]), told(&["arrived a"]));
}

#[test]
fn back_in_time_without_its_permission_it_settles_like_any_other() {
    let mut story = Story::of([camera("a", "/dev/video0")]);
    assert_eq!(story.at(0, []), nothing_until(2500));
    assert_eq!(story.at(400, [refused("a", "/dev/video0")]), nothing_until(1400));
    assert_eq!(story.at(430, [camera("a", "/dev/video0")]), told(&[]));
}

#[test]
fn back_in_time_on_another_node_is_a_change_and_no_removal() {
    let mut story = Story::of([camera("a", "/dev/video0")]);
    assert_eq!(story.at(0, []), nothing_until(2500));
    let (changes, next) = story.0.update(vec![camera("a", "/dev/video2")], 900 * MS);
    assert_eq!((changes.len(), next), (1, None));
    assert_eq!(changes[0].kind, DeviceChangeKind::Changed);
    assert_eq!(
        (&*changes[0].previous.as_ref().unwrap().path, &*changes[0].device.path),
        ("/dev/video0", "/dev/video2")
    );
}

#[test]
fn another_device_on_the_same_node_is_another_device() {
    let mut story = Story::of([camera("a", "/dev/video0")]);
    assert_eq!(story.at(0, [camera("b", "/dev/video0")]), (vec!["arrived b".to_owned()], Some(2500)));
    assert_eq!(story.at(2500, [camera("b", "/dev/video0")]), told(&["removed a"]));
}

#[test]
fn what_comes_and_goes_before_it_could_be_opened_was_never_there() {
    let mut story = Story::of([]);
    assert_eq!(story.at(0, [refused("a", "/dev/video0")]), nothing_until(1000));
    assert_eq!(story.at(300, []), told(&[]));
    assert_eq!(story.at(9000, []), told(&[]));
}

#[test]
fn a_metadata_node_is_no_news_even_where_it_looked_like_a_camera_for_a_moment() {
    let metadata = || unusable("m", "/dev/video1", UnusableReason::Metadata);
    let mut story = Story::of([metadata()]);
    assert_eq!(story.0.devices().count(), 0);
    assert_eq!(story.at(0, []), told(&[]));
    assert_eq!(story.at(10, [metadata()]), told(&[]));
    assert_eq!(story.at(20, []), told(&[]));
    assert_eq!(story.at(30, [refused("m", "/dev/video1")]), nothing_until(1030));
    assert_eq!(story.at(40, [metadata()]), told(&[]));
}

#[test]
fn what_was_told_of_as_inaccessible_and_turns_out_to_be_no_camera_is_taken_back() {
    let mut story = Story::of([refused("m", "/dev/video1")]);
    let metadata = || unusable("m", "/dev/video1", UnusableReason::Metadata);
    assert_eq!(story.at(0, [metadata()]), nothing_until(2500));
    assert_eq!(story.at(2500, [metadata()]), told(&["removed m"]));
    assert_eq!(story.at(9000, []), told(&[]));
}

#[test]
fn a_second_one_with_the_same_serial_changes_the_first_one_s_id_and_removes_nothing() {
    let mut story = Story::of([camera("usb-1", "/dev/video0")]);
    let both = || [camera("usb-1~1.2", "/dev/video0"), camera("usb-1~1.3", "/dev/video2")];
    assert_eq!(story.at(0, both()), told(&["changed usb-1~1.2", "arrived usb-1~1.3"]));
    // The first one goes, and the second has the bare id for itself.
    let left = || [camera("usb-1", "/dev/video2")];
    assert_eq!(story.at(100, left()), (vec!["changed usb-1".to_owned()], Some(2600)));
    assert_eq!(story.at(2600, left()), told(&["removed usb-1~1.2"]));
}

#[test]
fn a_device_that_another_process_takes_is_no_news_and_keeps_what_was_known_of_it() {
    let mut story = Story::of([camera("a", "/dev/video0")]);
    let mut busy = unusable("a", "/dev/video0", UnusableReason::Busy);
    busy.busy = true;
    busy.label = "unread".to_owned();
    assert_eq!(story.at(0, [busy]), told(&[]));
    assert_eq!(story.0.devices().next().unwrap().label, "a");
}

#[test]
fn a_camera_and_a_microphone_of_one_id_are_two_devices() {
    let mut microphone = camera("usb-1", "hw:1,0");
    microphone.kind = MediaDeviceKind::AudioInput;
    let mut story = Story::of([camera("usb-1", "/dev/video0")]);
    assert_eq!(story.at(0, [camera("usb-1", "/dev/video0"), microphone]), told(&["arrived usb-1"]));
}

#[test]
fn removals_come_first_and_the_rest_in_the_listing_s_order() {
    let mut story = Story::of([camera("old", "/dev/video9"), camera("b", "/dev/video1")]);
    story.at(0, [camera("b", "/dev/video1")]);
    let now = [camera("c", "/dev/video3"), camera("b", "/dev/video4"), camera("a", "/dev/video5")];
    assert_eq!(story.at(2500, now), told(&["removed old", "arrived c", "changed b", "arrived a"]));
}

/// One device's state in a listing: away, refused or usable, on one of two nodes.
fn states() -> impl Strategy<Value = Vec<(u8, bool)>> {
    prop::collection::vec((0..3_u8, any::<bool>()), 3)
}

proptest! {
    /// Whoever applies the events to what was known at first has, once all is quiet, what the last listing had; and no
    /// look is asked for without end.
    #[test]
    fn the_events_add_up(first in states(), story in prop::collection::vec((states(), 0..4000_u64), 1..20)) {
        let listing = |states: &[(u8, bool)]| -> Vec<MediaDeviceInfo> {
            let device = |(number, &(state, moved)): (usize, &(u8, bool))| {
                let (id, path) = (format!("d{number}"), format!("/dev/video{}", number * 2 + usize::from(moved)));
                match state {
                    0 => None,
                    1 => Some(refused(&id, &path)),
                    _ => Some(camera(&id, &path)),
                }
            };
            states.iter().enumerate().filter_map(device).collect()
        };
        let mut tracker = DeviceTracker::new(listing(&first));
        let mut applied = listing(&first);
        let mut apply = |changes: Vec<DeviceChange>| -> Result<(), TestCaseError> {
            for change in changes {
                let place = applied.iter().position(|device| device.device_id == change.device.device_id);
                prop_assert_eq!(place.is_none(), change.kind == DeviceChangeKind::Arrived, "{:?}", change);
                place.map(|place| applied.remove(place));
                if change.kind != DeviceChangeKind::Removed {
                    applied.push(change.device);
                }
            }
            Ok(())
        };
        let (mut now, mut last) = (0, first);
        for (states, pause) in story {
            now += pause * MS;
            apply(tracker.update(listing(&states), now).0)?;
            last = states;
        }
        let mut next = Some(now);
        for _ in 0..10 {
            let Some(at) = next else { break };
            prop_assert!(at >= now);
            now = at;
            let (changes, again) = tracker.update(listing(&last), now);
            apply(changes)?;
            next = again;
        }
        prop_assert_eq!(next, None, "it never comes to rest");
        applied.sort_by(|a, b| a.device_id.cmp(&b.device_id));
        prop_assert_eq!(applied, listing(&last));
    }
}
