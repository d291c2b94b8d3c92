//! Who a device is: the `deviceId` and `groupId` that survive a replug, a reboot and a module's reload as far as the
//! bus allows.
//!
//! Everything here is read from sysfs, not from the node, so that a device has the same id whether or not it can be
//! opened. The node's number is never a part: it changes with the order of probing.
//!
//! | where the device sits | `deviceId` | `groupId` |
//! |---|---|---|
//! | USB, usable serial | `usb-VID_PID_SERIAL-IF` | `usb-VID_PID_SERIAL` |
//! | USB, none | `usb-VID_PID@PORT-IF` | `usb-VID_PID@PORT` |
//! | USB, serial shared by live devices | `usb-VID_PID_SERIAL-IF~PORT` | `usb-VID_PID_SERIAL~PORT` |
//! | another bus | `platform-NAME`, `pci-ADDRESS`, ... | the same |
//! | no bus (v4l2loopback) | `virtual-LABEL` | the same |
//! | no sysfs | by what QUERYCAP calls the bus | the same |
//!
//! `IF` is the USB interface number. The second and later nodes of one parent (a camera's metadata node, an infrared
//! sensor, a card's second PCM) get `+INDEX`: the node's `index` in sysfs, the PCM's device number. `PORT` is the host
//! controller with the port path (`0000:00:14.0-usb2-1.4`), not the bus number, which is given out in probing order.
//! Where several devices are still the same after that, each gets `~NAME`, what its driver calls the node (four vivids
//! have one parent), and where the names are the same too (two v4l2loopbacks of one label), `~N` in the order of the
//! nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::devices::FacingMode;
use crate::seam::World;

/// Devices made by software, by the name of their parent: they come after hardware in the listing.
const VIRTUAL_PARENTS: [&str; 7] = ["vivid", "vimc", "vim2m", "vicodec", "visl", "snd_aloop", "snd_dummy"];

/// Serial numbers that many cameras share, in lower case: placeholders, counters and firmware versions that vendors
/// left in. Only well-known ones; a serial that is unique in fact must not be refused.
const DUMMY_SERIALS: [&str; 14] = [
    "0123456789abcdef",
    "0123456789",
    "1234567890",
    "123456789",
    "12345678",
    "123456",
    "200901010001",
    "sn0001",
    "sn-0001",
    "0x0001",
    "01.00.00",
    "default",
    "none",
    "unknown",
];

/// What ids begin with where sysfs does not say which bus it is.
const UNKNOWN_BUS: &str = "bus";

/// Where a device sits.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Usb {
        /// `VID_PID`, in the four lower-case digits of sysfs.
        model: String,
        /// Only a usable one.
        serial: Option<String>,
        port: String,
        interface: String,
    },
    /// `platform-vivid.0`: the bus and the name on it.
    Bus(String),
}

/// Who a device is, before its neighbours are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    place: Place,
    /// Which of its parent's nodes.
    index: u32,
    /// What the driver calls the node.
    name: String,
    /// Made by software.
    pub is_virtual: bool,
}

impl Identity {
    /// The identity of the class device at `sysfs` (`…/video4linux/video0`, `…/sound/card1`), already without symbolic
    /// links. `index` tells the nodes of one parent apart, `name` is what its driver calls it.
    pub(super) fn from_sysfs(world: &dyn World, sysfs: &Path, index: u32, name: &str) -> Self {
        let parent = parent_device(sysfs);
        let Some(parent) = parent.filter(|parent| !parent.ends_with("virtual")) else {
            return Self::on_no_bus(name);
        };
        let name = sanitise(name);
        if let Some(place) = usb_place(world, &parent) {
            return Self { place, index, name, is_virtual: false };
        }
        let device = parent.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let stem = device.split('.').next().unwrap_or_default();
        let is_virtual = VIRTUAL_PARENTS.contains(&stem);
        let place = Place::Bus(format!("{}-{}", bus_of(world, &parent), sanitise(&device)));
        Self { place, index, name, is_virtual }
    }

    /// A device made by software that sits on no bus: by its label, which is the user's to choose. A v4l2loopback's
    /// default label ends in its node's number, which is left off.
    pub(super) fn on_no_bus(label: &str) -> Self {
        let stem = match label.rsplit_once(" (0x") {
            Some((stem, number)) if number.ends_with(')') => stem,
            _ => label,
        };
        Self { is_virtual: true, ..Self::named(&format!("virtual-{}", sanitise(stem)), 0) }
    }

    /// Where sysfs cannot be read: by what the driver calls its bus (`usb-0000:00:14.0-4`, `platform:vivid-000`).
    pub(super) fn from_bus_info(bus_info: &str) -> Self {
        let name = match bus_info.split_once(':') {
            Some((bus, name)) if !bus.is_empty() && bus.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                format!("{}-{}", bus.to_ascii_lowercase(), sanitise(name))
            }
            _ => sanitise(bus_info),
        };
        Self::named(&name, 0)
    }

    /// A device by a name that is an id already.
    pub(super) fn named(name: &str, index: u32) -> Self {
        Self { place: Place::Bus(name.to_owned()), index, name: String::new(), is_virtual: false }
    }

    /// Whether it is a device of its own, below no other (`/sys/devices/virtual`).
    pub(super) fn sits_on_no_bus(&self) -> bool {
        matches!(&self.place, Place::Bus(name) if name.starts_with("virtual-"))
    }

    /// Whether no device but those of its own parent can change its id: there is no serial number that another may have too, and
    /// no label that a person chose.
    pub(super) fn depends_on_siblings_alone(&self) -> bool {
        match &self.place {
            Place::Usb { serial, .. } => serial.is_none(),
            Place::Bus(name) => !self.sits_on_no_bus() && !name.starts_with(&format!("{UNKNOWN_BUS}-")),
        }
    }

    fn bare_group(&self) -> String {
        match &self.place {
            Place::Usb { model, serial: Some(serial), .. } => format!("usb-{model}_{serial}"),
            Place::Usb { model, serial: None, port, .. } => format!("usb-{model}@{port}"),
            Place::Bus(name) => name.clone(),
        }
    }

    fn bare_device(&self) -> String {
        let mut id = self.bare_group();
        if let Place::Usb { interface, .. } = &self.place {
            id.push('-');
            id.push_str(interface);
        }
        if self.index > 0 {
            id.push_str(&format!("+{}", self.index));
        }
        id
    }

    /// The port of a device that is named by its serial.
    fn port_beside_serial(&self) -> Option<&str> {
        match &self.place {
            Place::Usb { serial: Some(_), port, .. } => Some(port),
            _ => None,
        }
    }
}

/// The final ids, `(deviceId, groupId)`, of devices that live at the same time: each device id once. `identities` come
/// in the order of their nodes, cameras and microphones together: they share groups.
pub(super) fn unique_ids(identities: &[Identity]) -> Vec<(String, String)> {
    let mut ports: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for identity in identities {
        if let Some(port) = identity.port_beside_serial() {
            ports.entry(identity.bare_group()).or_default().insert(port);
        }
    }
    let mut ids: Vec<(String, String)> = identities
        .iter()
        .map(|identity| {
            let (device, group) = (identity.bare_device(), identity.bare_group());
            match identity.port_beside_serial() {
                Some(port) if ports.get(&group).is_some_and(|ports| ports.len() > 1) => {
                    (format!("{device}~{port}"), format!("{group}~{port}"))
                }
                _ => (device, group),
            }
        })
        .collect();

    for position in same_ids(&ids).into_iter().flatten() {
        let name = &identities[position].name;
        if !name.is_empty() && !identities[position].sits_on_no_bus() {
            ids[position].0.push_str(&format!("~{name}"));
        }
    }
    for positions in same_ids(&ids) {
        for (ordinal, position) in positions.into_iter().enumerate() {
            let (device, group) = &mut ids[position];
            device.push_str(&format!("~{ordinal}"));
            // Devices on no bus are devices of their own; the nodes of one parent stay one group.
            if identities[position].sits_on_no_bus() {
                group.clone_from(device);
            }
        }
    }
    ids
}

/// The positions of the devices whose ids are the same, by id.
fn same_ids(ids: &[(String, String)]) -> Vec<Vec<usize>> {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (position, (device, _)) in ids.iter().enumerate() {
        members.entry(device).or_default().push(position);
    }
    members.into_values().filter(|positions| positions.len() > 1).collect()
}

/// Where a camera points, where the firmware says so: ACPI's `_PLD`, which the kernel shows as `physical_location`. A
/// USB camera counts only where its port is fixed: a socket at the front of a case says nothing about what is plugged
/// into it.
pub(super) fn facing_mode(world: &dyn World, sysfs: &Path) -> Option<FacingMode> {
    let parent = parent_device(sysfs)?;
    let usb = usb_device(world, &parent);
    if let Some(usb) = &usb
        && world.read(&usb.join("removable"))? != "fixed"
    {
        return None;
    }
    let panel = [Some(parent), usb].into_iter().flatten();
    let panel = panel.into_iter().find_map(|device| world.read(&device.join("physical_location/panel")))?;
    match panel.as_str() {
        "front" => Some(FacingMode::User),
        "back" => Some(FacingMode::Environment),
        _ => None,
    }
}

/// The driver of the device that a class device belongs to.
pub(super) fn driver(world: &dyn World, sysfs: &Path) -> Option<String> {
    let driver = world.link(&parent_device(sysfs)?.join("driver"))?;
    Some(driver.file_name()?.to_string_lossy().into_owned())
}

/// The device that a class device belongs to: `…/X/video4linux/video0` gives `…/X`.
fn parent_device(sysfs: &Path) -> Option<PathBuf> {
    let class = sysfs.parent()?;
    let is_class = class.ends_with("video4linux") || class.ends_with("sound");
    if is_class { class.parent().map(Path::to_owned) } else { None }
}

fn usb_device(world: &dyn World, parent: &Path) -> Option<PathBuf> {
    let mut devices = parent.ancestors().take_while(|path| *path != Path::new("/sys/devices"));
    devices.find(|path| world.read(&path.join("idVendor")).is_some()).map(Path::to_owned)
}

fn usb_place(world: &dyn World, parent: &Path) -> Option<Place> {
    let device = usb_device(world, parent)?;
    let interface = parent
        .ancestors()
        .take_while(|path| *path != device)
        .find_map(|path| world.read(&path.join("bInterfaceNumber")))
        .map_or_else(|| "0".to_owned(), |number| interface_number(&number));
    let model = format!(
        "{}_{}",
        sanitise(&world.read(&device.join("idVendor"))?),
        sanitise(&world.read(&device.join("idProduct"))?)
    );
    let serial = world.read(&device.join("serial")).and_then(|serial| usable_serial(&serial));
    Some(Place::Usb { model, serial, port: usb_port(world, &device), interface })
}

/// sysfs writes two hexadecimal digits; the id a decimal number.
fn interface_number(text: &str) -> String {
    u8::from_str_radix(text.trim(), 16).map_or_else(|_| sanitise(text), |number| number.to_string())
}

/// `/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4` is `0000:00:14.0-usb2-1.4`: the controller, the generation of
/// its root hub (USB 2 and USB 3 ports of one controller are counted apart), the ports.
fn usb_port(world: &dyn World, device: &Path) -> String {
    let name = device.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let ports = name.split_once('-').map_or(name.as_str(), |(_, ports)| ports);
    let root_hub = device.ancestors().skip(1).find(|path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| {
            name.strip_prefix("usb").is_some_and(|bus| !bus.is_empty() && bus.bytes().all(|byte| byte.is_ascii_digit()))
        })
    });
    let Some(root_hub) = root_hub else { return sanitise(&name) };
    let controller =
        root_hub.parent().and_then(Path::file_name).map_or_else(String::new, |name| sanitise(&name.to_string_lossy()));
    // In Mbit/s: 480 for USB 2, 5000 and up for USB 3.
    let speed = world.read(&root_hub.join("speed")).and_then(|speed| speed.parse::<u32>().ok()).unwrap_or(480);
    let generation = if speed >= 5000 { 3 } else { 2 };
    format!("{controller}-usb{generation}-{}", sanitise(ports))
}

/// The bus a device sits on, as sysfs calls it: `platform`, `pci`, `i2c`.
fn bus_of(world: &dyn World, device: &Path) -> String {
    world
        .link(&device.join("subsystem"))
        .and_then(|path| path.file_name().map(|name| sanitise(&name.to_string_lossy())))
        .unwrap_or_else(|| UNKNOWN_BUS.to_owned())
}

/// A serial number that tells one camera from another of its model, in the characters of an id.
fn usable_serial(serial: &str) -> Option<String> {
    let serial = serial.trim();
    let mut bytes = serial.bytes().filter(|byte| byte.is_ascii_alphanumeric());
    let first = bytes.next()?;
    // One character repeated: all zeroes, all 0xFF.
    if bytes.all(|byte| byte == first) && serial.len() > 1 {
        return None;
    }
    if serial == "0" || DUMMY_SERIALS.contains(&serial.to_ascii_lowercase().as_str()) {
        return None;
    }
    Some(sanitise(serial))
}

/// Letters, digits, `.`, `:`, `-` and `_`; anything else becomes `_`. So `@`, `~` and `+` keep their meaning in an id.
fn sanitise(text: &str) -> String {
    let keep = |character: char| character.is_ascii_alphanumeric() || ".:-_".contains(character);
    text.trim().chars().map(|character| if keep(character) { character } else { '_' }).collect()
}
