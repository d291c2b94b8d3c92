//! How capture is measured: `usermedia bench`.
//!
//! Every program is a process of its own, ours too, and the same instruments are put to each: the clock on the wall, the
//! system's accounting of its processor time, /proc's of its memory, strace's count of its system calls and valgrind's of its
//! instructions and allocations. What a frame costs is the difference between a long run and a short one, divided by the
//! frames between them: starting and stopping cancel out.
//!
//! | room | what it holds |
//! |---|---|
//! | `target` | what is captured: node, mode, buffers; how it is set and read back |
//! | `program` | who captures: command lines, versions, what cannot be compared |
//! | `process` | one run of a program, and what it took |
//! | `producer` | who writes to a loopback meanwhile |
//! | `counts` | the runs under strace and valgrind |
//! | `inside` | what only our own process knows: ages, jitter, losses by reason |
//! | `environment` | the machine, and what its figures are worth |
//! | `load` | what else the machine is made to do meanwhile |
//! | `series` | medians and ranges; ours beside theirs |
//! | `plan` | who runs when, and what came of it |
//! | `plot` | the ages as a picture |

mod counts;
mod environment;
mod inside;
mod load;
mod plan;
mod plot;
mod process;
mod producer;
mod program;
mod series;
mod target;

pub(crate) use counts::Counting;
pub(crate) use inside::{Inside, measure};
pub(crate) use load::Load;
pub(crate) use plan::{Observer, Plan, Results, Runs};
pub(crate) use plot::plot;
pub(crate) use producer::Producer;
pub(crate) use program::Program;
pub(crate) use series::Series;
pub(crate) use target::Target;
