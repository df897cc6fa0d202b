//! Limits and times, with the defaults of the official server where it has one.

use std::time::Duration;

use http::HeaderName;

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The path that clients are configured with; `/socket.io/`.
    pub path: String,
    /// Between two heartbeats; 25 s. Announced to clients.
    pub ping_interval: Duration,
    /// For the answer to a heartbeat; 20 s. Announced to clients.
    pub ping_timeout: Duration,
    /// From the handshake to the packet that connects to the namespace; 45 s.
    pub connect_timeout: Duration,
    /// For a transport that is to take over; 10 s.
    pub upgrade_timeout: Duration,
    /// Bytes of one message, and of one body of a polling request; 1,000,000. Announced to clients.
    pub max_payload: usize,
    /// Binary attachments of one packet; 10.
    pub max_attachments: usize,
    /// Events of a socket that wait to be handled, beyond what one read has brought; 64. While they
    /// wait, nothing more is read.
    pub inbox_events: usize,
    /// Bytes of events that wait to be handled; 1 MiB.
    pub inbox_bytes: usize,
    /// Packets that wait to be sent to a socket; 8,192. One more closes it.
    pub outbox_packets: usize,
    /// Bytes that wait to be sent to a socket; 4 MiB. One more closes it.
    pub outbox_bytes: usize,
    /// For what is still to be sent when a session ends, and for the client to hang up; 2 s.
    pub linger: Duration,
    /// Sessions at a time; 20,000. More are answered with 503.
    pub max_sessions: usize,
    /// The header in which a proxy names this replica with 1–16 characters of `a-z0-9`. Ids of
    /// sessions begin with that and a dot, so that the proxy finds the replica of later requests.
    pub sid_prefix_header: Option<HeaderName>,
}

/// How fast a drain closes transports.
#[derive(Clone, Copy, Debug)]
pub struct DrainPace {
    /// Sessions at a time.
    pub batch: usize,
    /// Between two batches.
    pub pause: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/socket.io/".to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(45),
            upgrade_timeout: Duration::from_secs(10),
            max_payload: 1_000_000,
            max_attachments: 10,
            inbox_events: 64,
            inbox_bytes: 1 << 20,
            outbox_packets: 8192,
            outbox_bytes: 4 << 20,
            linger: Duration::from_secs(2),
            max_sessions: 20_000,
            sid_prefix_header: None,
        }
    }
}

impl Config {
    /// How exactly time is kept: a tenth of the shortest time, between 5 ms and a quarter of a second.
    pub(crate) fn tick(&self) -> Duration {
        let shortest = [
            self.ping_interval,
            self.ping_timeout,
            self.connect_timeout,
            self.upgrade_timeout,
            self.linger,
        ];
        let shortest = shortest.into_iter().min().unwrap_or_default();
        (shortest / 10).clamp(Duration::from_millis(5), Duration::from_millis(250))
    }
}
