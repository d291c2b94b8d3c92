//! How the kernel schedules the capture thread: in real time, and on which processors.

use nix::errno::Errno;

use crate::error::{Error, ErrorName, Result};
use crate::seam::{Kernel, RealTimePolicy};

/// How the kernel is to schedule the capture thread, which every camera and microphone of the process shares.
///
/// Without it the thread is one among all others, which is enough where the machine has time to spare: the driver's buffers
/// bridge a twentieth of a second. On a machine that is busy for longer, give the thread a real-time priority
/// ([`sched(7)`](https://man7.org/linux/man-pages/man7/sched.7.html)), and it runs as soon as a frame is there.
///
/// Callbacks of [`VideoTrack::on_frame`](crate::VideoTrack::on_frame) run on that thread and have its priority: nothing else
/// runs on its processor meanwhile. Threads they start have not (SCHED_RESET_ON_FORK).
///
/// ```
/// use usermedia::{CaptureScheduling, MediaDevices, RealTimePolicy};
///
/// let scheduling = CaptureScheduling::new().real_time(RealTimePolicy::Fifo, 20).cpus([2, 3]);
/// let devices = MediaDevices::new().with_scheduling(scheduling);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaptureScheduling {
    real_time: Option<(RealTimePolicy, u8)>,
    cpus: Option<Vec<usize>>,
}

impl CaptureScheduling {
    /// As any other thread.
    pub fn new() -> Self {
        Self::default()
    }

    /// In real time, with a priority from 1 to 99; of 50 and more are the kernel's own threads for interrupts, where it has
    /// them.
    #[must_use]
    pub fn real_time(mut self, policy: RealTimePolicy, priority: u8) -> Self {
        self.real_time = Some((policy, priority));
        self
    }

    /// On these processors and no others, by their numbers from 0.
    #[must_use]
    pub fn cpus(mut self, cpus: impl IntoIterator<Item = usize>) -> Self {
        self.cpus = Some(cpus.into_iter().collect());
        self
    }

    /// Has the kernel schedule that thread so: the processors first, so that it is nowhere else in real time.
    pub(super) fn apply(&self, kernel: &dyn Kernel, thread: i32) -> Result<()> {
        if let Some(cpus) = &self.cpus {
            kernel.set_affinity(thread, cpus).map_err(|errno| affinity_failure(cpus, errno))?;
        }
        let Some((policy, priority)) = self.real_time else { return Ok(()) };
        if !(1..=99).contains(&priority) {
            let message = format!("{priority} is no priority of {policy}, which has 1 to 99");
            return Err(Error::new(ErrorName::TypeError, message));
        }
        kernel.set_real_time(thread, policy, priority).map_err(|errno| real_time_failure(policy, priority, errno))
    }
}

fn affinity_failure(cpus: &[usize], errno: Errno) -> Error {
    let list = cpus.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let message = match errno {
        Errno::EINVAL => {
            format!("the capture thread cannot run on processors {list}: this process may use none of them")
        }
        errno => format!("the capture thread cannot run on processors {list}: {}", errno.desc()),
    };
    Error::new(ErrorName::TypeError, message)
        .with_errno(errno as i32)
        .with_remedy("see Cpus_allowed_list in /proc/self/status for those there are")
}

fn real_time_failure(policy: RealTimePolicy, priority: u8, errno: Errno) -> Error {
    let message = format!("the capture thread cannot have {policy} {priority}");
    match errno {
        Errno::EPERM => Error::new(ErrorName::NotAllowedError, format!("{message}: no permission to run in real time"))
            .with_remedy(format!(
                "allow it: LimitRTPRIO={priority} in a systemd unit, '@video - rtprio {priority}' in a file in \
                 /etc/security/limits.d and a new login, or 'setcap cap_sys_nice+ep' on the program; where root is refused \
                 as well, its control group has no share of real time (cpu.rt_runtime_us)"
            )),
        errno => Error::new(ErrorName::NotSupportedError, format!("{message}: {}", errno.desc())),
    }
    .with_errno(errno as i32)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::seam::scripted::ScriptedKernel;

    #[test]
    fn the_thread_is_bound_before_it_runs_in_real_time() {
        let kernel = ScriptedKernel::new();
        CaptureScheduling::new().real_time(RealTimePolicy::RoundRobin, 99).cpus([0, 2]).apply(&*kernel, 7).unwrap();
        assert_eq!(kernel.scheduled(), ["thread 7 on [0, 2]", "thread 7 SCHED_RR 99"]);
    }

    #[test]
    fn a_refusal_says_what_to_do_about_it() {
        let kernel = ScriptedKernel::new();
        kernel.refuse_scheduling(Errno::EPERM);
        let error = CaptureScheduling::new().real_time(RealTimePolicy::Fifo, 20).apply(&*kernel, 7).unwrap_err();
        assert_eq!((error.name(), error.errno()), (ErrorName::NotAllowedError, Some(Errno::EPERM as i32)));
        let remedy = error.remedy().unwrap();
        for way in ["LimitRTPRIO=20", "rtprio 20", "cap_sys_nice", "cpu.rt_runtime_us"] {
            assert!(remedy.contains(way), "{remedy}");
        }
        kernel.refuse_scheduling(Errno::EINVAL);
        let error = CaptureScheduling::new().cpus([4096]).apply(&*kernel, 7).unwrap_err();
        assert!(error.message().contains("4096") && error.remedy().is_some(), "{error}");
    }

    #[test]
    fn a_priority_that_there_is_not_never_reaches_the_kernel() {
        let kernel = ScriptedKernel::new();
        for priority in [0, 100, u8::MAX] {
            let error =
                CaptureScheduling::new().real_time(RealTimePolicy::Fifo, priority).apply(&*kernel, 7).unwrap_err();
            assert_eq!(error.name(), ErrorName::TypeError);
        }
        assert_eq!(kernel.scheduled(), Vec::<String>::new());
    }
}
