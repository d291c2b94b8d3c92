//! The microphones: every card's capture PCMs, and the `default` PCM where one is configured.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::identity::{self, Identity};
use super::model::{AudioModes, MediaDeviceInfo, MediaDeviceKind, Values};
use super::order::Rank;
use super::{Depth, Found, Machine, refusal};
use crate::seam::{Accepted, CapturePcm, PcmRanges};

const CLASS: &str = "/sys/class/sound";

/// Reads every microphone. Cards come from libasound, and from sysfs where libasound may not open them; never fails.
/// Places come from sysfs alone: libasound reads its configuration first.
pub(super) fn read_all(machine: &Machine, depth: Depth<'_>) -> Vec<Found> {
    let listed = if depth == Depth::Place { Vec::new() } else { machine.pcm.cards() };
    let class = machine.world.list(Path::new(CLASS));
    let in_sysfs = class.iter().filter_map(|name| name.strip_prefix("card")?.parse::<u32>().ok());
    let indices: BTreeSet<u32> = listed.iter().map(|card| card.index).chain(in_sysfs).collect();

    let mut found = Vec::new();
    for index in indices {
        let name = listed.iter().find(|card| card.index == index).and_then(|card| card.name.clone());
        found.append(&mut read_card(machine, index, name, &class, depth));
    }
    if depth != Depth::Place {
        found.extend(read_default(machine));
    }
    found
}

fn read_card(machine: &Machine, card: u32, name: Option<String>, class: &[String], depth: Depth<'_>) -> Vec<Found> {
    let sysfs = machine.world.link(&Path::new(CLASS).join(format!("card{card}")));
    let attribute = |name: &str| sysfs.as_ref().and_then(|sysfs| machine.world.read(&sysfs.join(name)));
    let id = attribute("id").unwrap_or_else(|| card.to_string());
    let in_proc = || if depth == Depth::Place { None } else { name_in_proc(machine, card) };
    let name = name.filter(|name| !name.is_empty()).or_else(in_proc).unwrap_or_else(|| id.clone());
    let driver = sysfs.as_ref().filter(|_| depth != Depth::Place);
    let driver = driver.and_then(|sysfs| identity::driver(machine.world.as_ref(), sysfs)).unwrap_or_default();

    let (pcms, refused) = match depth {
        Depth::Place => (pcms_in_sysfs(class, card), None),
        Depth::Identity | Depth::Part(_) | Depth::Offer => match machine.pcm.capture_pcms(card) {
            Ok(pcms) => (pcms, None),
            Err(error) => (pcms_in_sysfs(class, card), Some(error)),
        },
    };
    let labels = labels(&name, &pcms);
    let read = |(pcm, label): (&CapturePcm, String)| {
        let identity = match &sysfs {
            Some(sysfs) => Identity::from_sysfs(machine.world.as_ref(), sysfs, pcm.device, &id),
            None => Identity::named(&format!("sound-{id}"), pcm.device),
        };
        let rank = if identity.is_virtual { Rank::Virtual } else { Rank::Hardware };
        let mut info = MediaDeviceInfo::new(MediaDeviceKind::AudioInput, "");
        info.label = label;
        info.path = format!("hw:{card},{}", pcm.device);
        info.driver.clone_from(&driver);
        let node = PathBuf::from(format!("/dev/snd/pcmC{card}D{}c", pcm.device));
        if depth == Depth::Place {
            return Found { info, identity, rank };
        }
        match refused.map_or_else(|| machine.pcm.ranges(&info.path), Err) {
            Ok(ranges) => info.audio = modes(ranges),
            Err(error) => refuse(machine, &mut info, error, &node),
        }
        Found { info, identity, rank }
    };
    pcms.iter().zip(labels).map(read).collect()
}

/// Why a PCM cannot be read. libasound says ENOENT or ENODEV of a card it may not open as of one that is not there, so
/// the node itself is looked at.
fn refuse(machine: &Machine, info: &mut MediaDeviceInfo, error: Errno, node: &Path) {
    let vague = matches!(error, Errno::ENOENT | Errno::ENODEV | Errno::ENXIO);
    match machine.world.access(node) {
        None if vague => info.unusable = Some(refusal::absent(&node.to_string_lossy())),
        Some(access) if vague && !access.allowed => refusal::apply(machine, info, Errno::EACCES, node),
        _ => refusal::apply(machine, info, error, node),
    }
}

/// The PCM `default`, which a sound server shares among programs.
fn read_default(machine: &Machine) -> Option<Found> {
    let description = machine.pcm.default_capture()?;
    let mut info = MediaDeviceInfo::new(MediaDeviceKind::AudioInput, "default");
    info.label = if description.is_empty() { "Default microphone".to_owned() } else { description };
    info.path = "default".to_owned();
    info.shared = true;
    match machine.pcm.ranges("default") {
        Ok(ranges) => info.audio = modes(ranges),
        Err(error) => refusal::apply(machine, &mut info, error, Path::new("default")),
    }
    Some(Found { info, identity: Identity::named("default", 0), rank: Rank::Shared })
}

/// The capture PCMs of a card that may not be opened: sysfs has them as `pcmC0D0c`.
fn pcms_in_sysfs(class: &[String], card: u32) -> Vec<CapturePcm> {
    let prefix = format!("pcmC{card}D");
    let mut pcms: Vec<CapturePcm> = class
        .iter()
        .filter_map(|name| name.strip_prefix(&prefix)?.strip_suffix('c')?.parse().ok())
        .map(|device| CapturePcm { device, name: None })
        .collect();
    pcms.sort_by_key(|pcm| pcm.device);
    pcms
}

/// The card's name; with the PCM's where a card has several, and its number where those are the same.
fn labels(card: &str, pcms: &[CapturePcm]) -> Vec<String> {
    let label = |pcm: &CapturePcm| match &pcm.name {
        _ if pcms.len() == 1 => card.to_owned(),
        Some(name) if pcms.iter().filter(|other| other.name == pcm.name).count() == 1 => format!("{card}: {name}"),
        Some(name) => format!("{card}: {name} {}", pcm.device),
        None => format!("{card}: {}", pcm.device),
    };
    pcms.iter().map(label).collect()
}

/// The card's name from `/proc/asound/cards`, for a card that libasound may not open or whose name is broken. Lines are
/// ` 1 [C920           ]: USB-Audio - HD Pro Webcam C920`, each followed by one with the long name.
fn name_in_proc(machine: &Machine, card: u32) -> Option<String> {
    let cards = machine.world.read(Path::new("/proc/asound/cards"))?;
    let name = cards.lines().find_map(|line| {
        let (number, rest) = line.split_once('[')?;
        if number.trim().parse() != Ok(card) {
            return None;
        }
        Some(rest.split_once("]: ")?.1.split_once(" - ")?.1.trim().to_owned())
    })?;
    (!name.is_empty()).then_some(name)
}

fn modes(ranges: PcmRanges) -> AudioModes {
    // A rate of 0, or no channel, is none.
    let values = |accepted| match accepted {
        Accepted::List(list) => Some(Values::List(list.into_iter().filter(|&value| value > 0).collect())),
        Accepted::Range(0, 0) => None,
        Accepted::Range(min, max) => Some(Values::Range { min: min.min(max).max(1), max: max.max(min) }),
    };
    let (shortest, longest) = ranges.period;
    let seconds = |microseconds: u32| f64::from(microseconds) / 1e6;
    AudioModes {
        sample_rate: values(ranges.rates),
        channel_count: values(ranges.channels),
        sample_formats: ranges.formats,
        latency: Some((seconds(shortest.min(longest)), seconds(longest.max(shortest)))),
    }
}
