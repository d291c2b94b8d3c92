//! Who may capture: denied by a policy file, by `deny`, at the prompt, and where nobody can be asked.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

use crate::support::{Folder, Run, argument, run, usermedia};

/// Captures two frames of the built-in camera, if `--permission` lets it.
fn capture(permission: &str) -> Run {
    run(["capture", "--synthetic", "--frames", "2", "--json", "--permission", permission])
}

#[track_caller]
fn assert_denied(error: &Value, message: &str, remedy: &str) {
    assert_eq!((&error["name"], &error["code"]), (&"NotAllowedError".into(), &"PERMISSION_DENIED".into()), "{error}");
    assert_eq!(error["device"], "Synthetic camera", "{error}");
    let says =
        |member: &str, text: &str| assert!(error[member].as_str().is_some_and(|said| said.contains(text)), "{error}");
    says("message", message);
    says("remedy", remedy);
}

#[test]
fn deny_is_a_document_with_both_names_and_what_to_do() {
    for subcommand in [&["capture", "--frames", "2"][..], &["snapshot", "-o", "never.jpg"]] {
        let run = run(subcommand.iter().chain(&["--synthetic", "--json", "--permission", "deny"]));
        assert_denied(&run.error(), "says deny", "prompt");
        assert!(run.stderr.contains("(NotAllowedError, PERMISSION_DENIED)"), "{}", run.stderr);
        assert!(run.stderr.contains("hint: "), "{}", run.stderr);
    }
    capture("allow").done();
}

#[test]
fn the_environment_decides_where_no_flag_does() {
    let with_variable = |value: &str, flag: &[&str]| {
        let mut command = usermedia();
        command.args(["capture", "--synthetic", "--frames", "2", "--json"]).args(flag);
        Run::from(command.env("USERMEDIA_PERMISSION", value).output().expect("the command runs"))
    };
    assert_denied(&with_variable("deny", &[]).error(), "USERMEDIA_PERMISSION", "allow");
    with_variable("", &[]).done();
    with_variable("deny", &["--permission", "allow"]).done();
}

#[test]
fn a_policy_file_decides_and_its_line_is_named() {
    let folder = Folder::new();
    let file = folder.write("policy", "# a kiosk\nallow microphone *\ndeny camera synthetic-*\ndefault allow\n");
    let error = capture(&file).error();
    assert_denied(&error, "line 3 of ", "allow camera synthetic-camera");
    assert_denied(&error, &format!("{file} says `deny camera synthetic-*`"), "above that line");
    let file = folder.write("other", "deny any \"Some other camera\"\n");
    assert_denied(&capture(&file).error(), &format!("no line of {file} allows it"), "allow camera synthetic-camera");
    for allowing in ["allow camera \"Synthetic camera\"", "allow any synthetic", "default allow"] {
        capture(&folder.write("allowing", allowing)).done();
    }
}

#[test]
fn a_policy_file_that_is_wrong_or_missing_denies_and_says_where() {
    let folder = Folder::new();
    for (text, said) in [
        (
            "allow camera *\nallow everything",
            "line 2: camera, microphone, any or origin is expected where `everything` stands",
        ),
        ("alow camera *", "line 1: allow, deny or default is expected where `alow` stands"),
        ("allow camera", "line 1: an id, a name in double quotes, or * is missing"),
        ("allow camera \"C920", "line 1: the closing quote is missing"),
        ("default allow\ndefault deny", "line 2: there is a `default` already"),
    ] {
        let file = folder.write("policy", text);
        assert_denied(&capture(&file).error(), &format!("{file} is not understood, {said}"), "default deny");
    }
    assert_denied(&capture(&folder.write("policy", b"allow camera *\n\xff\n")).error(), "line 2 is not UTF-8", "UTF-8");
    let missing = argument(&folder.path("missing"));
    assert_denied(&capture(&missing).error(), &format!("there is no policy file {missing}"), "write one");
    assert_denied(&capture("/").error(), "cannot be read", "chmod");
}

#[test]
fn constraints_that_nothing_meets_are_told_before_anybody_is_asked() {
    let error = run(["capture", "--synthetic", "--json", "--min-width", "99999", "--permission", "deny"]).error();
    assert_eq!(error["name"], "OverconstrainedError");
}

#[test]
fn check_says_who_decides() {
    let check = run(["check", "--synthetic", "--json", "--permission", "deny"]);
    let document = check.json();
    assert_eq!((check.status, &document["ok"]), (Some(1), &false.into()));
    let of = |name: &str| document["checks"].as_array().unwrap().iter().find(|found| found["name"] == name).cloned();
    assert_eq!(of("camera").unwrap()["ok"], false);
    assert!(of("permission").unwrap()["message"].as_str().unwrap().contains("says deny"), "{document}");
    let table = run(["check", "--synthetic"]).stdout;
    assert!(table.contains("permission  yes"), "{table}");
}

#[test]
fn without_a_terminal_a_prompt_denies_and_says_how_to_be_asked() {
    // In a session of its own it has no controlling terminal, wherever the tests run.
    let mut command = Command::new("setsid");
    command.args(["--wait", env!("CARGO_BIN_EXE_usermedia"), "capture", "--synthetic", "--frames", "2", "--json"]);
    let output =
        command.args(["--permission", "prompt"]).env_remove("USERMEDIA_SYNTHETIC").stdin(Stdio::null()).output();
    let error = Run::from(output.expect("setsid is installed (util-linux)")).error();
    assert_denied(&error, "no terminal to ask at", "policy file");
}

/// The command on a terminal of its own, of which somebody reads the one side and types at the other.
struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    shown: String,
}

impl Terminal {
    fn start(arguments: &str) -> Self {
        Self::run(&format!("exec {} {arguments}", env!("CARGO_BIN_EXE_usermedia")))
    }

    fn run(command: &str) -> Self {
        let mut child = Command::new("script")
            .args(["-q", "-e", "-c", command, "/dev/null"])
            .env_remove("USERMEDIA_SYNTHETIC")
            .env_remove("USERMEDIA_PERMISSION")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script is installed (util-linux)");
        let keyboard = child.stdin.take().expect("a pipe");
        Self { child, keyboard, shown: String::new() }
    }

    /// Reads until this is on the screen.
    #[track_caller]
    fn read_until(&mut self, text: &str) {
        let screen = self.child.stdout.as_mut().expect("a pipe");
        let mut byte = [0];
        while !self.shown.contains(text) {
            assert_eq!(screen.read(&mut byte).expect("a screen"), 1, "never {text:?} in {:?}", self.shown);
            self.shown.push(char::from(byte[0]));
        }
    }

    /// Types it.
    fn enter(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).expect("a keyboard");
    }

    /// The exit status, and all that was shown, with plain line ends.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = Vec::new();
        self.child.stdout.take().expect("a pipe").read_to_end(&mut rest).expect("a screen");
        let status = self.child.wait().expect("it ends").code();
        (status, (self.shown + &String::from_utf8_lossy(&rest)).replace('\r', ""))
    }
}

const ASK: &str = "capture --synthetic --frames 2 --permission prompt";

#[test]
fn the_prompt_shows_what_is_asked_for_and_yes_allows() {
    for yes in ["y\n", "YES\n", "  y  \n"] {
        let mut terminal = Terminal::start(ASK);
        terminal.read_until("[y/N] ");
        let question = "\nusermedia would like to use\n  camera      Synthetic camera\nAllow it? [y/N] ";
        assert_eq!(terminal.shown.replace('\r', ""), question);
        terminal.enter(yes.as_bytes());
        let (status, shown) = terminal.end();
        assert_eq!(status, Some(0), "{shown}");
    }
}

#[test]
fn camera_and_microphone_are_one_question() {
    let mut terminal = Terminal::start(&format!("{ASK} --video --audio"));
    terminal.read_until("[y/N] ");
    let question = "\nusermedia would like to use\n  camera      Synthetic camera
  microphone  Synthetic microphone\nAllow it? [y/N] ";
    assert_eq!(terminal.shown.replace('\r', ""), question);
    terminal.enter(b"y\n");
    let (status, shown) = terminal.end();
    assert_eq!((status, shown.matches("[y/N]").count()), (Some(0), 1), "{shown}");
}

#[test]
fn any_other_answer_and_the_end_of_input_deny() {
    for no in ["n\n", "\n", "yesterday\n", "\u{4}"] {
        let mut terminal = Terminal::start(&format!("{ASK} --json"));
        terminal.read_until("[y/N] ");
        terminal.enter(no.as_bytes());
        let (status, shown) = terminal.end();
        assert_eq!(status, Some(1), "{no:?}: {shown}");
        assert!(shown.contains("the answer to the question was no"), "{no:?}: {shown}");
        let document = shown.lines().find(|line| line.starts_with('{')).expect("a document");
        assert_denied(&serde_json::from_str::<Value>(document).unwrap()["error"], "was no", "answer y");
    }
}

#[test]
fn a_no_is_the_end_of_waiting_too() {
    let mut terminal = Terminal::start(&format!("{ASK} --wait 1h"));
    terminal.read_until("[y/N] ");
    terminal.enter(b"n\n");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(1), "{shown}");
    assert!(!shown.contains("Waiting"), "{shown}");
}

#[test]
fn ctrl_c_at_the_prompt_is_the_signal_it_is_everywhere() {
    let mut terminal = Terminal::start(ASK);
    terminal.read_until("[y/N] ");
    terminal.enter(b"\x03");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(130), "{shown}");
    assert!(shown.contains("AbortError, PERMISSION_DENIED"), "{shown}");
}

#[test]
fn what_was_typed_ahead_is_no_answer() {
    let folder = Folder::new();
    let begin = folder.path("begin");
    let wait = format!("echo ready; until [ -e {} ]; do sleep 0.02; done", begin.display());
    let mut terminal = Terminal::run(&format!("{wait}; exec {} {ASK}", env!("CARGO_BIN_EXE_usermedia")));
    terminal.read_until("ready");
    terminal.enter(b"y\n");
    // Echoed: the terminal has it, for whoever reads next.
    terminal.read_until("y\r\n");
    fs::write(&begin, "").expect("the folder takes files");
    terminal.read_until("[y/N] ");
    terminal.enter(b"n\n");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(1), "{shown}");
}
