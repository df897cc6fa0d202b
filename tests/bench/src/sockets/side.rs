//! What is measured: server processes, and as many of clients.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::sleep,
};

use super::{
    Options,
    client::{Order, Report},
    figures::Measured,
};
use crate::{
    load::{Timing, count},
    program::{Environment, Program},
    stack::{CREDENTIAL, free_ports},
    usage::{Usage, resident},
};

/// What the official server is told to do.
const NODE_SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/node/chat.js");
/// Memory that is about to be given back has been by then.
const SETTLE: Duration = Duration::from_secs(3);

/// Servers, and where they are.
pub(super) struct Side {
    /// Those that are measured.
    measured: Vec<Program>,
    /// Where each client process connects.
    doors: Vec<SocketAddr>,
    /// Those that are behind.
    _behind: Vec<Program>,
}

impl Side {
    /// So many servers of ours.
    pub(super) async fn ours(processes: usize, keys: &str, logs: &Path) -> anyhow::Result<Self> {
        let mut side = Self::empty();
        for _ in 0..processes {
            let [address] = free_ports()?;
            side.measured.push(start_ours(address, keys, logs).await?);
            side.doors.push(address);
        }
        Ok(side)
    }

    /// So many official servers, installed in `modules`.
    pub(super) async fn node(
        processes: usize,
        keys: &str,
        modules: &Path,
        logs: &Path,
    ) -> anyhow::Result<Self> {
        let mut side = Self::empty();
        let node = find("node")?;
        let modules = modules.join("node_modules");
        let modules = modules.to_str().context("a path that is no text")?;
        for _ in 0..processes {
            let [address] = free_ports()?;
            let port = address.port().to_string();
            let arguments = [NODE_SERVER, &port, keys, modules];
            let program = Program::start_other("Node", &node, &arguments, address, logs);
            side.measured.push(program.await?);
            side.doors.push(address);
        }
        Ok(side)
    }

    /// A server of ours behind a gateway, which alone is measured.
    pub(super) async fn gateway(keys: &str, logs: &Path) -> anyhow::Result<Self> {
        let [server, door, admin, nobody] = free_ports()?;
        let environment = gateway_settings(door, server, nobody);
        let behind = start_ours(server, keys, logs).await?;
        let program = Program::start_alone("gateway", "gateway", "serve", admin, environment, logs);
        Ok(Self {
            measured: vec![program.await?],
            doors: vec![door],
            _behind: vec![behind],
        })
    }

    fn empty() -> Self {
        Self {
            measured: Vec::new(),
            doors: Vec::new(),
            _behind: Vec::new(),
        }
    }

    /// Connects so many clients, holds them, and lets some of them talk.
    pub(super) async fn measure(
        &self,
        options: &Options,
        connections: usize,
        key: &SecretString,
    ) -> anyhow::Result<Measured> {
        let mut clients = Clients::start(self, options, connections, key).await?;
        let empty = self.resident()?;
        let (began, before) = (Instant::now(), self.cpu()?);
        clients.all(Order::Connect).await?;
        let (connecting, connect_cpu) = (began.elapsed(), self.cpu_since(before)?);

        sleep(SETTLE).await;
        let held = self.resident()?.saturating_sub(empty);
        let (began, before) = (Instant::now(), self.cpu()?);
        sleep(Duration::from_secs(options.idle_seconds)).await;
        let idle = self.cpu_since(before)?.as_secs_f64() / began.elapsed().as_secs_f64();

        let before = self.cpu()?;
        let saturated = clients.talk(options, None).await?;
        let talk_cpu = self.cpu_since(before)?;
        let calm = clients.talk(options, Some(options.rate)).await?;

        let mut holding = 0;
        for report in clients.all(Order::Count).await? {
            let Report::Holding(some) = report else {
                bail!("not a count: {report:?}")
            };
            holding += some;
        }
        ensure!(
            holding == connections,
            "{holding} of {connections} are left"
        );
        Ok(Measured {
            connections: count(connections),
            connects_per_second: count(connections) / connecting.as_secs_f64(),
            connects_per_cpu: count(connections) / connect_cpu.as_secs_f64(),
            kib_per_connection: count(held) / count(connections),
            idle_percent: 100.0 * idle,
            messages_per_second: saturated.rate(),
            messages_per_cpu: count(saturated.operations()) / talk_cpu.as_secs_f64(),
            saturated: [500, 990].map(|permille| saturated.quantile(permille)),
            calm: [500, 990].map(|permille| calm.quantile(permille)),
        })
    }

    /// Of the measured processes, in KiB.
    fn resident(&self) -> anyhow::Result<usize> {
        let each = self.measured.iter().map(|it| resident(it.pid()));
        each.sum()
    }

    fn cpu_since(&self, before: Duration) -> anyhow::Result<Duration> {
        Ok(self.cpu()?.saturating_sub(before))
    }

    fn cpu(&self) -> anyhow::Result<Duration> {
        let all = self.measured.iter().map(|it| ("all", it.pid()));
        Ok(Usage::of(all)?.get("all"))
    }
}

async fn start_ours(address: SocketAddr, keys: &str, logs: &Path) -> anyhow::Result<Program> {
    let environment = vec![("TOKEN_KEYS", keys.to_owned())];
    Program::start("ours", "bench", "socket-server", address, environment, logs).await
}

fn gateway_settings(door: SocketAddr, server: SocketAddr, nobody: SocketAddr) -> Environment {
    let nobody = format!("http://{nobody}");
    vec![
        ("HTTP_ADDR", door.to_string()),
        ("REALTIME_URL", format!("http://{server}")),
        ("AUTH_URL", nobody.clone()),
        ("AUTH_GRPC_URL", nobody.clone()),
        ("POSTS_URL", nobody.clone()),
        ("REDIS_URL", nobody.replace("http", "redis")),
        ("SERVICE_CREDENTIAL", CREDENTIAL.to_owned()),
        ("RATE_LIMIT_POLICY", "local".to_owned()),
        ("MAX_CONNECTIONS", "9900".to_owned()),
        ("LOG", "error".to_owned()),
    ]
}

/// Where a program of the machine is.
fn find(program: &str) -> anyhow::Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&path).map(|folder| folder.join(program));
    let found = places.find(|place| place.exists());
    found.with_context(|| format!("{program} is not installed"))
}

/// A process of clients for each server.
struct Clients(Vec<Client>);

struct Client {
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Clients {
    async fn start(
        side: &Side,
        options: &Options,
        connections: usize,
        key: &SecretString,
    ) -> anyhow::Result<Self> {
        let mut clients = Vec::new();
        let (share, rest) = divide(connections, side.doors.len());
        let (pairs, more_pairs) = divide(options.chats, side.doors.len());
        for (number, door) in side.doors.iter().enumerate() {
            let connections = share + usize::from(number < rest);
            let pairs = pairs + usize::from(number < more_pairs);
            let mut process = Command::new(env::current_exe()?)
                .args(["socket-client", "--server", &door.to_string()])
                .args(["--connections", &connections.to_string()])
                .args(["--number", &number.to_string()])
                .args(["--pairs", &pairs.to_string()])
                .env("TOKEN_SIGNING_KEY", key.expose_secret())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            clients.push(Client {
                orders: process.stdin.take().context("no input")?,
                reports: BufReader::new(process.stdout.take().context("no output")?).lines(),
                _process: process,
            });
        }
        let mut clients = Self(clients);
        clients.reports().await?;
        Ok(clients)
    }

    /// Tells all the same, and waits until all have done it.
    async fn all(&mut self, order: Order) -> anyhow::Result<Vec<Report>> {
        let line = serde_json::to_string(&order)? + "\n";
        for client in &mut self.0 {
            client.orders.write_all(line.as_bytes()).await?;
        }
        self.reports().await
    }

    async fn reports(&mut self) -> anyhow::Result<Vec<Report>> {
        let mut reports = Vec::new();
        for client in &mut self.0 {
            let line = client.reports.next_line().await?;
            let line = line.context("a client has ended: it says why above")?;
            reports.push(serde_json::from_str(&line)?);
        }
        Ok(reports)
    }

    /// Lets the pairs talk, so many messages in a second or as many as possible.
    async fn talk(&mut self, options: &Options, rate: Option<u32>) -> anyhow::Result<Timing> {
        let order = Order::Talk {
            seconds: options.chat_seconds,
            rate: rate.map(|rate| f64::from(rate) / count(self.0.len())),
        };
        let began = Instant::now();
        let reports = self.all(order).await?;
        let elapsed = began.elapsed();
        let mut latencies = Vec::new();
        for report in reports {
            let Report::Talked(some) = report else {
                bail!("not a talk: {report:?}")
            };
            latencies.extend(some.into_iter().map(Duration::from_micros));
        }
        Ok(Timing::new(elapsed, latencies))
    }
}

/// How many each of `parts` gets, and how many of them get one more.
fn divide(items: usize, parts: usize) -> (usize, usize) {
    (items / parts, items % parts)
}
