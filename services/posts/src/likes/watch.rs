use std::time::Duration;

use super::Likes;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(5);

impl Likes {
    /// Tells the metrics how many likes are accepted and not applied, and settles
    /// those that are applied although Redis could not be told. Never ends by itself.
    pub(crate) async fn watch(self) {
        let alive = metrics::gauge!("likes_intents_alive");
        loop {
            self.settle_forgotten().await;
            if let Ok(count) = self.intents.alive().await {
                alive.set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn settle_forgotten(&self) {
        loop {
            let Ok(mut due) = self.intents.due().await else {
                return;
            };
            if due.is_empty() {
                return;
            }
            let Ok(stored) = self.stored.versions(&due).await else {
                return;
            };
            due.retain(|intent| {
                let stored = stored.get(&(intent.user_id, intent.liked_id));
                stored.is_some_and(|version| *version >= intent.version)
            });
            self.intents.settle(&due).await;
        }
    }
}
