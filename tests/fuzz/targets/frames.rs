#![no_main]

usermedia_fuzz::target!("frames");
