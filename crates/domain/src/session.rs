use serde::{Deserialize, Serialize};

use crate::{SessionId, Timestamp, UserId};

/// A login of one account on one device: a document of `sessions`.
///
/// Access tokens name their session; once `revoked_at` is set, every token of
/// the session is dead.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The session.
    #[serde(rename = "_id")]
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When the login happened.
    pub created_at: Timestamp,
    /// When it last showed up, to the precision that `auth` writes it.
    pub last_seen_at: Timestamp,
    /// The `User-Agent` of the login, shortened to 256 bytes.
    #[serde(default)]
    pub user_agent: Option<String>,
    /// The client address of the login.
    #[serde(default)]
    pub ip: Option<String>,
    /// When its tokens expire; MongoDB deletes the document then.
    pub expires_at: Timestamp,
    /// When it was ended, if it was.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
}
