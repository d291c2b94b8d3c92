//! temp
#![cfg(feature = "json")]
mod support;
#[test]
fn generate() {
    let mut devices: Vec<_> =
        ["logitech-c920", "ms2109-hdmi-stick", "rpi-bcm2835-imx219", "v4l2loopback-unset", "vivid-webcam-old"]
            .iter()
            .map(|n| support::fixture(n))
            .collect();
    devices.push(support::idle_loopback());
    devices.push(support::microphone("headset"));
    std::fs::write("tests/fixtures/devices.json", usermedia::devices::write_devices(&devices) + "\n").unwrap();
}
