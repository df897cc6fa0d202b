//! The same story over a real Redis that goes away and comes back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{
    Client,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use testkit::{Sandbox, eventually};

use super::{LOG, any_order::story};
use crate::{EventLog, RedisLog, Retention};

const PATIENCE: Duration = Duration::from_mins(1);

fn log_at(url: &str) -> Arc<RedisLog> {
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(Duration::from_millis(200)))
        .set_connection_timeout(Some(Duration::from_millis(200)))
        .set_number_of_retries(0);
    let client = Client::open(url).unwrap();
    let connection = ConnectionManager::new_lazy_with_config(client, config).unwrap();
    Arc::new(RedisLog::new(connection, Retention::default()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn outages_of_redis_keep_nothing_from_anybody() {
    let sandbox = Sandbox::with_outages().await;
    let (log, witness) = (
        log_at(&sandbox.redis_url()),
        log_at(sandbox.direct_redis_url()),
    );
    let position = async || {
        let head = witness.heads(&[LOG]).await.unwrap()[0];
        head.map_or(0, |head| head.position)
    };
    let outages = AtomicUsize::new(0);
    let go_away = async {
        let proxy = sandbox.redis_proxy();
        loop {
            let before = position().await;
            eventually(PATIENCE, async || position().await > before + 100).await;
            if outages.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
                proxy.cut();
            } else {
                proxy.hang();
            }
            eventually(PATIENCE, async || log.heads(&[LOG]).await.is_err()).await;
            proxy.restore();
        }
    };
    tokio::select! {
        () = story(Arc::clone(&log) as Arc<dyn EventLog>, 1, 300) => {}
        () = go_away => {}
    }
    assert!(outages.load(Ordering::SeqCst) > 3);
}
