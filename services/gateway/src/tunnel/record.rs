use std::{net::IpAddr, time::Instant};

use metrics::{counter, gauge};

use crate::wire::InFlightGuard;

/// What is kept of a tunnel: one log line at its end, which stands for its
/// handshake, too.
pub(crate) struct TunnelRecord {
    pub(crate) began: Instant,
    pub(crate) path: String,
    pub(crate) request_id: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) client: IpAddr,
    pub(crate) route: &'static str,
    pub(crate) upstream: Option<&'static str>,
    /// Bytes that the service has taken.
    pub(crate) received: u64,
    /// Bytes that the client has taken.
    pub(crate) sent: u64,
    pub(crate) ended_by: Ending,
    /// The connection is no longer one for requests, from the first one on.
    pub(crate) _connection: Option<InFlightGuard>,
    pub(crate) _open: Open,
}

/// Why a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client closed it, or its connection broke.
    Client,
    /// So did the service.
    Service,
    /// Nothing came from either for too long.
    Idle,
    /// One of them took nothing for too long.
    Stalled,
    /// The gateway drains.
    Drain,
    /// None of these yet; so it stays where the gateway has no more time.
    Stop,
}

impl Ending {
    const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Service => "service",
            Self::Idle => "idle",
            Self::Stalled => "stalled",
            Self::Drain => "drain",
            Self::Stop => "stop",
        }
    }
}

impl Drop for TunnelRecord {
    fn drop(&mut self) {
        let ended_by = self.ended_by.word();
        counter!("gateway_tunnels_ended_total", "by" => ended_by).increment(1);
        for (direction, bytes) in [("received", self.received), ("sent", self.sent)] {
            counter!("gateway_tunnel_bytes_total", "direction" => direction).increment(bytes);
        }
        tracing::info!(
            method = "GET",
            path = %self.path,
            route = self.route,
            status = 101,
            duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            received = self.received,
            sent = self.sent,
            ended_by,
            upstream = self.upstream,
            request_id = %self.request_id,
            trace_id = self.trace_id,
            client.address = %self.client,
            "tunnel"
        );
    }
}

/// Counts a tunnel as open until it is dropped.
pub(crate) struct Open(());

impl Open {
    pub(crate) fn begin() -> Self {
        gauge!("gateway_tunnels").increment(1);
        Self(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        gauge!("gateway_tunnels").decrement(1);
    }
}
