//! `usermedia serve` with the built-in camera and microphone, at a port and with a token that a second start has again.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::engine::{Process, free_port};

pub struct Service {
    process: Option<Process>,
    arguments: Vec<String>,
    pub port: u16,
    pub token: String,
    folder: PathBuf,
}

impl Service {
    /// Starts it with these arguments besides; `{folder}` in one is the folder of this service's files.
    pub fn start(arguments: &[&str]) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("usermedia-browsers-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let shown = folder.to_str().expect("paths of tests are UTF-8");
        let mut service = Self {
            process: None,
            arguments: arguments.iter().map(|argument| argument.replace("{folder}", shown)).collect(),
            port,
            token: String::new(),
            folder,
        };
        service.start_again();
        service
    }

    /// Starts it anew with this origin listed: whose port is known only when the page is served, which needs the token.
    pub fn list(&mut self, origin: &str) {
        self.kill();
        self.arguments.extend(["--origin".to_owned(), origin.to_owned()]);
        self.start_again();
    }

    /// Ends the process, as a crash would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    pub fn start_again(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_usermedia"));
        command.env_remove("USERMEDIA_SYNTHETIC").env_remove("USERMEDIA_PERMISSION");
        command.args(["serve", "--json", "--synthetic", "--port", &self.port.to_string(), "--token-file"]);
        command.arg(self.folder.join("token")).args(&self.arguments);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        self.process = Some(Process(child));
        let listening: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        listening["token"].as_str().expect("a token").clone_into(&mut self.token);
    }

    /// Writes a file into its folder.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).expect("the folder takes files");
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The address of the script with the token, where the service is reached at `url`.
    pub fn script(&self, url: &str) -> String {
        format!("{url}/usermedia.js?token={}", self.token)
    }

    /// `result` of /state.
    pub fn state(&self) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        write!(
            stream,
            "GET /state HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\r\n",
            self.port, self.token
        )
        .expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
        let mut state: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        state["result"].take()
    }

    /// How many pages have pictures sent to them.
    pub fn looking(&self) -> u64 {
        let state = self.state();
        let clients = state["stream"]["clients_stat"].as_object().expect("clients");
        clients.values().filter(|client| client["kind"] == "page").count().try_into().expect("a few")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.process = None;
        let _ = fs::remove_dir_all(&self.folder);
    }
}
