//! How a page is served.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Notice, Token};
use crate::permission::PolicyFile;

/// Who is told what happens to the devices.
pub(super) type OnNotice = Arc<dyn Fn(&Notice<'_>) + Send + Sync>;

/// Where a [`Service`](super::Service) listens, and whom it lets in.
///
/// Without a word it listens on 127.0.0.1, port 8080, with a new token.
#[derive(Clone)]
#[must_use]
pub struct ServeOptions {
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
    pub(super) socket: Option<PathBuf>,
    pub(super) hosts: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) policies: Vec<PolicyFile>,
    pub(super) token: Option<Token>,
    pub(super) quality: u8,
    pub(super) on_notice: OnNotice,
}

impl ServeOptions {
    /// 127.0.0.1, port 8080.
    pub fn new() -> Self {
        Self {
            address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port: 8080,
            socket: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            policies: Vec::new(),
            token: None,
            quality: 80,
            on_notice: Arc::new(|_| {}),
        }
    }

    /// The address; `None` for no TCP at all. Beyond this machine everything goes over the network as it is, the token too:
    /// put a proxy that encrypts before it.
    pub fn address(mut self, address: impl Into<Option<IpAddr>>) -> Self {
        self.address = address.into();
        self
    }

    /// The port; 0 takes a free one, which [`Service::port`](super::Service::port) tells.
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Listens on a Unix socket too, of mode 0600 and for this user and root alone: no token is asked for there. What a
    /// dead process left at the path is replaced.
    pub fn socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.socket = Some(path.into());
        self
    }

    /// A name besides `localhost` and the address under which browsers reach it, through a proxy say.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into());
        self
    }

    /// The origin of another page that may connect to the WebSocket and ask for constraints, with the token:
    /// `https://kiosk.example`.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// A policy whose lines about origins hold as well: what it allows may connect besides those of [`ServeOptions::origin`],
    /// what it denies may not, and with an error in it no other page may. Of several, each can deny.
    pub fn origin_policy(mut self, policy: PolicyFile) -> Self {
        self.policies.push(policy);
        self
    }

    /// A token that was kept, in place of a new one: links and pages live on when the service is started again.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// The quality of JPEGs made of raw frames, 1 to 100. A camera's own are sent as they are.
    pub fn quality(mut self, quality: u8) -> Self {
        self.quality = quality.clamp(1, 100);
        self
    }

    /// Has `on_notice` called with what happens to the devices, on threads of the service's: it must not take long.
    pub fn on_notice(mut self, on_notice: impl Fn(&Notice<'_>) + Send + Sync + 'static) -> Self {
        self.on_notice = Arc::new(on_notice);
        self
    }
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeOptions")
            .field("address", &self.address)
            .field("port", &self.port)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}
