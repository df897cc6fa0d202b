use std::{
    env,
    ffi::OsStr,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::{Client, eventually};

/// How long a process may take until it is ready.
const START: Duration = Duration::from_secs(30);

/// A child process whose output is kept. Killed when dropped; after a panic
/// the end of its output is shown.
pub struct Process {
    name: String,
    child: Child,
    pid: Pid,
    output: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts the binary `name` of this workspace, built with the profile of
    /// the running test, with nothing in its environment but `environment`.
    #[must_use]
    pub fn service<K, V>(
        name: &str,
        arguments: &[&str],
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Self
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        Self::spawn(&binary(name), arguments, environment)
    }

    /// Starts any program, with nothing in its environment but `environment`.
    #[must_use]
    pub fn spawn<K, V>(
        program: &Path,
        arguments: &[&str],
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Self
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        let output = Arc::default();
        let readers = vec![
            keep(child.stdout.take().unwrap(), &output),
            keep(child.stderr.take().unwrap(), &output),
        ];
        Self {
            name: program
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            pid: pid
                .and_then(Pid::from_raw)
                .expect("a running process has an id"),
            child,
            output,
            readers,
        }
    }

    /// The lines it has written so far, to standard output and standard error.
    #[must_use]
    pub fn output(&self) -> Vec<String> {
        self.output.lock().unwrap().clone()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("the state of a child")
            .is_none()
    }

    /// Asks it to end (`SIGTERM`).
    pub fn terminate(&self) {
        kill_process(self.pid, Signal::TERM).expect("SIGTERM");
    }

    /// Ends it without asking (`SIGKILL`).
    pub fn kill(&self) {
        kill_process(self.pid, Signal::KILL).expect("SIGKILL");
    }

    /// Stops it where it is (`SIGSTOP`): it keeps what it holds, and its peers see
    /// nothing but silence.
    pub fn freeze(&self) {
        kill_process(self.pid, Signal::STOP).expect("SIGSTOP");
    }

    /// Lets it go on where it was frozen (`SIGCONT`), unaware of the time in between.
    pub fn thaw(&self) {
        kill_process(self.pid, Signal::CONT).expect("SIGCONT");
    }

    /// Waits until it has ended and its output is complete; panics after `limit`.
    pub async fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let end = async {
            let status = self.child.wait().await.expect("the end of a child");
            for reader in self.readers.drain(..) {
                let _ = reader.await;
            }
            status
        };
        timeout(limit, end)
            .await
            .unwrap_or_else(|_| panic!("{} still runs after {limit:?}", self.name))
    }

    /// Waits until its admin port says that it is ready.
    pub async fn wait_ready(&mut self, admin: SocketAddr) {
        let client = Client::new(format!("http://{admin}"));
        eventually(START, async || {
            assert!(self.is_running(), "{} has ended", self.name);
            let ask = client.request(reqwest::Method::GET, "/readyz");
            client
                .try_send(ask)
                .await
                .is_ok_and(|answer| answer.status == 200)
        })
        .await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.output();
            let end = &output[output.len().saturating_sub(60)..];
            eprintln!(
                "--- the end of what {} wrote\n{}\n---",
                self.name,
                end.join("\n")
            );
        }
    }
}

fn keep(
    pipe: impl AsyncRead + Unpin + Send + 'static,
    output: &Arc<Mutex<Vec<String>>>,
) -> JoinHandle<()> {
    let output = Arc::clone(output);
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line).into_owned();
            output.lock().unwrap().push(line);
        }
    })
}

/// The binary `name`, in the folder above the one of the running test.
fn binary(name: &str) -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    let folder = test
        .ancestors()
        .find(|folder| folder.join("deps").is_dir())
        .expect("a test lies in the deps folder of its profile");
    let path = folder.join(name);
    let advice = "build it with `cargo build --workspace --bins`";
    match is_older(&path, &test) {
        Ok(false) => path,
        Ok(true) => panic!("{} is older than this test: {advice}", path.display()),
        Err(error) => panic!("{}: {error}: {advice}", path.display()),
    }
}

/// Whether a source that cargo has listed beside `binary` was changed after
/// `binary` was built and before `test` was, which has the same sources in it:
/// a test of yesterday's binary proves nothing. Changes since then are for the
/// next build of both.
fn is_older(binary: &Path, test: &Path) -> io::Result<bool> {
    let changed = |path: &Path| -> io::Result<SystemTime> { fs::metadata(path)?.modified() };
    let between = changed(binary)?..changed(test)?;
    let listing = fs::read_to_string(binary.with_extension("d"))?;
    let sources = listing.split_once(": ").map_or("", |(_, sources)| sources);
    // Cargo writes a space in a path as `\ `.
    let sources = sources.replace("\\ ", "\0");
    Ok(sources.split_whitespace().any(|source| {
        let source = source.replace('\0', " ");
        changed(Path::new(&source)).is_ok_and(|at| between.contains(&at))
    }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Process {
        Process::spawn(Path::new("/bin/sh"), &["-c", script], [("WORD", "hello")])
    }

    #[tokio::test]
    async fn output_and_status_are_kept() {
        let mut process = shell("echo $WORD; echo oops >&2; exit 64");
        assert_eq!(process.wait_exit(SOON).await.code(), Some(64));
        let mut output = process.output();
        output.sort();
        assert_eq!(output, ["hello", "oops"]);
        assert!(!process.is_running());
    }

    #[tokio::test]
    async fn signals_arrive() {
        let mut polite = shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done");
        eventually(SOON, async || polite.output().contains(&"ready".to_owned())).await;
        polite.terminate();
        assert_eq!(polite.wait_exit(SOON).await.code(), Some(7));

        let count = shell("while :; do echo again; sleep 0.01; done");
        eventually(SOON, async || !count.output().is_empty()).await;
        count.freeze();
        let state = format!("/proc/{}/stat", count.pid.as_raw_nonzero());
        eventually(SOON, async || {
            fs::read_to_string(&state).unwrap().contains(") T ")
        })
        .await;
        let so_far = count.output().len();
        count.thaw();
        eventually(SOON, async || count.output().len() > so_far + 10).await;

        let mut stubborn = shell("trap '' TERM; while :; do sleep 0.01; done");
        assert!(stubborn.is_running());
        stubborn.kill();
        assert_eq!(stubborn.wait_exit(SOON).await.signal(), Some(9));
    }
}
