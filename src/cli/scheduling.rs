//! How the capture thread is scheduled, as the command line has it.

use clap::Args;

use crate::capture::CaptureScheduling;
use crate::seam::RealTimePolicy;

/// A processor's number is below this: more than the kernel has room for (CONFIG_NR_CPUS).
const MOST_CPUS: usize = 1 << 13;

#[derive(Debug, Args)]
pub(super) struct SchedulingArguments {
    /// Capture in real time, by SCHED_FIFO or SCHED_RR with this priority, such as fifo:20.
    #[arg(long, value_name = "fifo:N|rr:N", value_parser = parse_real_time)]
    real_time: Option<(RealTimePolicy, u8)>,
    /// Capture on these processors only, such as 2 or 0,2-3.
    #[arg(long, value_name = "LIST", value_parser = parse_cpus)]
    cpus: Option<Cpus>,
}

/// Processors by their numbers. (A name for clap, which takes a `Vec` for an option that can be repeated.)
type Cpus = std::sync::Arc<[usize]>;

impl SchedulingArguments {
    pub(super) fn scheduling(&self) -> CaptureScheduling {
        let scheduling = CaptureScheduling::new();
        let scheduling = match self.real_time {
            Some((policy, priority)) => scheduling.real_time(policy, priority),
            None => scheduling,
        };
        match &self.cpus {
            Some(cpus) => scheduling.cpus(cpus.iter().copied()),
            None => scheduling,
        }
    }
}

fn parse_real_time(text: &str) -> Result<(RealTimePolicy, u8), String> {
    let refused = || format!("{text:?} is no real-time policy: write fifo:20 or rr:20, with a priority from 1 to 99");
    let (policy, priority) = text.split_once(':').ok_or_else(refused)?;
    let policy = match policy {
        "fifo" => RealTimePolicy::Fifo,
        "rr" => RealTimePolicy::RoundRobin,
        _ => return Err(refused()),
    };
    let priority = priority.parse().ok().filter(|priority| (1..=99).contains(priority)).ok_or_else(refused)?;
    Ok((policy, priority))
}

/// As `taskset --cpu-list` has it, and the kernel in /proc/self/status.
fn parse_cpus(text: &str) -> Result<Cpus, String> {
    let refused = || format!("{text:?} is no list of processors: write 2 or 0,2-3");
    let number = |text: &str| text.parse::<usize>().ok().filter(|&cpu| cpu < MOST_CPUS).ok_or_else(refused);
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(refused());
        }
        cpus.extend(first..=last);
    }
    Ok(cpus.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_has_a_priority() {
        assert_eq!(parse_real_time("fifo:20"), Ok((RealTimePolicy::Fifo, 20)));
        assert_eq!(parse_real_time("rr:1"), Ok((RealTimePolicy::RoundRobin, 1)));
        for wrong in ["", "fifo", "fifo:", "fifo:0", "rr:100", "other:3", "20", "fifo:-1"] {
            assert!(parse_real_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn processors_are_listed_as_taskset_has_it() {
        assert_eq!(parse_cpus("2").unwrap().to_vec(), [2]);
        assert_eq!(parse_cpus("0,2-4").unwrap().to_vec(), [0, 2, 3, 4]);
        for wrong in ["", ",", "a", "3-1", "1-", "-1", "0-99999999999", "8192"] {
            assert!(parse_cpus(wrong).is_err(), "{wrong}");
        }
    }
}
