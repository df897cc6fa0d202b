//! MongoDB, Redis and RabbitMQ for one run.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, ensure};
use std::io::{BufRead, BufReader};

/// The script that starts servers, and ends them when its input ends.
const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../deploy/local/own-servers.sh"
);

/// Fresh servers on ports of their own. They end with this.
pub(crate) struct Servers {
    script: Child,
    /// Where their files are.
    pub(crate) folder: PathBuf,
    /// MongoDB's address.
    pub(crate) mongodb: String,
    /// Redis' address.
    pub(crate) redis: String,
    /// RabbitMQ's address.
    pub(crate) amqp: String,
}

impl Servers {
    /// Starts them and waits until they are ready.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        tokio::task::spawn_blocking(Self::start_blocking).await?
    }

    fn start_blocking() -> anyhow::Result<Self> {
        let mut script = Command::new(SCRIPT)
            .arg("run")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the servers")?;
        let output = script.stdout.take().context("no output")?;
        let mut said = HashMap::new();
        for line in BufReader::new(output).lines() {
            if let Some((name, value)) = line?.split_once('=') {
                said.insert(name.to_owned(), value.to_owned());
            }
        }
        let mut take = |name: &str| said.remove(name).context("the servers did not start");
        Ok(Self {
            folder: take("FOLDER")?.into(),
            mongodb: take("MONGODB_URI")?,
            redis: take("REDIS_URL")?,
            amqp: take("AMQP_URL")?,
            script,
        })
    }

    /// Where logs belong.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The servers and their processes.
    pub(crate) fn processes(&self) -> anyhow::Result<[(&'static str, u32); 3]> {
        let pid = |name| -> anyhow::Result<(&'static str, u32)> {
            Ok((name, read_pid(&self.folder.join("run"), name)?))
        };
        Ok([pid("mongodb")?, pid("redis")?, pid("rabbitmq")?])
    }
}

fn read_pid(folder: &Path, name: &str) -> anyhow::Result<u32> {
    let text = fs::read_to_string(folder.join(name).with_extension("pid"))?;
    let pid = text.split_whitespace().next();
    let pid = pid.context("an empty pid file")?.parse()?;
    ensure!(pid > 0, "not a process");
    Ok(pid)
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}
