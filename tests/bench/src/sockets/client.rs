//! A process full of clients. It does what it is told on its input, a line
//! each, and answers on its output.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use bson::oid::ObjectId;
use clap::Args;
use domain::{SessionId, UserId};
use runtime::{Clock, SystemClock};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokens::Signer;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::crowd::Crowd;

/// How long the tokens hold.
const HOUR: Duration = Duration::from_hours(1);
/// Connections from one address: fewer than a gateway allows one client.
const PER_ADDRESS: usize = 100;

/// Who connects to what.
#[derive(Clone, Debug, Args)]
pub(crate) struct Settings {
    /// Where the server is
    #[arg(long)]
    server: SocketAddr,
    /// How many connect
    #[arg(long)]
    connections: usize,
    /// Which of the processes this is; each has addresses of its own
    #[arg(long)]
    number: u8,
    /// Of them, pairs that can talk
    #[arg(long)]
    pairs: usize,
    /// Signs their tokens as auth does
    #[arg(long, env = "TOKEN_SIGNING_KEY", hide_env_values = true)]
    signing_key: SecretString,
}

/// What a process of clients is told.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Connect everybody.
    Connect,
    /// Talk for so long, so many messages in a second, or as many as possible.
    Talk {
        /// How long.
        seconds: u64,
        /// Messages in a second, all pairs together.
        rate: Option<f64>,
    },
    /// Say that all are still connected.
    Count,
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// It can begin.
    Ready,
    /// Everybody is connected.
    Connected,
    /// How long each message took, in µs.
    Talked(Vec<u64>),
    /// So many are connected.
    Holding(usize),
}

/// Does what its input says until that ends.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    // On one thread, so that no answer wakes another core.
    let driven = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(drive(&settings))
    });
    driven.await?
}

async fn drive(settings: &Settings) -> anyhow::Result<()> {
    let people = people(settings)?;
    let mut crowd = Crowd::default();
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    answer(&Report::Ready)?;
    while let Some(order) = orders.next_line().await? {
        let report = match serde_json::from_str(&order)? {
            Order::Connect => {
                crowd
                    .connect(settings.server, &people, settings.pairs)
                    .await?;
                Report::Connected
            }
            Order::Talk { seconds, rate } => {
                let length = Duration::from_secs(seconds);
                Report::Talked(crowd.talk(length, rate).await?)
            }
            Order::Count => Report::Holding(crowd.count()?),
        };
        answer(&report)?;
    }
    Ok(())
}

fn answer(report: &Report) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, report)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Somebody with a token, and where they are.
pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) token: String,
    pub(super) source: IpAddr,
}

fn people(settings: &Settings) -> anyhow::Result<Vec<Person>> {
    let signer = Signer::from_pem(&settings.signing_key)?;
    let now = SystemClock.now();
    let person = |index: usize| {
        let [user, login] = [(); 2].map(|()| ObjectId::new());
        let (id, session) = (UserId::from(user), SessionId::from(login));
        let (token, _) = signer.issue(id, session, now, HOUR)?;
        let [high, low] = u16::try_from(index / PER_ADDRESS + 1)?.to_be_bytes();
        let source = Ipv4Addr::new(127, settings.number + 1, high, low);
        Ok(Person {
            id,
            token,
            source: source.into(),
        })
    };
    (0..settings.connections).map(person).collect()
}
