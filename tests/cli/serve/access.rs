//! Who gets in, and what others get.

use std::fs;
use std::io::{BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use nix::libc;
use nix::unistd::geteuid;

use super::client::{Answer, Server, request};
use crate::support::{Folder, argument, run};

#[test]
fn whoever_has_no_token_gets_one_sentence_whatever_there_is() {
    let server = Server::synthetic(&[]);
    let host = server.host();
    let wrong = format!("Bearer {}", "0".repeat(40));
    let mut answers = Vec::new();
    for path in ["/", "/state", "/stream", "/snapshot", "/ws", "/devices", "/app.js", "/page-1/", "/nothing"] {
        let wrong_link = format!("GET {path}?token={}", "0".repeat(40));
        for (line, headers) in [
            (format!("GET {path}"), vec![("Host", &*host)]),
            (format!("GET {path}"), vec![("Host", &host), ("Authorization", &wrong)]),
            (format!("GET {path}"), vec![("Host", &host), ("Cookie", "usermedia=0")]),
            (wrong_link, vec![("Host", &*host)]),
        ] {
            answers.push(server.ask(&line, &headers, ""));
        }
    }
    assert_eq!(answers[0].status, 403);
    assert_eq!(answers[0].text(), "Not allowed. Open the link that `usermedia serve` printed.\n");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[test]
fn the_token_opens_by_header_and_by_link() {
    let server = Server::synthetic(&[]);
    assert_eq!(server.get("/state").status, 200);
    let link = format!("GET /state?token={}", server.token());
    assert_eq!(server.ask(&link, &[("Host", &server.host())], "").status, 200);
    let other = Server::synthetic(&[]);
    assert_ne!(server.token(), other.token());
    let foreign = [("Host", &*other.host()), ("Authorization", &*server.bearer())];
    assert_eq!(other.ask("GET /state", &foreign, "").status, 403);
}

#[test]
fn the_link_becomes_a_cookie_and_the_page_needs_nothing_else() {
    let server = Server::synthetic(&[]);
    let host = server.host();
    let link = server.listening["link"].as_str().unwrap();
    let target = link.strip_prefix(&server.origin()).unwrap();
    let answer = server.ask(&format!("GET {target}"), &[("Host", &host)], "");
    assert_eq!(answer.status, 303);
    let (page, cookie) = (&answer.headers["location"], &answer.headers["set-cookie"]);
    assert!(cookie.contains("; HttpOnly; SameSite=Strict; Path=/page-"), "{cookie}");
    assert!(![page, cookie].iter().any(|text| text.contains(server.token())));
    let pair = cookie.split(';').next().unwrap();
    let with_cookie = |path: &str, more: &[(&str, &str)]| {
        server.ask(&format!("GET {path}"), &[&[("Host", &*host), ("Cookie", pair)], more].concat(), "")
    };
    for (file, kind) in [
        ("", "text/html"),
        ("app.js", "text/javascript"),
        ("forms.js", "text/javascript"),
        ("style.css", "text/css"),
        ("icon.svg", "image/svg+xml"),
        ("state", "application/json"),
        ("snapshot", "image/jpeg"),
    ] {
        let answer = with_cookie(&format!("{page}{file}"), &[("Sec-Fetch-Site", "same-origin")]);
        assert_eq!(answer.status, 200, "{file}");
        assert!(answer.headers["content-type"].starts_with(kind), "{file}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cross-origin-resource-policy"], "same-origin");
    }
    let policy = &with_cookie(page, &[]).headers["content-security-policy"];
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    // Another port of this host is the same site to a browser, which sends the cookie there and from there.
    assert_eq!(with_cookie(&format!("{page}state"), &[("Sec-Fetch-Site", "same-site")]).status, 403);
    assert_eq!(with_cookie("/state", &[]).status, 403);
}

#[test]
fn another_host_and_another_origin_are_refused_with_the_right_token() {
    let server = Server::synthetic(&["--host", "cam.example"]);
    let bearer = server.bearer();
    let status = |host: &str, origin: Option<&str>| {
        let mut headers = vec![("Host", host), ("Authorization", &bearer)];
        headers.extend(origin.map(|origin| ("Origin", origin)));
        server.ask("GET /state", &headers, "").status
    };
    let (port, host) = (server.port(), server.host());
    assert_eq!(status(&format!("localhost:{port}"), None), 200);
    assert_eq!(status(&format!("[::1]:{port}"), None), 200);
    assert_eq!(status("cam.example", None), 200);
    for rebound in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1", "127.0.0.1:1"] {
        assert_eq!(status(rebound, None), 403, "{rebound}");
    }
    assert_eq!(status(&host, Some(&server.origin())), 200);
    for origin in ["null", "https://evil.example", &format!("http://localhost:{port}"), "http://127.0.0.1:1"] {
        assert_eq!(status(&host, Some(origin)), 403, "{origin}");
    }
    assert_eq!(server.ask("GET /state", &[("Authorization", &bearer)], "").status, 403);
}

#[test]
fn what_changes_something_is_a_post_from_the_page_itself() {
    let server = Server::synthetic(&[]);
    assert_eq!(server.get("/constraints").status, 405);
    assert_eq!(server.post("/state", "{}").status, 405);
    assert_eq!(server.post("/constraints", "{}").status, 200);
    let (host, bearer, origin) = (server.host(), server.bearer(), server.origin());
    let headers = [("Host", &*host), ("Authorization", &*bearer), ("Content-Length", "2")];
    assert_eq!(server.ask("POST /constraints", &headers, "{}").status, 403);
    let foreign = [&headers[..], &[("Origin", "http://localhost:3000")]].concat();
    assert_eq!(server.ask("POST /constraints", &foreign, "{}").status, 403);
    for method in ["PUT", "DELETE", "OPTIONS"] {
        let headers = [("Host", &*host), ("Authorization", &*bearer), ("Origin", &*origin)];
        assert_eq!(server.ask(&format!("{method} /state"), &headers, "").status, 405, "{method}");
    }
}

/// Asks over a Unix socket, without a token.
fn over(path: &Path) -> Answer {
    let mut stream = UnixStream::connect(path).expect("it listens");
    stream.write_all(&request("GET /state", &[("Host", "localhost")], "")).expect("it is taken");
    Answer::read(&mut BufReader::new(stream))
}

#[test]
fn a_unix_socket_is_for_its_user_without_a_token() {
    let folder = Folder::new();
    let path = folder.path("camera.sock");
    let server = Server::start(&["--synthetic", "--no-tcp", "--socket", &argument(&path)]);
    assert_eq!((&server.listening["link"], &server.listening["port"]), (&().into(), &().into()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(over(&path).status, 200);
    drop(server);
    // What a killed one left is replaced; what another listens on is not, and neither is a file.
    let server = Server::start(&["--synthetic", "--no-tcp", "--socket", &argument(&path)]);
    assert_eq!(over(&path).status, 200);
    let second = run(["serve", "--json", "--synthetic", "--no-tcp", "--socket", &argument(&path)]);
    assert!(second.error()["message"].as_str().unwrap().contains("somebody else listens there"));
    let file = folder.write("file", "precious");
    run(["serve", "--json", "--synthetic", "--no-tcp", "--socket", &file]).error();
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    server.end(nix::sys::signal::Signal::SIGTERM);
    assert!(!path.exists());
}

#[test]
fn a_unix_socket_refuses_another_user_by_the_kernels_word() {
    if !geteuid().is_root() {
        eprintln!("Not tested: another user's connection takes root to be made.");
        return;
    }
    let folder = Folder::new();
    let path = folder.path("camera.sock");
    let _server = Server::start(&["--synthetic", "--no-tcp", "--socket", &argument(&path)]);
    // Even where the file's mode does not keep them out.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let socket = path.clone();
    let refused = thread::spawn(move || {
        const NOBODY: libc::uid_t = 65534;
        // SAFETY: the system call, unlike its wrapper in libc, changes the calling thread alone, which ends with this.
        let changed = unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) };
        assert_eq!(changed, 0);
        over(&socket)
    });
    let refused = refused.join().unwrap();
    assert_eq!(refused.status, 403);
    assert_eq!(refused.text(), "Not allowed. Open the link that `usermedia serve` printed.\n");
    assert_eq!(over(&path).status, 200);
}

#[test]
fn a_token_that_is_kept_outlives_the_service_and_is_kept_from_others() {
    let folder = Folder::new();
    let file = argument(&folder.path("token"));
    let first = Server::synthetic(&["--token-file", &file]).token().to_owned();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let server = Server::synthetic(&["--token-file", &file]);
    assert_eq!(server.token(), first);
    assert_eq!(server.get("/state").status, 200);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let error = run(["serve", "--json", "--synthetic", "--port", "0", "--token-file", &file]).error();
    assert_eq!(error["name"], "NotAllowedError");
    assert!(!error.to_string().contains(&first));
}
