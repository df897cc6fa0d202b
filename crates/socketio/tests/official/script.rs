//! A story, played by a client in a process of its own.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// The transports of a client, each set of them a way to connect.
pub(crate) const TRANSPORTS: [&str; 3] = ["websocket", "polling", "polling,websocket"];

const LIMIT: Duration = Duration::from_mins(1);

/// A story that is being played.
pub(crate) struct Script {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
    told: ChildStdin,
    about: String,
}

impl Script {
    /// Lets the JavaScript client play `story` at `url`.
    pub(crate) fn javascript(story: &str, url: &str, transports: &str) -> Self {
        let file = stories().join("javascript").join(format!("{story}.js"));
        let mut node = Command::new("node");
        node.env("NODE_PATH", installed().join("node_modules"));
        Self::start(node, &file, url, transports)
    }

    /// Lets python-socketio's client play its story at `url`.
    pub(crate) fn python(url: &str, transports: &str) -> Self {
        let file = stories().join("python/story.py");
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", installed().join("python"));
        python.env("PYTHONDONTWRITEBYTECODE", "yes");
        Self::start(python, &file, url, transports)
    }

    fn start(mut program: Command, file: &Path, url: &str, transports: &str) -> Self {
        program.arg(file).args([url, transports]);
        program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = program.kill_on_drop(true).spawn().expect("start a client");
        Self {
            said: BufReader::new(process.stdout.take().unwrap()).lines(),
            told: process.stdin.take().unwrap(),
            process,
            about: format!("{} over {transports}", file.display()),
        }
    }

    /// Waits until the story says `line`.
    pub(crate) async fn hear(&mut self, line: &str) {
        let said = timeout(LIMIT, self.said.next_line()).await;
        let said = said.unwrap_or_else(|_| panic!("{} says nothing", self.about));
        if said.unwrap().as_deref() != Some(line) {
            self.fail().await;
        }
    }

    /// Tells the story that it can go on.
    pub(crate) async fn tell(&mut self) {
        self.told.write_all(b"\n").await.unwrap();
    }

    /// Waits for the end of the story, which must be good.
    pub(crate) async fn end(mut self) {
        let ended = timeout(LIMIT, self.process.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("{} does not end", self.about));
        if !status.unwrap().success() {
            self.fail().await;
        }
    }

    async fn fail(&mut self) -> ! {
        let mut complaint = String::new();
        let errors = self.process.stderr.as_mut().unwrap();
        errors.read_to_string(&mut complaint).await.unwrap();
        panic!("{}: {complaint}", self.about);
    }
}

fn stories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official")
}

/// Where the clients are installed.
fn installed() -> PathBuf {
    let folder = env::var_os("SOCKETIO").map(PathBuf::from);
    folder.expect("SOCKETIO is not set: run the tests with `make test`")
}
