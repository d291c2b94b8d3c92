use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

const TCP: Peer = Peer::Tcp { local: IpAddr::V4(Ipv4Addr::LOCALHOST) };

fn guard() -> Guard {
    let (hosts, origins) = (["cam.example".to_owned()], ["https://Kiosk.example/".to_owned()]);
    Guard::new(None, Some(8080), 1000).unwrap().with_hosts(&hosts).with_origins(&origins)
}

fn ask(guard: &Guard, line: &str, headers: &[(&str, &str)]) -> std::result::Result<Admission, Refusal> {
    ask_as(guard, TCP, line, headers)
}

fn ask_as(guard: &Guard, peer: Peer, line: &str, headers: &[(&str, &str)]) -> std::result::Result<Admission, Refusal> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("{line} HTTP/1.1\r\n{headers}\r\n");
    guard.admit(&Request::parse(head.as_bytes()).unwrap().unwrap(), peer)
}

#[test]
fn only_names_that_lead_here_and_nowhere_else_are_ours() {
    let guard = guard();
    let bearer = format!("Bearer {}", guard.token().as_str());
    let hosted = |host: &str| ask(&guard, "GET /", &[("Host", host), ("Authorization", &bearer)]).is_ok();
    for host in ["127.0.0.1:8080", "localhost:8080", "LocalHost:8080", "[::1]:8080", "cam.example", "cam.example:443"] {
        assert!(hosted(host), "{host}");
    }
    for host in [
        "",
        "evil.example",
        "evil.example:8080",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost:8081",
        "localhost.evil:8080",
        "127.0.0.2:8080",
        "[::2]:8080",
        "localhost:8080:8080",
        "localhost:",
        "a@localhost:8080",
        "192.168.1.5:8080",
    ] {
        assert!(!hosted(host), "{host}");
    }
    let twice = [("Host", "localhost:8080"), ("Host", "localhost:8080"), ("Authorization", &*bearer)];
    assert!(ask(&guard, "GET /", &twice).is_err());
    assert!(ask(&guard, "GET /", &[("Authorization", &bearer)]).is_err());
}

#[test]
fn an_address_that_was_reached_is_a_name_for_it() {
    let guard = guard();
    let bearer = format!("Bearer {}", guard.token().as_str());
    let lan = Peer::Tcp { local: IpAddr::V4(Ipv4Addr::new(192, 168, 1, 5)) };
    let six = Peer::Tcp { local: IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)) };
    let hosted =
        |peer, host: &str| ask_as(&guard, peer, "GET /", &[("Host", host), ("Authorization", &bearer)]).is_ok();
    assert!(hosted(lan, "192.168.1.5:8080") && hosted(six, "[fd00::1]:8080"));
    assert!(!hosted(lan, "192.168.1.6:8080") && !hosted(lan, "evil.example:8080"));
}

#[test]
fn only_the_right_token_opens() {
    let guard = guard();
    let token = guard.token().as_str();
    let host = ("Host", "localhost:8080");
    assert_eq!(ask(&guard, &format!("GET /?token={token}"), &[host]), Ok(Admission::Link));
    let bearer = |text: String| ask(&guard, "GET /", &[host, ("Authorization", &text)]);
    assert_eq!(bearer(format!("Bearer {token}")), Ok(Admission::Known));
    assert_eq!(bearer(format!("bearer {token}")), Ok(Admission::Known));
    for wrong in
        [String::new(), "Bearer".into(), "Bearer x".into(), format!("Basic {token}"), format!("Bearer {token}x")]
    {
        assert!(bearer(wrong).is_err());
    }
    assert!(ask(&guard, "GET /", &[host]).is_err());
    assert!(ask(&guard, "GET /?token=", &[host]).is_err());
    assert!(ask(&guard, &format!("GET /?token={}", token.to_uppercase() + "0"), &[host]).is_err());
    // A token that is wrong is not made up for by another that is right.
    let both = [host, ("Authorization", "Bearer x")];
    assert!(ask(&guard, &format!("GET /?token={token}"), &both).is_err());
}

#[test]
fn the_cookie_counts_on_our_page_and_for_our_page_alone() {
    let guard = guard();
    let cookie = guard.cookie();
    let pair = cookie.split(';').next().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.ends_with(guard.page()));
    assert!(!cookie.contains(guard.token().as_str()));
    let (host, page) = (("Host", "localhost:8080"), format!("GET {}app.js", guard.page()));
    assert_eq!(ask(&guard, &page, &[host, ("Cookie", pair)]), Ok(Admission::Cookie));
    let fetched = |site| ask(&guard, &page, &[host, ("Cookie", pair), ("Sec-Fetch-Site", site)]);
    assert_eq!(fetched("same-origin"), Ok(Admission::Cookie));
    assert_eq!(fetched("none"), Ok(Admission::Cookie));
    // Another port of this host, and another host.
    assert!(fetched("same-site").is_err() && fetched("cross-site").is_err());
    assert!(ask(&guard, "GET /state", &[host, ("Cookie", pair)]).is_err());
    assert!(ask(&guard, &page, &[host, ("Cookie", "usermedia=x")]).is_err());
}

#[test]
fn what_changes_something_comes_from_our_own_origin() {
    let guard = guard();
    let (token, host) = (format!("Bearer {}", guard.token().as_str()), ("Host", "localhost:8080"));
    let post = |origin: Option<&str>| {
        let headers = [Some(host), Some(("Authorization", &*token)), origin.map(|origin| ("Origin", origin))];
        ask(&guard, "POST /constraints", &headers.into_iter().flatten().collect::<Vec<_>>())
    };
    assert_eq!(post(Some("http://localhost:8080")), Ok(Admission::Known));
    for origin in [None, Some("null"), Some("http://localhost:3000"), Some("http://127.0.0.1:8080")] {
        assert!(post(origin).is_err(), "{origin:?}");
    }
    // A listed page may ask for other constraints, with the token in its hands; a cookie is nothing it has.
    assert_eq!(post(Some("https://kiosk.example")), Ok(Admission::Known));
    let cookie = guard.cookie();
    let with_cookie = [host, ("Cookie", cookie.split(';').next().unwrap()), ("Origin", "https://kiosk.example")];
    assert!(ask(&guard, &format!("POST {}constraints", guard.page()), &with_cookie).is_err());
    // Any other request may leave it out, but not lie.
    let get = |origin| ask(&guard, "GET /state", &[host, ("Authorization", &*token), ("Origin", origin)]);
    assert!(get("http://localhost:8080").is_ok() && get("http://evil.example").is_err());
}

#[test]
fn another_page_may_have_the_websocket_where_it_is_listed() {
    let guard = guard();
    let token = guard.token().as_str();
    let ask = |origin: &str, credentials: &str| {
        let line = format!("GET /ws{credentials}");
        ask(&guard, &line, &[("Host", "localhost:8080"), ("Upgrade", "websocket"), ("Origin", origin)])
    };
    let link = format!("?token={token}");
    assert_eq!(ask("https://kiosk.example", &link), Ok(Admission::Link));
    assert!(ask("https://kiosk.example", "").is_err());
    assert!(ask("https://other.example", &link).is_err());
    assert!(ask("null", &link).is_err());
}

#[test]
fn a_unix_socket_is_for_its_user_and_root() {
    let guard = guard();
    let asked = |uid, host| ask_as(&guard, Peer::Unix { uid }, "GET /state", &[("Host", host)]);
    assert_eq!(asked(1000, "localhost"), Ok(Admission::Known));
    assert_eq!(asked(0, "localhost"), Ok(Admission::Known));
    assert!(asked(65534, "localhost").is_err());
    assert!(asked(1000, "evil.example").is_err());
}

#[test]
fn a_websocket_may_carry_the_token_among_its_protocols() {
    let guard = guard();
    let ask = |origin: &str, protocols: &str| {
        let headers = [("Host", "localhost:8080"), ("Origin", origin), ("Sec-WebSocket-Protocol", protocols)];
        (
            ask(&guard, "GET /ws", &[&headers[..], &[("Upgrade", "websocket")]].concat()),
            ask(&guard, "GET /ws", &headers),
        )
    };
    let right = format!("usermedia, token.{}", guard.token().as_str());
    // Of a WebSocket alone.
    assert_eq!(ask("https://kiosk.example", &right), (Ok(Admission::Link), Err(Refusal)));
    assert_eq!(ask("http://localhost:8080", &right).0, Ok(Admission::Link));
    assert!(ask("https://other.example", &right).0.is_err());
    for wrong in ["usermedia", "usermedia, token.", "usermedia, token.x", guard.token().as_str()] {
        assert!(ask("https://kiosk.example", wrong).0.is_err(), "{wrong}");
    }
}

#[test]
fn another_page_that_is_listed_is_told_and_no_other() {
    let guard = guard();
    let page = |line: &str, origin: &str| {
        let head = format!("{line} HTTP/1.1\r\nHost: localhost:8080\r\nOrigin: {origin}\r\n\r\n");
        guard.other_page(&Request::parse(head.as_bytes()).unwrap().unwrap(), TCP)
    };
    assert_eq!(page("OPTIONS /constraints", "https://kiosk.example").as_deref(), Some("https://kiosk.example"));
    assert_eq!(page("GET /usermedia.js", "https://kiosk.example").as_deref(), Some("https://kiosk.example"));
    for (line, origin) in [
        ("OPTIONS /constraints", "https://other.example"),
        ("OPTIONS /constraints", "null"),
        ("OPTIONS /constraints", "http://localhost:8080"),
        ("OPTIONS /state", "https://kiosk.example"),
        ("GET /snapshot", "https://kiosk.example"),
        ("GET /", "https://kiosk.example"),
    ] {
        assert_eq!(page(line, origin), None, "{line} {origin}");
    }
}

#[test]
fn policies_allow_pages_and_outweigh_what_is_listed() {
    let folder = crate::devices::fixture::Tree::new();
    let guard_of = |text: &str| {
        folder.file("policy", text);
        let policy = PolicyFile::new(folder.directory(".").join("policy"));
        Guard::new(None, Some(8080), 1000)
            .unwrap()
            .with_origins(&["http://a.example".into()])
            .with_policies(vec![policy])
    };
    for (policy, listed, other) in [
        ("", true, false),
        ("default deny", true, false),
        ("allow origin http://b.example", true, true),
        ("allow origin *", true, true),
        ("deny origin http://a.example\nallow origin *", false, true),
        ("allow origin http://b.example\ndeny origin *", false, true),
        ("allow origin http://b.example/", false, false),
        ("nonsense", false, false),
    ] {
        let guard = guard_of(policy);
        assert_eq!((guard.lists("http://a.example"), guard.lists("http://b.example")), (listed, other), "{policy:?}");
    }
}
