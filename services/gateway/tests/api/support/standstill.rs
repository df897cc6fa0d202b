use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use runtime::{Clock, ManualClock};

use super::{Gateway, Raw};

/// Stops a gateway's threads where they ask for the time, which they do as a request begins.
#[derive(Clone, Default)]
pub(crate) struct Standstill {
    gate: Arc<Mutex<()>>,
    waiting: Arc<AtomicUsize>,
}

impl Standstill {
    /// Does `act`, which may not wait, while all threads that serve clients of `gateway` stand still.
    pub(crate) async fn during(gateway: &Gateway, act: impl FnOnce()) {
        let Self { gate, waiting } = &gateway.standstill;
        let threads = std::thread::available_parallelism().unwrap().get();
        // Some for each, even if not everybody who was there before has left.
        let mut clients = Vec::new();
        for _ in 0..4 * threads {
            clients.push(Raw::connect(gateway.http).await);
        }
        let gate = gate.lock().unwrap();
        for client in &clients {
            client.write_at_once("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        while waiting.load(Ordering::SeqCst) < threads {
            std::thread::yield_now();
        }
        act();
        drop(gate);
    }
}

/// The clock of a gateway.
pub(super) struct StoppingClock {
    pub(super) clock: ManualClock,
    pub(super) standstill: Standstill,
}

impl Clock for StoppingClock {
    fn now_micros(&self) -> i64 {
        self.standstill.waiting.fetch_add(1, Ordering::SeqCst);
        drop(self.standstill.gate.lock().unwrap());
        self.standstill.waiting.fetch_sub(1, Ordering::SeqCst);
        self.clock.now_micros()
    }
}
