//! The devices of one moment: where all of them are is found out once, and of those that are asked for only what is asked.
//!
//! A request that names a camera lists twice, first to find who is meant and then for its modes. One that names a camera's node,
//! and wants nothing else, need not look at the others at all, where they have no say in that camera's id.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::remembered::{MOMENT, RememberedWorld};
use super::{Depth, Found, Machine, MediaDeviceInfo, MediaDeviceKind, audio, in_order, name, video};
use crate::format::Fourcc;
use crate::seam::{Node, node_rank};

/// A machine that is asked once only for what it says around its devices: for listings of one moment.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    machine: Machine,
    since: Instant,
    places: Arc<Mutex<Option<Arc<Places>>>>,
}

/// Where all devices of a machine are, under their final ids.
#[derive(Debug)]
struct Places {
    nodes: Vec<Node>,
    /// One for each node.
    cameras: Vec<Found>,
    microphones: Vec<Found>,
}

impl Moment {
    /// Of now.
    pub(crate) fn of(machine: &Machine) -> Self {
        Self::since(machine, Instant::now())
    }

    fn since(machine: &Machine, since: Instant) -> Self {
        let world = Arc::new(RememberedWorld::since(machine.world.clone(), since));
        Self { machine: Machine { world, ..machine.clone() }, since, places: Arc::default() }
    }

    /// Those devices of [`Machine::enumerate_all`] that `wanted` says yes to, by their kind, id and path. The others are not
    /// opened: a camera with a thousand modes takes its time, and a sleeping one has to be woken.
    pub(crate) fn enumerate_some(&self, wanted: impl Fn(&MediaDeviceInfo) -> bool) -> Vec<MediaDeviceInfo> {
        self.some(wanted, Depth::Offer)
    }

    /// The same with the modes of these pixel formats alone, where a camera has any of them, and without controls.
    pub(crate) fn enumerate_parts(
        &self,
        wanted: impl Fn(&MediaDeviceInfo) -> bool,
        formats: &[Fourcc],
    ) -> Vec<MediaDeviceInfo> {
        self.some(wanted, Depth::Part(formats))
    }

    /// The same without their modes and controls, and what only these tell: for who wants to know which devices a name means.
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only the command is given names"))]
    pub(crate) fn identify_some(&self, wanted: impl Fn(&MediaDeviceInfo) -> bool) -> Vec<MediaDeviceInfo> {
        self.some(wanted, Depth::Identity)
    }

    /// What [`Moment::identify_some`] says of the camera with this node: from here on the only device there is in this moment.
    /// `None` where other devices have a say in its id, or where there is none such.
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only the command is given names"))]
    pub(crate) fn identify_only(&self, path: &Path) -> Option<MediaDeviceInfo> {
        let places = Arc::new(Places::of_one(&self.machine, path)?);
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = Some(places.clone());
        self.some_of(&places, |device| device.kind == MediaDeviceKind::VideoInput, Depth::Identity).pop()
    }

    /// All devices.
    pub(super) fn all(&self, depth: Depth<'_>) -> Vec<MediaDeviceInfo> {
        let this = &self.machine;
        let mut found: Vec<Found> = this.world.v4l_nodes().iter().map(|node| video::read(this, node, depth)).collect();
        found.append(&mut audio::read_all(this, depth));
        name(&mut found);
        in_order(found)
    }

    fn some(&self, wanted: impl Fn(&MediaDeviceInfo) -> bool, depth: Depth<'_>) -> Vec<MediaDeviceInfo> {
        self.some_of(&self.places(), wanted, depth)
    }

    fn some_of(
        &self,
        places: &Places,
        wanted: impl Fn(&MediaDeviceInfo) -> bool,
        depth: Depth<'_>,
    ) -> Vec<MediaDeviceInfo> {
        let this = &self.machine;
        let mut read: Vec<(usize, Found)> = Vec::new();
        let mut renamed = false;
        for (position, (place, node)) in places.cameras.iter().zip(&places.nodes).enumerate() {
            if wanted(&place.info) {
                let mut camera = video::read(this, node, depth);
                renamed |= camera.identity != place.identity;
                camera.info.device_id.clone_from(&place.info.device_id);
                camera.info.group_id.clone_from(&place.info.group_id);
                read.push((position, camera));
            }
        }
        // The PCM `default` has no place where it could be seen.
        let any = MediaDeviceInfo::new(MediaDeviceKind::AudioInput, "default");
        let heard = places.microphones.iter().map(|place| &place.info).chain([&any]).any(&wanted);
        if !heard && !renamed {
            return in_order(read.into_iter().map(|(_, camera)| camera).collect());
        }
        // Ids depend on the neighbours', so that those take part who are not wanted.
        let mut found = places.cameras.clone();
        for (position, camera) in read {
            found[position] = camera;
        }
        found.extend(if heard { audio::read_all(this, depth) } else { places.microphones.clone() });
        name(&mut found);
        found.retain(|found| wanted(&found.info));
        in_order(found)
    }

    /// Asked for again once the moment is over.
    fn places(&self) -> Arc<Places> {
        let mut known = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = known.take().filter(|_| self.since.elapsed() <= MOMENT);
        known.insert(fresh.unwrap_or_else(|| Arc::new(Places::of(&self.machine)))).clone()
    }
}

impl Places {
    fn of(machine: &Machine) -> Self {
        let nodes = machine.world.v4l_nodes();
        let mut cameras: Vec<Found> = nodes.iter().map(|node| video::read(machine, node, Depth::Place)).collect();
        let mut microphones = audio::read_all(machine, Depth::Place);
        name(cameras.iter_mut().chain(&mut microphones));
        Self { nodes, cameras, microphones }
    }

    /// Of one node, where its parent's others are all the neighbours that can change its id.
    fn of_one(machine: &Machine, path: &Path) -> Option<Self> {
        let world = machine.world.as_ref();
        let node = world.v4l_node(path)?;
        let class = node.sysfs.as_deref()?.parent()?;
        let parent = class.parent()?;
        // A node under another name, and a card with sound of its own, are for who looks at all of them.
        let renamed = node.sysfs.as_deref()?.file_name() != path.file_name();
        if renamed || !class.ends_with("video4linux") || !world.list(&parent.join("sound")).is_empty() {
            return None;
        }
        // Its own index alone can make its id another's.
        let index = |name: &Path| video::index(world, &class.join(name));
        let mut siblings: Vec<_> = world
            .list(class)
            .into_iter()
            .filter(|name| index(name.as_ref()) == index(path.file_name().unwrap_or_default().as_ref()))
            .filter_map(|name| Some((node_rank(&name)?, name)))
            .collect();
        siblings.sort();
        let nodes = siblings.iter().map(|(_, name)| Node {
            path: Path::new("/dev").join(name),
            present: true,
            sysfs: Some(class.join(name)),
        });
        let mut found: Vec<Found> = nodes.map(|node| video::read(machine, &node, Depth::Place)).collect();
        if !found.iter().all(|found| found.identity.depends_on_siblings_alone()) {
            return None;
        }
        name(&mut found);
        found.retain(|found| Path::new(&found.info.path) == path);
        (found.len() == 1).then(|| Self { nodes: vec![node], cameras: found, microphones: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::fixture::{FakeKernel, FakeNode, Tree, machine};

    #[test]
    fn where_devices_are_is_found_out_once_and_again_when_the_moment_is_over() {
        let tree = Tree::new();
        tree.node("video0", "devices/platform/cam.0", "platform", &[]);
        let machine = machine(&tree, &FakeKernel::new([]));
        let (now, before) = (Moment::of(&machine), Moment::since(&machine, Instant::now() - MOMENT * 2));
        let count = |moment: &Moment| moment.identify_some(|_| true).len();
        assert_eq!((count(&now), count(&before)), (1, 1));
        tree.node("video1", "devices/platform/cam.1", "platform", &[]);
        assert_eq!((count(&now), count(&before)), (1, 2));
    }

    #[test]
    fn a_node_that_is_looked_at_alone_has_the_id_it_has_among_all() {
        let tree = Tree::new();
        let names =
            ["video0", "video1", "video2", "video3", "video4", "video5", "video6", "video7", "video8", "video9"];
        let node = |number: usize, parent: &str, bus: &str, index: &str, name: &str| {
            tree.node(names[number], parent, bus, &[("index", index), ("name", name)]);
        };
        // Three nodes of one parent, two of which have one index; a camera with its metadata; a card with sound of its own;
        // two of one serial number; two of one label.
        node(0, "devices/platform/vivid.0", "platform", "0", "vivid-000-vid-cap");
        node(1, "devices/platform/vivid.0", "platform", "0", "vivid-001-vid-cap");
        node(2, "devices/platform/vivid.0", "platform", "1", "vivid-000-vid-out");
        let plain = tree.interface(&tree.usb("6", ("046d", "082d"), None), 0);
        node(3, &plain, "usb", "0", "Camera");
        node(4, &plain, "usb", "1", "Camera");
        node(5, "devices/pci0000:00/0000:02:00.0", "pci", "0", "bttv");
        tree.card(0, "Bt878", "devices/pci0000:00/0000:02:00.0", "pci", &[0]);
        for (number, port) in [(6, "4"), (7, "5")] {
            node(number, &tree.interface(&tree.usb(port, ("046d", "082d"), Some("ABC1")), 0), "usb", "0", "Camera");
        }
        node(8, "devices/virtual", "", "0", "Stage");
        node(9, "devices/virtual", "", "0", "Stage");
        let nodes = ["/dev/video0", "/dev/video1", "/dev/video2", "/dev/video3", "/dev/video4", "/dev/video5"]
            .into_iter()
            .chain(["/dev/video6", "/dev/video7", "/dev/video8", "/dev/video9"]);
        let machine = machine(&tree, &FakeKernel::new(nodes.map(|path| (path, FakeNode::camera("driver", "Card")))));
        let cameras = |moment: &Moment| moment.identify_some(|device| device.kind == MediaDeviceKind::VideoInput);
        let all = cameras(&Moment::of(&machine));
        assert_eq!(all.len(), names.len());
        let mut alone = Vec::new();
        for device in &all {
            let moment = Moment::of(&machine);
            let later = Moment::since(&machine, Instant::now() - MOMENT * 2).identify_only(Path::new(&device.path));
            assert_eq!(later, moment.identify_only(Path::new(&device.path)), "however long it takes");
            if let Some(only) = moment.identify_only(Path::new(&device.path)) {
                assert_eq!(only, *device);
                assert_eq!(cameras(&moment).len(), 1, "no other is there from then on");
                alone.push(device.path.as_str());
            }
        }
        alone.sort_unstable();
        assert_eq!(alone, ["/dev/video0", "/dev/video1", "/dev/video2", "/dev/video3", "/dev/video4"]);
        assert_eq!(Moment::of(&machine).identify_only(Path::new("/dev/video10")), None);
    }
}
