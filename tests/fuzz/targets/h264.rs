#![no_main]

usermedia_fuzz::target!("h264");
