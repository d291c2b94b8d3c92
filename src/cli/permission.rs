//! Who may capture, as `--permission` and the machine's policy have it.

use std::sync::Arc;

use super::args::{Permission, PermissionArguments};
use crate::error::{Error, ErrorName};
use crate::permission::{Both, Denial, DenyAll, PermissionPolicy, PolicyFile, SYSTEM_POLICY, TerminalPrompt};
use crate::stream::MediaDevices;

/// The devices, behind the machine's policy where there is one, and behind what `--permission` says.
pub(super) fn guard(devices: MediaDevices, arguments: &PermissionArguments) -> MediaDevices {
    match policy(arguments.permission.as_ref(), PolicyFile::system()) {
        Some(policy) => devices.with_permission_policy(policy),
        None => devices,
    }
}

/// The machine's rules always apply: a flag can only restrict further.
fn policy(flag: Option<&Permission>, system: Option<PolicyFile>) -> Option<Arc<dyn PermissionPolicy>> {
    let own: Option<Arc<dyn PermissionPolicy>> = match flag {
        None | Some(Permission::Allow) => None,
        Some(Permission::Deny) => Some(Arc::new(DenyAll::because(said_deny()))),
        Some(Permission::Prompt) => Some(Arc::new(TerminalPrompt::named("usermedia"))),
        Some(Permission::File(path)) => Some(Arc::new(PolicyFile::new(path))),
    };
    match (system, own) {
        (Some(system), Some(own)) => Some(Arc::new(Both(system, own))),
        (Some(system), None) => Some(Arc::new(system)),
        (None, own) => own,
    }
}

/// The policy files that apply: what they say of web pages the live page heeds.
pub(super) fn files(arguments: &PermissionArguments) -> Vec<PolicyFile> {
    let own = match &arguments.permission {
        Some(Permission::File(path)) => Some(PolicyFile::new(path)),
        _ => None,
    };
    PolicyFile::system().into_iter().chain(own).collect()
}

fn said_deny() -> Denial {
    Denial::new("--permission or USERMEDIA_PERMISSION says deny").with_remedy("say allow, or prompt to be asked")
}

/// Whether an error is the last word, whatever device may come yet. Rules may allow one that is not there yet; a node's
/// permissions may still change, as they do while udev sets up a camera.
pub(super) fn is_final(error: &Error, arguments: &PermissionArguments) -> bool {
    let by_a_policy = error.name() == ErrorName::NotAllowedError && error.errno().is_none();
    by_a_policy && matches!(arguments.permission, Some(Permission::Prompt | Permission::Deny))
}

/// In words, for `usermedia check`: what decides; or what is wrong with it.
pub(super) fn described(arguments: &PermissionArguments) -> Result<String, Denial> {
    let mut parts = Vec::new();
    match PolicyFile::system() {
        Some(system) => {
            system.rules()?;
            parts.push(format!("what {SYSTEM_POLICY} allows"));
        }
        None => parts.push(format!("whatever the system lets this user open (there is no {SYSTEM_POLICY})")),
    }
    match &arguments.permission {
        None | Some(Permission::Allow) => {}
        Some(Permission::Deny) => return Err(said_deny()),
        Some(Permission::Prompt) => parts.push("after asking at the terminal".to_owned()),
        Some(Permission::File(path)) => {
            PolicyFile::new(path).rules()?;
            parts.push(format!("as far as {} allows it", path.display()));
        }
    }
    Ok(parts.join(", "))
}
