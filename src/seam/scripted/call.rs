//! The system calls and libasound's, by name: what a script makes fail or block, and what tests count.

use nix::errno::Errno;

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// A system call, or one of libasound's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Call { $($(#[$doc])* $name,)* }

        impl Call {
            /// Every call.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

calls! {
    Open,
    Close,
    QueryCapability,
    /// ENUM_FMT, ENUM_FRAMESIZES, ENUM_FRAMEINTERVALS.
    Enumerate,
    GetFormat,
    SetFormat,
    GetInterval,
    SetInterval,
    GetControl,
    SetControl,
    /// QUERY_EXT_CTRL and QUERYMENU.
    QueryControl,
    RequestBuffers,
    /// REQBUFS with a count of 0.
    FreeBuffers,
    QueryBuffer,
    Map,
    ExportBuffer,
    /// DMA_BUF_IOCTL_SYNC.
    SyncDmaBuf,
    QueueBuffer,
    DequeueBuffer,
    StreamOn,
    StreamOff,
    SubscribeEvent,
    DequeueEvent,
    InputStatus,
    /// `snd_pcm_hw_params` and what comes before and after it.
    PcmConfigure,
    PcmRevents,
    PcmPrepare,
    PcmStart,
    PcmResume,
    PcmAvail,
    PcmStatus,
    PcmRead,
    PcmSkip,
}

/// For ever, as a number of times.
pub(crate) const FOREVER: u64 = u64::MAX;

/// A call that fails `times` times after it went well `after` times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) call: Call,
    pub(super) errno: Errno,
    pub(super) after: u64,
    pub(super) times: u64,
}

/// What is to go wrong at one device.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// One more of this call: whether it fails.
    pub(super) fn meet(&mut self, call: Call) -> Result<(), Errno> {
        let Some(fault) = self.0.iter_mut().find(|fault| fault.call == call && fault.times > 0) else { return Ok(()) };
        if fault.after > 0 {
            fault.after -= 1;
            return Ok(());
        }
        if fault.times != FOREVER {
            fault.times -= 1;
        }
        Err(fault.errno)
    }

    /// Whether the next of this call fails.
    pub(super) fn is_next(&self, call: Call) -> bool {
        self.0.iter().find(|fault| fault.call == call && fault.times > 0).is_some_and(|fault| fault.after == 0)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
