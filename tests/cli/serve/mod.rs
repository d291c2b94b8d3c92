//! `usermedia serve` on the real binary, with the built-in camera and microphone, over real sockets.

mod access;
mod client;
mod devices;
mod limits;
mod other_pages;
mod pictures;
mod websocket;
