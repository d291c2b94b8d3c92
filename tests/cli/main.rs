//! The command's contract, checked on the real binary, without devices: the lab's tests do it with real drivers.

mod bench;
mod capture;
mod contract;
mod loopback;
mod manager;
mod permission;
mod recording;
mod resolve;
mod serve;
mod signals;
mod sound;
mod statistics;
mod support;
mod sync;
mod terminal;
mod watch;
