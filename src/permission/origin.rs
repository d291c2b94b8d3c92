//! Origins of web pages, as a policy's line and `--origin` have them.

use std::fmt;

use crate::error::excerpt;

/// What a line about pages means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OriginPattern {
    /// `*`.
    Every,
    /// An origin as browsers write it.
    One(String),
}

impl OriginPattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == "*" { Ok(Self::Every) } else { origin(text).map(Self::One) }
    }

    /// Whether it is this origin, which is in small letters.
    pub(super) fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Every => true,
            Self::One(own) => own == origin,
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Every => "*",
            Self::One(origin) => origin,
        })
    }
}

/// What stands before and after the colon of a port, where there is one. An IPv6 address has colons too, in brackets, which it
/// keeps.
pub(crate) fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rfind(':').filter(|&colon| !authority[colon..].contains(']')) {
        Some(colon) => (&authority[..colon], Some(&authority[colon + 1..])),
        None => (authority, None),
    }
}

/// An origin as browsers write it in a request (RFC 6454, 6.2): scheme and host in small letters, the port where it is not
/// the scheme's usual one.
///
/// `null` is what pages without an origin send, and some browsers `file://` for those of the disk.
pub(crate) fn origin(text: &str) -> Result<String, String> {
    let shown = excerpt(text);
    let text = text.to_ascii_lowercase();
    if matches!(text.as_str(), "null" | "file://") {
        return Ok(text);
    }
    let expected = || format!("an origin such as https://kiosk.example is expected where `{shown}` stands");
    let (scheme, authority) = text.split_once("://").ok_or_else(expected)?;
    let first_is_a_letter = scheme.starts_with(|first: char| first.is_ascii_lowercase());
    if !first_is_a_letter || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
        return Err(expected());
    }
    if authority.contains(['/', '?', '@']) {
        return Err(format!("an origin has neither a path nor a user: it is the beginning of `{shown}`, to the port"));
    }
    if authority.contains('*') {
        return Err(format!("each origin is written out, `{shown}` is not; * alone means every page"));
    }
    let (host, port) = host_and_port(authority);
    let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match name {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
    };
    if !is_host {
        return Err(expected());
    }
    let Some(port) = port else { return Ok(text) };
    let port: u16 =
        port.parse().map_err(|_| format!("a port is a number up to 65535, which that of `{shown}` is not"))?;
    Ok(match (scheme, port) {
        ("http", 80) | ("https", 443) => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{host}:{port}"),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_origin_is_read_as_browsers_write_it() {
        for (written, origin) in [
            ("https://kiosk.example", "https://kiosk.example"),
            ("HTTPS://Kiosk.Example:443", "https://kiosk.example"),
            ("http://10.0.0.5:8000", "http://10.0.0.5:8000"),
            ("http://localhost:80", "http://localhost"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("app://local", "app://local"),
            ("null", "null"),
            ("file://", "file://"),
        ] {
            assert_eq!(super::origin(written).as_deref(), Ok(origin), "{written}");
        }
    }

    #[test]
    fn what_is_no_origin_is_said_to_be_none() {
        for (written, said) in [
            ("kiosk.example", "such as https://kiosk.example is expected where `kiosk.example` stands"),
            ("https://", "is expected where"),
            ("1x://host", "is expected where"),
            ("https://a b", "is expected where"),
            ("http://[::1", "is expected where"),
            ("https://kiosk.example/page", "neither a path nor a user"),
            ("https://me@kiosk.example", "neither a path nor a user"),
            ("https://*.example", "each origin is written out"),
            ("https://kiosk.example:https", "a port is a number up to 65535"),
            ("https://kiosk.example:99999", "a port is a number up to 65535"),
            ("", "is expected where"),
        ] {
            let error = super::origin(written).expect_err(written);
            assert!(error.contains(said), "{written}: {error}");
        }
    }
}
