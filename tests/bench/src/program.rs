//! Programs of the workspace as processes.

use std::{
    env,
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use crate::http::{Connection, Request};

/// How long a program may take until it is ready, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// Variables and what they are set to.
pub(crate) type Environment = Vec<(&'static str, String)>;

/// A service that runs. Killed when dropped.
pub(crate) struct Program {
    /// What it is called in figures.
    pub(crate) name: &'static str,
    /// Where it says how it is.
    pub(crate) admin: SocketAddr,
    child: Child,
}

impl Program {
    /// Starts `binary subcommand`, which writes to a file in `logs`, and waits until it is ready.
    pub(crate) async fn start(
        name: &'static str,
        binary: &str,
        subcommand: &str,
        admin: SocketAddr,
        environment: Environment,
        logs: &Path,
    ) -> anyhow::Result<Self> {
        let command = service(name, binary, subcommand, admin, environment, logs)?;
        Self::answering("/readyz", name, admin, command).await
    }

    /// The same for one that works without what it would like to have, which therefore
    /// never says that it is ready.
    pub(crate) async fn start_alone(
        name: &'static str,
        binary: &str,
        subcommand: &str,
        admin: SocketAddr,
        environment: Environment,
        logs: &Path,
    ) -> anyhow::Result<Self> {
        let command = service(name, binary, subcommand, admin, environment, logs)?;
        Self::answering("/livez", name, admin, command).await
    }

    /// Starts nginx, or whatever else is at `path` and says on `admin` that it is ready.
    pub(crate) async fn start_other(
        name: &'static str,
        path: &Path,
        arguments: &[&str],
        admin: SocketAddr,
        logs: &Path,
    ) -> anyhow::Result<Self> {
        let command = prepare(path, arguments, Environment::new(), &logs.join(name))?;
        Self::answering("/readyz", name, admin, command).await
    }

    async fn answering(
        question: &str,
        name: &'static str,
        admin: SocketAddr,
        mut command: Command,
    ) -> anyhow::Result<Self> {
        let child = command.spawn()?;
        let mut program = Self { name, admin, child };
        let deadline = Instant::now() + PATIENCE;
        while !answers(admin, question).await {
            let ended = program.child.try_wait()?;
            ensure!(ended.is_none(), "{name} has ended: see its log");
            ensure!(Instant::now() < deadline, "{name} does not become ready");
            sleep(PAUSE).await;
        }
        Ok(program)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets it finish what it has, and waits until it has ended.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid())?;
        let pid = Pid::from_raw(pid).context("a process without a number")?;
        kill_process(pid, Signal::TERM)?;
        let status = wait(&mut self.child, self.name).await?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `binary subcommand` to its end.
pub(crate) async fn run(
    binary: &str,
    subcommand: &str,
    environment: Environment,
    logs: &Path,
) -> anyhow::Result<()> {
    let log = logs.join(format!("{binary}-{subcommand}"));
    let path = beside_this(binary)?;
    let mut child = prepare(&path, &[subcommand], environment, &log)?.spawn()?;
    let status = wait(&mut child, binary).await?;
    ensure!(
        status.success(),
        "{binary} {subcommand} ended with {status}"
    );
    Ok(())
}

/// Where a program of the workspace is: beside this one.
fn beside_this(binary: &str) -> anyhow::Result<PathBuf> {
    let path = env::current_exe()?.with_file_name(binary);
    ensure!(path.exists(), "{binary} is not built");
    Ok(path)
}

/// What starts a program of ours.
fn service(
    name: &str,
    binary: &str,
    subcommand: &str,
    admin: SocketAddr,
    mut environment: Environment,
    logs: &Path,
) -> anyhow::Result<Command> {
    environment.push(("ADMIN_ADDR", admin.to_string()));
    let path = beside_this(binary)?;
    prepare(&path, &[subcommand], environment, &logs.join(name))
}

/// The program ends with us, even if we are killed.
fn prepare(
    path: &Path,
    arguments: &[&str],
    environment: Environment,
    log: &Path,
) -> anyhow::Result<Command> {
    let log = File::create(log.with_extension("log"))?;
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .arg(path)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    Ok(command)
}

async fn wait(child: &mut Child, name: &str) -> anyhow::Result<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > deadline {
            bail!("{name} does not end");
        }
        sleep(PAUSE).await;
    }
}

async fn answers(admin: SocketAddr, question: &str) -> bool {
    let Ok(mut connection) = Connection::open(admin).await else {
        return false;
    };
    let request = Request::new("GET", question, &[], "");
    let answer = connection.exchange(&request).await;
    answer.is_ok_and(|answer| answer.status == 200)
}
