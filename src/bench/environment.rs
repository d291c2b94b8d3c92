//! The machine that figures come from, and what they are worth.

use std::fs;

use serde_json::{Value, json};

/// What figures of a machine are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    /// A real machine.
    Hardware,
    /// A virtual machine on a real processor: times include what its host does.
    Vm,
    /// A processor that is itself a program (QEMU's TCG): times compare only with each other.
    Tcg,
    /// A clock that runs as fast as the work is done (User-Mode Linux): times mean nothing, counts do.
    VirtualTime,
}

impl Validity {
    /// `hardware`, `vm`, `tcg`, `virtual-time`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hardware => "hardware",
            Self::Vm => "vm",
            Self::Tcg => "tcg",
            Self::VirtualTime => "virtual-time",
        }
    }

    /// What to make of the figures, as a sentence; `None` of a real machine's.
    pub(crate) const fn caution(self) -> Option<&'static str> {
        match self {
            Self::Hardware => None,
            Self::Vm => Some("a virtual machine: times include what its host does meanwhile"),
            Self::Tcg => Some("an emulated processor (QEMU's TCG): times compare only with others of this table"),
            Self::VirtualTime => Some("virtual time: there are no times, only counts"),
        }
    }

    /// Whether a time measured here is one.
    pub(crate) fn has_times(self) -> bool {
        self != Self::VirtualTime
    }
}

/// The machine, in the words of its own files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Environment {
    pub(crate) validity: Validity,
    pub(crate) kernel: String,
    pub(crate) processor: String,
    pub(crate) processors: usize,
    /// The frequency governor of the first processor, where it has one.
    pub(crate) governor: Option<String>,
    pub(crate) clock: Option<String>,
    /// Processes that ran or wanted to, on average over the last minute.
    pub(crate) load: Option<f64>,
}

impl Environment {
    pub(crate) fn read() -> Self {
        Self::from_files(|path| fs::read_to_string(path).ok())
    }

    fn from_files(read: impl Fn(&str) -> Option<String>) -> Self {
        let line = |path| read(path).map(|text| text.trim().to_owned());
        let cpuinfo = read("/proc/cpuinfo").unwrap_or_default();
        let model = ["model name", "Model", "Hardware", "cpu"].iter().find_map(|name| field(&cpuinfo, name));
        let processors = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
        Self {
            validity: validity(&cpuinfo, &read),
            kernel: line("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".to_owned()),
            processor: model.unwrap_or("unknown").to_owned(),
            processors: processors.max(1),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            clock: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            load: line("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok()),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "validity": self.validity.as_str(), "kernel": self.kernel, "processor": self.processor,
            "processors": self.processors, "governor": self.governor, "clock": self.clock, "load": self.load,
        })
    }
}

/// The value of a line `name : value`.
fn field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

fn validity(cpuinfo: &str, read: &impl Fn(&str) -> Option<String>) -> Validity {
    let user_mode = field(cpuinfo, "vendor_id") == Some("User Mode Linux");
    if user_mode && read("/proc/cmdline").is_some_and(|line| line.contains("time-travel")) {
        return Validity::VirtualTime;
    }
    let model = field(cpuinfo, "model name").unwrap_or_default();
    // QEMU's emulated processors say so unless told otherwise; with KVM it passes the real one's name on.
    if model.starts_with("QEMU TCG") {
        return Validity::Tcg;
    }
    let hypervisor = field(cpuinfo, "flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    let board = read("/sys/firmware/devicetree/base/compatible").unwrap_or_default();
    let machine = read("/sys/class/dmi/id/product_name").unwrap_or_default();
    let virtual_board = board.contains("dummy-virt")
        || ["KVM", "Virtual Machine", "VirtualBox"].iter().any(|name| machine.contains(name));
    if user_mode || hypervisor || virtual_board { Validity::Vm } else { Validity::Hardware }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Environment {
        Environment::from_files(|path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned()))
    }

    const LAPTOP: &str =
        "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Core i5\nflags\t\t: fpu sse2\n\nprocessor\t: 1\n";

    #[test]
    fn a_laptop_is_hardware() {
        let laptop = of(&[("/proc/cpuinfo", LAPTOP), ("/proc/loadavg", "0.52 0.58 0.59 1/389 4242\n")]);
        assert_eq!((laptop.validity, laptop.processors, laptop.load), (Validity::Hardware, 2, Some(0.52)));
        assert_eq!(laptop.processor, "Core i5");
    }

    #[test]
    fn a_guest_says_what_it_is() {
        let guest = LAPTOP.replace("sse2", "sse2 hypervisor");
        assert_eq!(of(&[("/proc/cpuinfo", &guest)]).validity, Validity::Vm);
        let emulated = guest.replace("Core i5", "QEMU TCG CPU version 2.5+");
        assert_eq!(of(&[("/proc/cpuinfo", &emulated)]).validity, Validity::Tcg);
        let arm = "processor\t: 0\nBogoMIPS\t: 125.00\n";
        assert_eq!(of(&[("/proc/cpuinfo", arm)]).validity, Validity::Hardware);
        let board = ("/sys/firmware/devicetree/base/compatible", "linux,dummy-virt\0");
        assert_eq!(of(&[("/proc/cpuinfo", arm), board]).validity, Validity::Vm);
    }

    #[test]
    fn a_clock_that_skips_is_virtual_time() {
        let uml = "processor\t: 0\nvendor_id\t: User Mode Linux\nmodel name\t: UML\n";
        let skipping = ("/proc/cmdline", "root=/dev/root time-travel init=/init");
        assert_eq!(of(&[("/proc/cpuinfo", uml), skipping]).validity, Validity::VirtualTime);
        assert_eq!(of(&[("/proc/cpuinfo", uml)]).validity, Validity::Vm);
        assert!(!Validity::VirtualTime.has_times() && Validity::Tcg.has_times());
    }
}
