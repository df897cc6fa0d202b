//! What other services tell, and what it changes here.

use bus::{Handler, NotHandled};
use contracts::events::v1::{Event, PostsCounted, event::Fact};
use domain::UserId;

use crate::mongo::Counters;

/// Takes over what concerns accounts. Events may come again and in any order.
pub(crate) struct EventHandler {
    pub(crate) counters: Counters,
}

impl Handler for EventHandler {
    /// Handles one message of the queue `auth-events`. Facts that this service
    /// does not know are none of its business.
    async fn handle(&self, payload: &[u8]) -> Result<(), NotHandled> {
        let event = Event::from_bytes(payload).map_err(|error| NotHandled::invalid(&error))?;
        match event.fact {
            Some(Fact::PostsCounted(counted)) => self.take_posts_count(&counted).await,
            _ => Ok(()),
        }
    }
}

impl EventHandler {
    /// The count is absolute, and the largest version is the one that holds.
    async fn take_posts_count(&self, counted: &PostsCounted) -> Result<(), NotHandled> {
        let author_id: UserId = counted
            .author_id
            .parse()
            .map_err(|error: domain::InvalidId| NotHandled::invalid(&error))?;
        self.counters
            .set_posts_count(author_id, counted.count, counted.version)
            .await
            .map_err(|error| NotHandled {
                kind: error.kind(),
                reason: error.to_string(),
            })
    }
}
