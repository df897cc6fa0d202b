use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError},
};

use futures_util::future::join_all;
use tokio::{net::lookup_host, time::timeout};

use super::{Endpoint, TICK, Upstream};

impl Upstream {
    /// Looks up every name again. Addresses that stay keep their connections
    /// and what is known of them; a name that cannot be resolved keeps its addresses.
    pub(super) async fn resolve(&self) {
        let known = self.endpoints();
        let found = join_all(
            self.authorities
                .iter()
                .map(|authority| addresses(authority)),
        )
        .await;
        let mut endpoints: Vec<Arc<Endpoint>> = Vec::new();
        for (authority, addresses) in self.authorities.iter().zip(found) {
            let of_authority = known
                .iter()
                .filter(|endpoint| endpoint.authority == *authority);
            let current: Vec<Arc<Endpoint>> = match addresses {
                Some(addresses) => addresses
                    .into_iter()
                    .map(|address| {
                        of_authority
                            .clone()
                            .find(|endpoint| endpoint.address == address)
                            .cloned()
                            .unwrap_or_else(|| self.discovered(authority, address))
                    })
                    .collect(),
                None => of_authority.cloned().collect(),
            };
            for endpoint in current {
                if endpoints
                    .iter()
                    .all(|other| other.address != endpoint.address)
                {
                    endpoints.push(endpoint);
                }
            }
        }
        let is_same = endpoints.len() == known.len()
            && endpoints
                .iter()
                .zip(known.iter())
                .all(|(a, b)| Arc::ptr_eq(a, b));
        if !is_same {
            *self
                .endpoints
                .write()
                .unwrap_or_else(PoisonError::into_inner) = endpoints.into();
        }
    }

    fn discovered(&self, authority: &str, address: SocketAddr) -> Arc<Endpoint> {
        tracing::info!(upstream = self.name, %address, "upstream found");
        Arc::new(Endpoint::new(self.name, authority.to_owned(), address))
    }
}

async fn addresses(authority: &str) -> Option<Vec<SocketAddr>> {
    match timeout(TICK, lookup_host(authority)).await {
        Ok(Ok(found)) => {
            let mut found: Vec<SocketAddr> = found.collect();
            // Resolvers rotate their answers, which is no change.
            found.sort_unstable();
            Some(found)
        }
        Ok(Err(error)) => {
            tracing::warn!(authority, %error, "name cannot be resolved");
            None
        }
        Err(_) => {
            tracing::warn!(authority, "name is not resolved in time");
            None
        }
    }
}
