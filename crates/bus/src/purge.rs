use contracts::topology::QUEUES;
use lapin::{Connection, ConnectionProperties, options::QueuePurgeOptions};

use crate::{BusError, TIMEOUT, declare_topology};

/// Declares the topology and empties every queue of it. What was in them is
/// lost, so this is for a virtual host that begins a new life, such as a test's.
pub async fn purge_queues(amqp_url: &str) -> Result<(), BusError> {
    declare_topology(amqp_url).await?;
    let purge = async {
        let connection = Connection::connect(amqp_url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        for queue in &QUEUES {
            let options = QueuePurgeOptions::default();
            channel.queue_purge(queue.name.into(), options).await?;
        }
        connection.close(200, "done".into()).await?;
        Ok(())
    };
    tokio::time::timeout(TIMEOUT, purge)
        .await
        .or(Err(BusError::Timeout))?
}
