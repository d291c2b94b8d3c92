//! The listing, on machines made of files and scripts.

mod controls;
mod identity;
mod modes;
mod nodes;
mod sound;
