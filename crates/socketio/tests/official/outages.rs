//! What clients go through when servers and networks do.

use std::{sync::Arc, time::Duration};

use socketio::{Config, DisconnectReason, MemoryLog, Retention};
use testkit::ChaosProxy;

use crate::{
    script::{Script, TRANSPORTS},
    stage::{Stage, anywhere},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_drained_server_hands_its_clients_to_the_next_one_on_its_port() {
    for transports in TRANSPORTS {
        let log = Arc::new(MemoryLog::new(Retention::default()));
        let first = Stage::open_on(anywhere(), Config::default(), log.clone());
        let address = first.address;
        let mut ana = Script::javascript("elsewhere", &format!("http://{address}"), transports);
        ana.hear("connected").await;
        first.close().await;
        let second = Stage::open_on(address, Config::default(), log);
        ana.hear("back").await;
        ana.tell().await;
        ana.end().await;
        second.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn silence_is_a_ping_timeout_for_both_sides() {
    for transports in TRANSPORTS {
        let stage = Stage::open(Config {
            ping_interval: Duration::from_millis(300),
            ping_timeout: Duration::from_millis(200),
            ..Config::default()
        });
        let network = ChaosProxy::start(stage.address.to_string());
        let url = format!("http://{}", network.address());
        let mut ana = Script::javascript("silence", &url, transports);
        ana.hear("connected").await;
        network.hang();
        ana.hear("gone").await;
        assert_eq!(stage.parting("ana").await, DisconnectReason::PingTimeout);
        network.restore();
        ana.end().await;
        stage.close().await;
    }
}
