//! The arguments of `usermedia serve`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Args;

use super::{Common, PermissionArguments, Request, parse_level, parse_patience};
use crate::capture::RecoveryPolicy;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  usermedia serve --synthetic                            try it without a camera: open the link it prints
  usermedia serve --device C920 --width 1280 --fps 30    one camera, without a microphone
  usermedia serve --socket /run/user/1000/camera.sock --no-tcp
                                                         for programs of this user alone, without a token
  curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8080/snapshot -o now.jpg
  mpv --http-header-fields=\"Authorization: Bearer $TOKEN\" http://127.0.0.1:8080/stream

Paths: / is the page, /stream MJPEG, /snapshot a JPEG, /state and /devices JSON, /metrics for Prometheus, /ws a WebSocket with
pictures, sound and statistics, /constraints takes a POST, /usermedia.js gives other pages getUserMedia. docs/serve.md has
all of it.

With --json there are two lines, {\"event\": \"listening\", \"link\": ..., \"token\": ...} at once and {\"event\": \"ended\",
\"endedBy\": ...} at the end.

A device that is missing, busy or unplugged ends nothing: the page says what is the matter, and goes on when it is there.")]
pub(in crate::cli) struct ServeArguments {
    /// The port; 0 takes a free one.
    #[arg(long, value_name = "N", default_value_t = 8080)]
    pub(in crate::cli) port: u16,
    /// Listen on this address. Others than this machine's own let the whole network try, and nothing is encrypted there.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(in crate::cli) address: IpAddr,
    /// Listen on this Unix socket too, for this user and root alone.
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) socket: Option<PathBuf>,
    /// Listen on the Unix socket only.
    #[arg(long, requires = "socket", conflicts_with_all = ["port", "address"])]
    pub(in crate::cli) no_tcp: bool,
    /// A name under which browsers reach the page besides localhost and the address, through a proxy say; again for more.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) host: Vec<String>,
    /// The origin of another page (`https://kiosk.example`) that may use the camera with the token, by usermedia.js or the
    /// WebSocket; again for more. Lines `allow origin` of a policy say the same.
    #[arg(long, value_name = "ORIGIN", value_parser = crate::permission::origin)]
    pub(in crate::cli) origin: Vec<String>,
    /// Keep the token in this file, so that links outlive the service: it is made with mode 600 where there is none.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) token_file: Option<PathBuf>,
    /// The quality of JPEGs made of raw pictures. A camera's own are sent as they are.
    #[arg(long, value_name = "1..100", default_value_t = 80, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(in crate::cli) quality: u8,
    /// Tell on stderr what happens to devices: error, warn, info, debug.
    #[arg(long, value_name = "LEVEL", hide_env_values = true, env = "USERMEDIA_LOG", value_parser = parse_level)]
    pub(in crate::cli) log: Option<tracing::Level>,
    /// Wait this long for a device that stalls, fails or is unplugged before another is looked for.
    #[arg(long, value_name = "DURATION|forever", default_value = "forever", value_parser = parse_patience)]
    pub(in crate::cli) patience: RecoveryPolicy,
    /// How many buffers to ask the driver for. Without it as many as the rate and the consumers need.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32))]
    pub(in crate::cli) buffers: Option<u32>,
    #[command(flatten)]
    pub(in crate::cli) permission: PermissionArguments,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
    #[command(flatten)]
    pub(in crate::cli) request: Request,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Arguments, Command};

    #[test]
    fn it_is_served_to_this_machine_unless_said_otherwise() {
        let serve = |words: &[&str]| {
            let words = [&["usermedia", "serve"], words].concat();
            let Command::Serve(serve) = Arguments::try_parse_from(words)?.command else { panic!("not serve") };
            Ok::<_, clap::Error>(serve)
        };
        let plain = serve(&[]).unwrap();
        assert!(plain.address.is_loopback() && plain.port == 8080 && plain.socket.is_none());
        assert!(serve(&["--no-tcp"]).is_err());
        assert!(serve(&["--no-tcp", "--socket", "/tmp/s"]).is_ok());
        assert!(serve(&["--no-tcp", "--socket", "/tmp/s", "--port", "1"]).is_err());
        assert!(serve(&["--quality", "0"]).is_err());
    }
}
