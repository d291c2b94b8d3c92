//! Asks before it looks: by a policy of the program's own, over the machine's, over the person's at the terminal.
//!
//!     cargo run --example permission -- [synthetic]

use usermedia::permission::{
    AllowAll, Both, Decision, Denial, PermissionPolicy, PermissionRequest, PolicyFile, TerminalPrompt,
};
use usermedia::{MediaDevices, MediaStreamConstraints};

/// No sound, whatever anybody else says.
struct Silent;

impl PermissionPolicy for Silent {
    fn decide(&self, request: &PermissionRequest<'_>) -> Decision {
        Decision::for_each(request, |device| match device.permission_name() {
            "microphone" => Some(Denial::new("this program does not listen")),
            _ => None,
        })
    }
}

fn main() -> usermedia::Result<()> {
    let synthetic = std::env::args().any(|argument| argument == "synthetic");
    let devices = if synthetic { MediaDevices::synthetic() } else { MediaDevices::new() };

    // An administrator's rules first, if there are any; the person is asked about what those leave.
    let machine: Box<dyn PermissionPolicy> = match PolicyFile::system() {
        Some(file) => Box::new(file),
        None => Box::new(AllowAll),
    };
    let devices = devices.with_permission_policy(Both(Silent, Both(machine, TerminalPrompt::new())));

    match devices.get_user_media(&MediaStreamConstraints::new().video(true)) {
        Ok(stream) => println!("Allowed: {}", stream.video_tracks()[0].settings().label),
        // NotAllowedError: the reason, and what to do about it.
        Err(error) => println!("{error}"),
    }
    Ok(())
}
