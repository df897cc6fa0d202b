//! The end of the gateway, as those meet it who would stay for long.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Says when the port is closed. Idle connections end at once, tunnels and
/// polls one after the other: each takes a turn of its own within `spread`, so
/// that their clients do not come to another gateway all in one moment.
#[derive(Clone)]
pub(crate) struct Closing(Arc<State>);

struct State {
    begun: CancellationToken,
    spread: Duration,
}

impl Closing {
    pub(crate) fn new(spread: Duration) -> Self {
        Self(Arc::new(State {
            begun: CancellationToken::new(),
            spread,
        }))
    }

    /// The port is closed.
    pub(crate) fn begin(&self) {
        self.0.begun.cancel();
    }

    /// Resolves when the port is closed.
    pub(crate) fn begun(&self) -> WaitForCancellationFutureOwned {
        self.0.begun.clone().cancelled_owned()
    }

    /// Resolves when it is the caller's turn to end.
    pub(crate) async fn turn(self) {
        self.0.begun.cancelled().await;
        sleep(self.0.spread.mul_f64(rand::random())).await;
    }
}
