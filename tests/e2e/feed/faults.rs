use super::rig::Rig;

/// Something that breaks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// A worker dies in the middle of what it does.
    WorkerKilled,
    /// Redis forgets everything.
    RedisFlushed,
    /// Redis is gone for a while.
    RedisRestarted,
    /// Redis dies, and has forgotten the last that it was told.
    RedisTurnedBack,
    /// Nobody does what waits in the queues.
    WorkersFrozen,
}

impl Fault {
    pub(super) const ALL: [Self; 5] = [
        Self::WorkerKilled,
        Self::RedisFlushed,
        Self::RedisRestarted,
        Self::RedisTurnedBack,
        Self::WorkersFrozen,
    ];

    pub(super) async fn begin(self, rig: &mut Rig) {
        match self {
            Self::WorkerKilled => rig.workers[0].process.kill(),
            Self::RedisFlushed => command(rig, "FLUSHALL", &[]).await,
            Self::RedisRestarted => rig.servers.redis().stop().await,
            // From here on it does not write down what it is told.
            Self::RedisTurnedBack => command(rig, "CONFIG", &["SET", "appendonly", "no"]).await,
            Self::WorkersFrozen => rig.workers.iter().for_each(|it| it.process.freeze()),
        }
    }

    pub(super) async fn end(self, rig: &mut Rig) {
        match self {
            Self::WorkerKilled => rig.workers[0].restart().await,
            Self::RedisFlushed => {}
            Self::RedisRestarted => rig.servers.redis().start().await,
            Self::RedisTurnedBack => {
                rig.servers.redis().kill().await;
                rig.servers.redis().start().await;
            }
            Self::WorkersFrozen => rig.workers.iter().for_each(|it| it.process.thaw()),
        }
    }
}

async fn command(rig: &Rig, name: &str, arguments: &[&str]) {
    let mut redis = rig.redis().await;
    let done = redis::cmd(name).arg(arguments).exec_async(&mut redis).await;
    done.unwrap();
}
