//! Every key in Redis, in one place.

use std::net::IpAddr;

use domain::{PostId, SessionId, UserId};
use sha2::{Digest, Sha256};

/// Set once the revocations of the store have been loaded; gone after a flush.
pub const REVOCATIONS_LOADED: &str = "session:revocations-loaded";

/// Exists for a moment after auth has written every revocation there is.
pub const REVOCATIONS_CURRENT: &str = "session:revocations-current";

/// Which load of the revocations is under way.
pub const REVOCATIONS_LOADING: &str = "session:revocations-loading";

/// The channel on which sessions are named as they get on the list: 24 hex
/// digits each, separated by spaces.
pub const SESSIONS_REVOKED: &str = "session:revoked";

/// Exists while a revoked session could still be used.
#[must_use]
pub fn revoked_session(session_id: SessionId) -> String {
    format!("session:revoked:{session_id}")
}

/// Which likes the broker has taken and MongoDB does not hold yet, by when
/// somebody should look what became of them.
pub const LIKES_ALIVE: &str = "like:alive";

/// What the names of [`like_intents`] begin with.
pub const LIKE_INTENTS: &str = "like:intent:";

/// What a user has lately asked for posts and comments, by their ids. The
/// scripts over it touch those of several users and [`LIKES_ALIVE`] at once:
/// Redis is one server here.
#[must_use]
pub fn like_intents(user_id: UserId) -> String {
    format!("{LIKE_INTENTS}{user_id}")
}

/// An account, as auth tells it to other services.
#[must_use]
pub fn user(id: UserId) -> String {
    format!("user:{id}")
}

/// What stands between two accounts, as `viewer` stands to `other`.
#[must_use]
pub fn relation(viewer: UserId, other: UserId) -> String {
    format!("relation:{viewer}:{other}")
}

/// What says how two accounts stand to each other, and what the feeds of both
/// were made on: no longer true once either blocks the other.
#[must_use]
pub fn between(one: UserId, other: UserId) -> [String; 4] {
    [
        relation(one, other),
        relation(other, one),
        feed_version(one),
        feed_version(other),
    ]
}

/// A post as it is stored.
#[must_use]
pub fn post(id: PostId) -> String {
    format!("post:{id}")
}

/// The newest posts of an author whose posts are merged when feeds are read.
#[must_use]
pub fn author_recent(author: UserId) -> String {
    format!("author:{author}:recent")
}

/// Another value whenever the posts of an author change.
#[must_use]
pub fn author_version(author: UserId) -> String {
    format!("author:{author}:ver")
}

/// The posts that a user may find in the feed, while they read it.
#[must_use]
pub fn timeline(user_id: UserId) -> String {
    format!("timeline:{user_id}")
}

/// Another value whenever the feed of a user changes.
#[must_use]
pub fn feed_version(user_id: UserId) -> String {
    format!("feed:ver:{user_id}")
}

/// A page of the feed of a user, counted from 1.
#[must_use]
pub fn feed_page(user_id: UserId, page: usize) -> String {
    format!("feed:{user_id}:{page}")
}

/// The authors whose posts are merged when a user's feed is read.
#[must_use]
pub fn feed_pulled(user_id: UserId) -> String {
    format!("feed:pulled:{user_id}")
}

/// The posts and authors that changed in the last minutes, and when.
pub const FEED_TOUCHED: &str = "feed:touched";

/// The posts that most is happening to, by a sum that decays.
pub const EXPLORE_POSTS: &str = "explore:posts";

/// What somebody was shown when they explored, and when.
#[must_use]
pub fn explore_seen(viewer: UserId) -> String {
    format!("explore:seen:{viewer}")
}

/// The posts that somebody explores, in the order that they had at first.
#[must_use]
pub fn explore_order(viewer: UserId, name: u64) -> String {
    format!("explore:order:{viewer}:{name:x}")
}

/// Which order of somebody is the latest.
#[must_use]
pub fn explore_latest(viewer: UserId) -> String {
    format!("explore:latest:{viewer}")
}

/// The hashtags that are used most, by a sum that decays.
pub const TRENDING_TAGS: &str = "trending:tags";

/// Exists while an author who uses a hashtag again is not counted again.
#[must_use]
pub fn trending_said(author: UserId, hashtag: &str) -> String {
    format!("trending:said:{author}:{hashtag}")
}

/// Exists while a set of decayed scores need not be built from what is stored.
#[must_use]
pub fn built(scores: &str) -> String {
    format!("{scores}:built")
}

/// Exists for some hours after a page of followers was told of a change and the
/// job of the next page was published.
#[must_use]
pub fn feed_done(job_id: &str, page: u32) -> String {
    format!("feed:done:{job_id}:{page}")
}

/// The hits of a client in the current window of a rate-limit policy.
#[must_use]
pub fn rate_limit(policy: &str, client: &str) -> String {
    format!("rl:{policy}:{client}")
}

/// The logins of an account that have not succeeded, by its e-mail address. The
/// address is hashed: Redis and its dumps are no place for it.
#[must_use]
pub fn login_attempts(email_lower: &str) -> String {
    hashed("rl:login:", email_lower)
}

/// The password resets that were asked for an e-mail address, hashed as above.
#[must_use]
pub fn reset_requests(email_lower: &str) -> String {
    hashed("rl:reset-mail:", email_lower)
}

fn hashed(prefix: &str, text: &str) -> String {
    let digest = Sha256::digest(text);
    let short = digest.iter().take(16);
    short.fold(prefix.to_owned(), |key, byte| format!("{key}{byte:02x}"))
}

/// Who is alive of a group that shares something by leases, and until when.
#[must_use]
pub fn lease_members(group: &str) -> String {
    format!("lease:{group}:members")
}

/// Who of a group holds which part of what it shares.
#[must_use]
pub fn lease_holders(group: &str) -> String {
    format!("lease:{group}:holders")
}

/// Exists for a moment after a group was found again that Redis had forgotten.
#[must_use]
pub fn lease_forming(group: &str) -> String {
    format!("lease:{group}:forming")
}

/// Exists while a node that holds sockets is alive.
#[must_use]
pub fn node_lease(node: &str) -> String {
    format!("lease:node:{node}")
}

/// The channel of a node.
#[must_use]
pub fn node_channel(node: &str) -> String {
    format!("node:{node}")
}

/// The channel of all nodes.
pub const NODES: &str = "nodes";

/// The nodes that hold sockets of a user, or held some when they died.
#[must_use]
pub fn presence(user_id: UserId) -> String {
    format!("presence:{user_id}")
}

/// Who a rate limit counts: an IPv4 address, or the /56 an IPv6 address is
/// from, since a household has the whole of it. IPv4-mapped addresses count as IPv4.
#[must_use]
pub fn rate_limited_client(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & (u128::MAX << 72);
            format!("{}/56", std::net::Ipv6Addr::from(prefix))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_is_its_56() {
        let client = |text: &str| rate_limited_client(text.parse().unwrap());
        assert_eq!(client("2001:db8:1:2ff:1::1"), "2001:db8:1:200::/56");
        assert_eq!(client("2001:db8:1:2ff:1::1"), client("2001:db8:1:200::"));
        assert_ne!(client("2001:db8:1:300::1"), client("2001:db8:1:2ff::1"));
        assert_eq!(client("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
