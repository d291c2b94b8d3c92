//! Who is in the way of a busy device, in words.

use crate::error::Holder;
use crate::seam::{Hold, Holding};

/// How many processes are named; of more it is said how many.
const NAMED: usize = 3;

/// The processes that have a busy node open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Occupants {
    /// Those that do most with it: one of them is the reason.
    suspects: Vec<Holder>,
    /// Those that have it open besides.
    others: Vec<Holder>,
}

impl Occupants {
    /// Sorted by what they do with it; `None` where `/proc` tells of nobody.
    pub(crate) fn of(holdings: Vec<Holding>) -> Option<Self> {
        let most: Hold = holdings.iter().map(|holding| holding.hold).max()?;
        let (suspects, others): (Vec<_>, Vec<_>) = holdings.into_iter().partition(|holding| holding.hold == most);
        let holders = |holdings: Vec<Holding>| holdings.into_iter().map(|holding| holding.holder).collect();
        Some(Self { suspects: holders(suspects), others: holders(others) })
    }

    /// What is said of a device at `path`.
    pub(crate) fn message(&self, path: &str) -> String {
        let mut message = format!("{path} is in use by {}", names(&self.suspects));
        if !self.others.is_empty() {
            let have = if self.others.len() == 1 { "has" } else { "have" };
            message += &format!("; {} {have} it open, too", names(&self.others));
        }
        message
    }

    /// What to do about it, besides what `otherwise` says.
    pub(crate) fn remedy(&self, otherwise: &str) -> String {
        match self.suspects.as_slice() {
            [suspect] => format!("close {}, or {otherwise}", suspect.process),
            _ => format!("close the one that captures, or {otherwise}"),
        }
    }

    /// The likeliest.
    pub(crate) fn into_holder(self) -> Option<Holder> {
        self.suspects.into_iter().next()
    }
}

fn names(holders: &[Holder]) -> String {
    let mut names: Vec<String> =
        holders.iter().take(NAMED).map(|holder| format!("{} (pid {})", holder.process, holder.pid)).collect();
    if holders.len() > NAMED {
        names.push(format!("{} more", holders.len() - NAMED));
    }
    match names.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occupants(holdings: &[(&str, u32, Hold)]) -> Option<Occupants> {
        let holding =
            |&(process, pid, hold): &_| Holding { holder: Holder { process: str::to_owned(process), pid }, hold };
        Occupants::of(holdings.iter().map(holding).collect())
    }

    #[test]
    fn the_one_that_streams_is_the_reason_and_a_writer_with_a_lower_number_is_not() {
        let occupants =
            occupants(&[("ffmpeg", 7, Hold::Open), ("sh", 8, Hold::Writing), ("obs", 12, Hold::Streaming)]).unwrap();
        let message = "/dev/video9 is in use by obs (pid 12); ffmpeg (pid 7) and sh (pid 8) have it open, too";
        assert_eq!(occupants.message("/dev/video9"), message);
        assert_eq!(occupants.remedy("ask for another camera"), "close obs, or ask for another camera");
        assert_eq!(occupants.into_holder(), Some(Holder { process: "obs".into(), pid: 12 }));
    }

    #[test]
    fn where_it_cannot_be_told_all_are_named_up_to_a_few() {
        let open = |number: u32| ("cam", number, Hold::Open);
        let two = occupants(&[open(1), open(2), ("sh", 3, Hold::Writing)]).unwrap();
        let message = "/dev/video0 is in use by cam (pid 1) and cam (pid 2); sh (pid 3) has it open, too";
        assert_eq!(two.message("/dev/video0"), message);
        assert_eq!(two.remedy("wait"), "close the one that captures, or wait");
        let many = occupants(&[open(1), open(2), open(3), open(4), open(5)]).unwrap();
        let message = "/dev/video0 is in use by cam (pid 1), cam (pid 2), cam (pid 3) and 2 more";
        assert_eq!(many.message("/dev/video0"), message);
        assert_eq!(occupants(&[]), None);
    }
}
