//! The command `usermedia`.

fn main() {}
