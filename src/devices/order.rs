//! The order of the listing: the same on every run, whatever order the kernel probed in.

use std::cmp::Ordering;

use super::model::{MediaDeviceInfo, MediaDeviceKind};

/// How willingly a device is taken where a request leaves the choice. The first is listed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// On a bus.
    Hardware,
    /// Made by software.
    Virtual,
    /// The `default` PCM: another way to a microphone that is listed too.
    Shared,
    /// A v4l2loopback that no program writes to: it would give no picture.
    IdleLoopback,
}

/// Cameras before microphones; then what can be captured from before what cannot; then by rank; then by identity,
/// numbers in it by value.
pub(super) fn compare(a: (Rank, &MediaDeviceInfo), b: (Rank, &MediaDeviceInfo)) -> Ordering {
    let kind = |info: &MediaDeviceInfo| match info.kind {
        MediaDeviceKind::VideoInput => 0,
        MediaDeviceKind::AudioInput => 1,
    };
    kind(a.1)
        .cmp(&kind(b.1))
        .then(a.1.is_capturable().cmp(&b.1.is_capturable()).reverse())
        .then(a.0.cmp(&b.0))
        .then_with(|| natural(&a.1.device_id, &b.1.device_id))
        .then_with(|| natural(&a.1.path, &b.1.path))
}

/// Text in byte order, but runs of digits by value: `vivid.2` before `vivid.10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (digits_a, digits_b) = (leading_digits(a), leading_digits(b));
        if !digits_a.is_empty() && !digits_b.is_empty() {
            let (value_a, value_b) = (significant(digits_a), significant(digits_b));
            let order = value_a.len().cmp(&value_b.len()).then_with(|| value_a.cmp(value_b));
            // Equal values of different lengths (01, 1) still need an order.
            let order = order.then(digits_a.len().cmp(&digits_b.len()));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (&a[digits_a.len()..], &b[digits_b.len()..]);
            continue;
        }
        match (a.split_first(), b.split_first()) {
            (Some((first_a, rest_a)), Some((first_b, rest_b))) if first_a == first_b => (a, b) = (rest_a, rest_b),
            (first_a, first_b) => return first_a.map(|(byte, _)| byte).cmp(&first_b.map(|(byte, _)| byte)),
        }
    }
}

fn leading_digits(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    &text[..end]
}

fn significant(digits: &[u8]) -> &[u8] {
    let start = digits.iter().position(|&byte| byte != b'0').unwrap_or(digits.len());
    &digits[start..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_in_names_are_compared_by_value() {
        let mut names = ["vivid.10", "vivid.2", "vivid", "vivid.02", "a", "vivid.2+1"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "vivid", "vivid.2", "vivid.2+1", "vivid.02", "vivid.10"]);
    }

    #[test]
    fn a_microphone_comes_after_every_camera_and_an_idle_loopback_after_every_other_camera() {
        let camera = MediaDeviceInfo::new(MediaDeviceKind::VideoInput, "z");
        let idle = MediaDeviceInfo::new(MediaDeviceKind::VideoInput, "a");
        let microphone = MediaDeviceInfo::new(MediaDeviceKind::AudioInput, "a");
        assert_eq!(compare((Rank::Virtual, &camera), (Rank::IdleLoopback, &idle)), Ordering::Less);
        assert_eq!(compare((Rank::IdleLoopback, &idle), (Rank::Hardware, &microphone)), Ordering::Less);
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[a0-9.]{0,8}", b in "[a0-9.]{0,8}", c in "[a0-9.]{0,8}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b) == Ordering::Equal, a == b);
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                prop_assert!(natural(&a, &c).is_le());
            }
        }
    }
}
