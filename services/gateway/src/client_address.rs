//! Who the client is, when there may be proxies in front.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use http::HeaderMap;
use ipnet::IpNet;

/// Whose word about client addresses counts.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl FromStr for TrustedProxies {
    type Err = String;

    /// Reads networks or addresses, separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| {
                part.parse::<IpNet>()
                    .or_else(|_| part.parse::<IpAddr>().map(IpNet::from))
                    .map_err(|error| {
                        format!("{part:?} is not a network such as 10.0.0.0/8: {error}")
                    })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl TrustedProxies {
    /// Whether `address` is one of the proxies.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client of a connection from `peer`: the rightmost address of
    /// `X-Forwarded-For` that no trusted proxy has. Everything to the left of
    /// it is hearsay. What cannot be read ends the search at the last hop known.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lists = headers.get_all("x-forwarded-for");
        let mut hops = lists
            .iter()
            .rev()
            .flat_map(|list| list.to_str().unwrap_or_default().rsplit(','));
        while self.contains(client) {
            match hops.next().and_then(hop_address) {
                Some(hop) => client = hop,
                None => break,
            }
        }
        client
    }
}

/// An entry of `X-Forwarded-For`; some proxies add the port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let address = hop
        .parse::<IpAddr>()
        .or_else(|_| hop.parse::<SocketAddr>().map(|hop| hop.ip()))
        .ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(trusted: &str, peer: &str, lists: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append("x-forwarded-for", HeaderValue::from_static(list));
        }
        let trusted: TrustedProxies = trusted.parse().unwrap();
        trusted.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_stranger_is_who_connects() {
        assert_eq!(client("", "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(
            client("10.0.0.0/8", "192.0.2.1", &["203.0.113.9"]),
            "192.0.2.1"
        );
    }

    #[test]
    fn behind_trusted_proxies_it_is_the_rightmost_untrusted_address() {
        let trusted = "10.0.0.0/8, 2001:db8::/32,127.0.0.1";
        for (lists, expected) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["1.1.1.1, 203.0.113.9, 10.1.1.1"], "203.0.113.9"),
            (&["1.1.1.1", "203.0.113.9,10.1.1.1"], "203.0.113.9"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["[2001:4860::1]:443"], "2001:4860::1"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&[], "10.0.0.1"),
            (&["10.2.2.2"], "10.2.2.2"),
            (&["203.0.113.9, unknown, 10.2.2.2"], "10.2.2.2"),
        ] {
            assert_eq!(client(trusted, "10.0.0.1", lists), expected, "{lists:?}");
        }
    }

    #[test]
    fn an_ipv4_mapped_peer_is_its_ipv4_address() {
        assert_eq!(
            client("127.0.0.1", "::ffff:127.0.0.1", &["203.0.113.9"]),
            "203.0.113.9"
        );
    }

    #[test]
    fn what_is_not_a_network_is_refused() {
        assert!("10.0.0.0/8,somewhere".parse::<TrustedProxies>().is_err());
    }
}
