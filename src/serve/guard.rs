//! Who gets in. Whoever does not gets one sentence, the same for every reason.
//!
//! Three questions are asked of every request, in this order, and one answer is enough to refuse:
//!
//! 1. *Host*: is it us that the client means? A site whose name was made to lead to 127.0.0.1 (DNS rebinding) sends its own.
//! 2. *Origin*: is it our own page that asks? Browsers say so whenever it matters: on every POST, on every WebSocket, on
//!    every request across origins. POST and WebSocket must say it. Another page that is listed, by `--origin` or in a
//!    policy, may have what `usermedia.js` needs and nothing else: the script, the WebSocket, `/constraints`.
//! 3. *Credentials*: the token, as `Authorization: Bearer`, in a link, or among a WebSocket's protocols; the page's cookie;
//!    or, on a Unix socket, the user that the kernel says it is.
//!
//! What a browser asks before a page's request, without its credentials (CORS-preflight), is answered for listed pages.
//!
//! Cookies know no ports: a browser sends those of `localhost:8080` to whatever listens on `localhost:3000`, another user's
//! program perhaps. So the page lies under a path of its own that nobody else knows, the cookie is sent there only, and it
//! is not the token.

use std::net::IpAddr;

use super::request::{Method, Request};
use super::socket::Peer;
use super::token::Token;
use crate::error::Result;
use crate::permission::{PolicyFile, host_and_port};

/// What comes before the token among a WebSocket's protocols: its address, which may be logged, is kept free of it.
const TOKEN_PROTOCOL: &str = "token.";

/// The cookie's name.
const COOKIE: &str = "usermedia";

/// The rules of one service.
#[derive(Debug)]
pub(super) struct Guard {
    token: Token,
    /// What the cookie holds.
    session: Token,
    /// Where the page lies: `/page-0123…/`.
    page: String,
    /// The TCP port; `None` where only a Unix socket is listened on.
    port: Option<u16>,
    /// Names besides `localhost` under which it is reached, in small letters: through a proxy too, so with any port.
    hosts: Vec<String>,
    /// Origins of other pages that may connect, such as `https://kiosk.example`.
    origins: Vec<String>,
    /// Policies with lines about origins, read for each request of another page.
    policies: Vec<PolicyFile>,
    /// Of whoever may use the Unix socket, root besides.
    uid: u32,
}

/// How somebody got in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// By the kernel's word, or `Authorization: Bearer`.
    Known,
    /// By the page's cookie.
    Cookie,
    /// By a token in the link.
    Link,
}

/// A refusal, with nothing to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal;

impl Guard {
    /// Rules with secrets of their own; `token` in place of a new one.
    pub(super) fn new(token: Option<Token>, port: Option<u16>, uid: u32) -> Result<Self> {
        Ok(Self {
            token: token.map_or_else(Token::random, Ok)?,
            session: Token::random()?,
            page: format!("/page-{}/", Token::random()?.as_str()),
            port,
            hosts: Vec::new(),
            origins: Vec::new(),
            policies: Vec::new(),
            uid,
        })
    }

    /// Names under which it is reached.
    pub(super) fn with_hosts(self, hosts: &[String]) -> Self {
        Self { hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(), ..self }
    }

    /// Other pages that may connect.
    pub(super) fn with_origins(self, origins: &[String]) -> Self {
        // A file's is nothing but slashes after its scheme.
        let trimmed =
            |origin: &str| if origin == "file://" { "file://" } else { origin.trim_end_matches('/') }.to_owned();
        Self { origins: origins.iter().map(|origin| trimmed(&origin.to_ascii_lowercase())).collect(), ..self }
    }

    /// Files that say which other pages may connect.
    pub(super) fn with_policies(self, policies: Vec<PolicyFile>) -> Self {
        Self { policies, ..self }
    }

    pub(super) fn token(&self) -> &Token {
        &self.token
    }

    /// Where the page lies, with a slash at both ends.
    pub(super) fn page(&self) -> &str {
        &self.page
    }

    /// The header that lets a browser in.
    pub(super) fn cookie(&self) -> String {
        format!("{COOKIE}={}; HttpOnly; SameSite=Strict; Path={}", self.session.as_str(), self.page)
    }

    /// Whether the kernel's word is enough to be listened to at all.
    pub(super) fn may_connect(&self, peer: Peer) -> bool {
        match peer {
            Peer::Tcp { .. } => true,
            Peer::Unix { uid } => uid == self.uid || uid == 0,
        }
    }

    /// Whether a request is answered.
    pub(super) fn admit(&self, request: &Request, peer: Peer) -> std::result::Result<Admission, Refusal> {
        let host = request.single("host").ok().flatten().ok_or(Refusal)?.to_ascii_lowercase();
        if !self.may_connect(peer) || !self.is_ours(&host, peer) {
            return Err(Refusal);
        }
        let foreign = match request.single("origin").map_err(|_| Refusal)? {
            Some(origin) => {
                let origin = origin.to_ascii_lowercase();
                let foreign = !self.is_own_origin(&origin, &host);
                if foreign && !(is_for_other_pages(request) && self.lists(&origin)) {
                    return Err(Refusal);
                }
                foreign
            }
            // A browser always says it of these two.
            None if request.method == Method::Post || is_websocket(request) => return Err(Refusal),
            None => false,
        };
        match peer {
            Peer::Unix { .. } => Ok(Admission::Known),
            Peer::Tcp { .. } => self.credentials(request, foreign),
        }
    }

    /// The origin of another page that is listed, and asks for what such pages may have: what it gets, a refusal too, it may
    /// read. A browser's question before a page's request is answered for these.
    pub(super) fn other_page(&self, request: &Request, peer: Peer) -> Option<String> {
        let host = request.single("host").ok().flatten()?.to_ascii_lowercase();
        let origin = request.single("origin").ok().flatten()?;
        let lower = origin.to_ascii_lowercase();
        let is_ours = self.may_connect(peer) && self.is_ours(&host, peer);
        (is_ours && is_for_other_pages(request) && !self.is_own_origin(&lower, &host) && self.lists(&lower))
            .then(|| origin.to_owned())
    }

    /// Whether another page is allowed: by the flag or a policy, and denied by no policy.
    fn lists(&self, origin: &str) -> bool {
        let mut allowed = self.origins.iter().any(|own| own == origin);
        for policy in &self.policies {
            match policy.rules().map(|rules| rules.allows_origin(origin)) {
                Ok(None) => {}
                Ok(Some(true)) => allowed = true,
                // A slip in a policy opens nothing.
                Ok(Some(false)) | Err(_) => return false,
            }
        }
        allowed
    }

    fn credentials(&self, request: &Request, foreign: bool) -> std::result::Result<Admission, Refusal> {
        let bearer = request.header("authorization").and_then(|value| value.split_once(' '));
        if let Some((scheme, token)) = bearer {
            let right = scheme.eq_ignore_ascii_case("bearer") && self.token.is(token.trim());
            return if right { Ok(Admission::Known) } else { Err(Refusal) };
        }
        if let Some(token) = request.parameter("token") {
            return if self.token.is(token) { Ok(Admission::Link) } else { Err(Refusal) };
        }
        if is_websocket(request) {
            let mut offered =
                request.list("sec-websocket-protocol").filter_map(|word| word.strip_prefix(TOKEN_PROTOCOL));
            if let Some(token) = offered.next() {
                return if self.token.is(token) { Ok(Admission::Link) } else { Err(Refusal) };
            }
        }
        // The browser adds a cookie whoever asks: another port of this host is the same site to it.
        let asked_by_us = matches!(request.header("sec-fetch-site"), None | Some("same-origin" | "none"));
        let cookie = request.cookie(COOKIE).filter(|cookie| self.session.is(cookie));
        if cookie.is_some() && asked_by_us && !foreign && request.path.starts_with(&self.page) {
            return Ok(Admission::Cookie);
        }
        Err(Refusal)
    }

    /// Whether the Host header means this service.
    fn is_ours(&self, host: &str, peer: Peer) -> bool {
        let Some((name, port)) = split_host(host) else { return false };
        if self.hosts.iter().any(|own| own == name) {
            return true;
        }
        match peer {
            // No browser gets here by itself; what tools write is of no consequence.
            Peer::Unix { .. } => is_local(name),
            // A browser leaves out the port that is usual.
            Peer::Tcp { .. } if port.unwrap_or(80) != self.port.unwrap_or(0) => false,
            // An address is no name that could lead elsewhere: the one that was reached is as good.
            Peer::Tcp { local } => is_local(name) || address(name) == Some(local),
        }
    }

    /// Whether an origin is the service itself, as the Host header names it.
    fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        let named = || split_host(host).is_some_and(|(name, _)| self.hosts.iter().any(|own| own == name));
        match origin.split_once("://") {
            Some(("http", authority)) => authority == host,
            // Behind a proxy that encrypts.
            Some(("https", authority)) => authority == host && named(),
            _ => false,
        }
    }
}

/// Whether it asks for a WebSocket.
pub(super) fn is_websocket(request: &Request) -> bool {
    request.lists("upgrade", "websocket")
}

/// Whether it is what `usermedia.js` needs of a service that its page is not of.
fn is_for_other_pages(request: &Request) -> bool {
    is_websocket(request) || matches!(request.path.as_str(), "/constraints" | "/usermedia.js")
}

fn is_local(name: &str) -> bool {
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

/// The address that a host is, where it is one.
fn address(name: &str) -> Option<IpAddr> {
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    inner.parse::<IpAddr>().ok()
}

/// Name and port; `None` for what is no host. An IPv6 address keeps its brackets.
fn split_host(host: &str) -> Option<(&str, Option<u16>)> {
    let (name, port) = host_and_port(host);
    let port = match port {
        Some(port) => Some(port.parse().ok()?),
        None => None,
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    let bracketed = name.starts_with('[') && name.ends_with(']');
    (!name.is_empty() && name.bytes().all(allowed) && (bracketed || !name.contains(':'))).then_some((name, port))
}

#[cfg(test)]
mod tests;
