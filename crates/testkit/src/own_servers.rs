use std::{
    collections::HashMap,
    io::Read,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

/// MongoDB, Redis and RabbitMQ that a test has alone, to do to them what must
/// not happen to those of other tests; see [`crate::Sandbox::on`].
///
/// They end, and their data with them, when this is dropped or its process has
/// ended in any other way.
pub struct OwnServers {
    folder: PathBuf,
    mongodb_uri: String,
    redis_url: String,
    amqp_url: String,
    _keeper: Keeper,
}

/// Ends the servers when the pipe to it closes.
struct Keeper(Child);

/// One of [`OwnServers`].
#[derive(Clone)]
pub struct Server {
    name: &'static str,
    folder: PathBuf,
}

/// What is in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Messages that wait for a consumer.
    pub ready: u64,
    /// Messages that a consumer has and has not acknowledged.
    pub unacknowledged: u64,
}

impl OwnServers {
    /// Starts the three and waits until they are ready, which takes as long as
    /// RabbitMQ does: 5 to 40 seconds.
    pub async fn start() -> Self {
        let (keeper, mut answer) = Keeper::start();
        let answer = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            answer.read_to_string(&mut text).map(|_| text)
        });
        let answer = answer.await.unwrap().expect("the addresses of the servers");
        let lines = answer.lines().filter_map(|line| line.split_once('='));
        let values: HashMap<&str, &str> = lines.collect();
        let value = |name| {
            let value = values.get(name).copied().map(str::to_owned);
            value.unwrap_or_else(|| panic!("the servers did not start: no {name} in {answer:?}"))
        };
        Self {
            folder: value("FOLDER").into(),
            mongodb_uri: value("MONGODB_URI"),
            redis_url: value("REDIS_URL"),
            amqp_url: value("AMQP_URL"),
            _keeper: keeper,
        }
    }

    /// MongoDB, a replica set of one.
    #[must_use]
    pub fn mongodb(&self) -> Server {
        self.server("mongodb")
    }

    /// Redis, which writes down what it is told and reads it again when it starts.
    #[must_use]
    pub fn redis(&self) -> Server {
        self.server("redis")
    }

    /// RabbitMQ. It loses what a queue younger than about a second has
    /// confirmed when it is killed.
    #[must_use]
    pub fn rabbitmq(&self) -> Server {
        self.server("rabbitmq")
    }

    fn server(&self, name: &'static str) -> Server {
        Server {
            name,
            folder: self.folder.clone(),
        }
    }

    /// Every queue of RabbitMQ as the broker itself sees it, which takes it a second.
    pub async fn queues(&self) -> Vec<Queue> {
        let output = run("queues", &self.folder, &[]).await;
        let queue = |line: &str| {
            let mut fields = line.split('\t');
            let name = fields.next()?.to_owned();
            let mut count = || fields.next()?.parse().ok();
            Some(Queue {
                name,
                ready: count()?,
                unacknowledged: count()?,
            })
        };
        output
            .lines()
            .map(|line| queue(line).unwrap_or_else(|| panic!("not a queue: {line:?}")))
            .collect()
    }

    pub(crate) fn mongodb_uri(&self) -> &str {
        &self.mongodb_uri
    }

    pub(crate) fn redis_url(&self) -> &str {
        &self.redis_url
    }

    pub(crate) fn amqp_url(&self) -> &str {
        &self.amqp_url
    }
}

impl Keeper {
    /// The keeper, and where it tells what it has started.
    fn start() -> (Self, ChildStdout) {
        let mut command = Command::new(script());
        command.arg("run");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // Whoever kills the group of this process leaves the keeper to tidy up.
        command.process_group(0);
        let mut keeper = command.spawn().expect("the script that keeps servers");
        let answer = keeper.stdout.take().unwrap();
        (Self(keeper), answer)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Server {
    /// Ends it without asking (`SIGKILL`).
    pub async fn kill(&self) {
        self.run("kill").await;
    }

    /// Ends it in order.
    pub async fn stop(&self) {
        self.run("stop").await;
    }

    /// Starts it on the data it had and waits until it is ready.
    pub async fn start(&self) {
        self.run("start").await;
    }

    async fn run(&self, verb: &str) {
        run(verb, &self.folder, &[self.name]).await;
    }
}

async fn run(verb: &str, folder: &Path, more: &[&str]) -> String {
    let mut command = tokio::process::Command::new(script());
    command.arg(verb).arg(folder).args(more);
    let output = command.stdin(Stdio::null()).output().await;
    let output = output.expect("the script that keeps servers");
    assert!(
        output.status.success(),
        "{verb} {more:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/local/own-servers.sh")
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;
    use redis::AsyncCommands;

    use super::*;
    use crate::{Sandbox, sandbox::connect};

    #[tokio::test]
    async fn servers_die_come_back_with_their_data_and_go_with_the_test() {
        let servers = OwnServers::start().await;
        let sandbox = Sandbox::on(&servers).await;
        let things = sandbox.mongodb().collection("things");
        things.insert_one(doc! { "x": 1 }).await.unwrap();
        let _: () = sandbox.redis().set("k", 1).await.unwrap();
        let (mongodb, redis, rabbitmq) = (servers.mongodb(), servers.redis(), servers.rabbitmq());

        tokio::join!(mongodb.kill(), redis.stop(), rabbitmq.kill());
        let amqp_url = sandbox.amqp_url().await;
        assert!(bus::declare_topology(&amqp_url).await.is_err());

        tokio::join!(mongodb.start(), redis.start(), rabbitmq.start());
        let thing = things.find_one(doc! {}).await.unwrap();
        assert_eq!(thing.unwrap().get_i32("x").unwrap(), 1);
        let value: i32 = connect(&sandbox.redis_url()).await.get("k").await.unwrap();
        assert_eq!(value, 1);
        let queues = servers.queues().await;
        let first = queues.iter().find(|queue| queue.name == "likes-queue.0");
        let first = first.unwrap_or_else(|| panic!("{queues:?}"));
        assert_eq!((first.ready, first.unacknowledged), (0, 0));

        drop((sandbox, servers));
        assert!(bus::declare_topology(&amqp_url).await.is_err());
    }
}
