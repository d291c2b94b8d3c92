//! The policies that need nothing: yes, no, and two together.

use super::{Decision, Denial, DeniedDevice, PermissionPolicy, PermissionRequest};

/// Everything is allowed: what the system lets this process open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AllowAll;

impl PermissionPolicy for AllowAll {
    fn decide(&self, _: &PermissionRequest<'_>) -> Decision {
        Decision::Granted
    }
}

/// Nothing is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenyAll(Denial);

impl DenyAll {
    /// Denies without a reason of its own.
    pub fn new() -> Self {
        Self(Denial::new("this program allows no capture"))
    }

    /// Denies for this reason.
    pub fn because(denial: Denial) -> Self {
        Self(denial)
    }
}

impl Default for DenyAll {
    fn default() -> Self {
        Self::new()
    }
}

impl PermissionPolicy for DenyAll {
    fn decide(&self, _: &PermissionRequest<'_>) -> Decision {
        Decision::Denied(self.0.clone())
    }
}

/// Allowed is what both allow. The second is asked only about what the first has left: nobody is bothered with a device
/// that an administrator's rules deny.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Both<A, B>(
    /// Asked first.
    pub A,
    /// Asked about the rest.
    pub B,
);

impl<A: PermissionPolicy, B: PermissionPolicy> PermissionPolicy for Both<A, B> {
    fn decide(&self, request: &PermissionRequest<'_>) -> Decision {
        let mut denied = match self.0.decide(request) {
            Decision::Granted => return self.1.decide(request),
            Decision::Denied(denial) => return Decision::Denied(denial),
            Decision::GrantedExcept(denied) => denied,
        };
        let left = request.devices().iter().filter(|device| !denied.iter().any(|denied| denied.is(device)));
        let left = PermissionRequest::new(left.copied());
        let whole = |request: &PermissionRequest<'_>, kind| request.of_kind(kind).next().is_some();
        // A request that the first has ended.
        if request.devices().iter().any(|device| !whole(&left, device.kind)) {
            return Decision::GrantedExcept(denied);
        }
        match self.1.decide(&left) {
            Decision::Granted => {}
            Decision::Denied(denial) => return Decision::Denied(denial),
            Decision::GrantedExcept(more) => denied.extend::<Vec<DeniedDevice>>(more),
        }
        Decision::GrantedExcept(denied)
    }
}
