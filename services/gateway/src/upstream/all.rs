use futures_util::future::join_all;
use runtime::Readiness;

use super::{Upstream, UpstreamTimeouts};
use crate::{Settings, routes::Service};

/// The services, in the order of [`Service::ALL`].
pub(crate) struct Upstreams([Upstream; Service::ALL.len()]);

impl Upstreams {
    pub(crate) fn new(settings: &Settings) -> Self {
        let timeouts = UpstreamTimeouts {
            connect: settings.upstream_connect_timeout,
            response: settings.upstream_response_timeout,
        };
        Self(Service::ALL.map(|service| {
            let authorities = settings.urls_of(service).authorities();
            Upstream::new(service.name(), authorities, timeouts)
        }))
    }

    pub(crate) fn of(&self, service: Service) -> &Upstream {
        let Self([auth, posts, realtime]) = self;
        match service {
            Service::Auth => auth,
            Service::Posts => posts,
            Service::Realtime => realtime,
        }
    }

    /// Looks up every name.
    pub(crate) async fn resolve(&self) {
        join_all(self.0.iter().map(Upstream::resolve)).await;
    }

    /// Keeps addresses and health of all current. Never ends by itself.
    pub(crate) async fn watch(&self, readiness: &Readiness) {
        join_all(self.0.iter().map(|upstream| upstream.watch(readiness))).await;
    }

    /// The services of which no replica takes work.
    pub(crate) async fn unready(&self) -> Vec<&'static str> {
        let looks = self.0.iter().map(async |upstream| {
            let is_ready = upstream.look().await;
            (!is_ready).then_some(upstream.name)
        });
        join_all(looks).await.into_iter().flatten().collect()
    }
}
