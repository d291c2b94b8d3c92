//! Keeping a device that fails: what is tried, in which order, how long, and who is told.
//!
//! A reader on the reactor that gets no more frames says so once and leaves. Its [`Supervisor`] then mutes the track and
//! climbs the ladder on the control thread: streaming anew, opening anew, and looking for the device by its identity, with
//! growing pauses, until frames flow again or the [`RecoveryPolicy`]'s patience is over. The order and the pauses are one
//! pure state machine ([`Ladder`]); every rung is a [`RecoveryEvent`].

mod device;
mod event;
mod ladder;
mod policy;
mod supervisor;

pub(in crate::capture) use device::{Asked, Device};
pub use event::{MuteReason, RecoveryEvent, RecoveryStep};
pub use policy::{RecoveryPolicy, StallLimit};
pub(in crate::capture) use supervisor::Supervisor;
