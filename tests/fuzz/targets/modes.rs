#![no_main]

usermedia_fuzz::target!("modes");
