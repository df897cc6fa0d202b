//! Who is named in a text, and who sees what somebody has made.

use contracts::auth::v1::ResolveMentionsRequest;
use domain::{
    Role, UserId, UserStatus,
    visibility::{Relation, Sight, Viewer, is_visible},
};

use super::{People, Person, Sights, refused};
use crate::PostError;

impl People {
    /// The accounts `ids` and those with these usernames as `author`, who names
    /// them, stands to them; and which of them are named. Names that nobody has are
    /// words like others.
    pub(crate) async fn named(
        &self,
        author: UserId,
        ids: &[UserId],
        usernames: &[String],
    ) -> Result<(Sights, Vec<UserId>), PostError> {
        let (mut sights, named) =
            tokio::try_join!(self.related(author, ids), self.resolve(author, usernames))?;
        let named_ids = named.iter().map(Person::id).collect();
        let named = named.into_iter().map(|person| (person.id(), person));
        sights.people.extend(named);
        Ok((sights, named_ids))
    }

    async fn resolve(
        &self,
        author: UserId,
        usernames: &[String],
    ) -> Result<Vec<Person>, PostError> {
        if usernames.is_empty() {
            return Ok(Vec::new());
        }
        let request = ResolveMentionsRequest {
            author_id: author.to_string(),
            usernames: usernames.to_vec(),
        };
        let answer = self.relations.clone().resolve_mentions(request).await;
        let users = answer.map_err(refused)?.into_inner().users.into_iter();
        users.map(Person::read).collect()
    }
}

impl Sights {
    /// Whether `other` has this sight of what whoever looks has made, as an
    /// account like any: what stands between them is turned round. Who has made it
    /// is not among those who are shown it, nor is who is not active.
    pub(crate) fn is_shown_to(&self, other: UserId, sight: Sight) -> bool {
        let (Some(own), Some(other)) = (self.people.get(&self.viewer.id), self.people.get(&other))
        else {
            return false;
        };
        let viewer = Viewer {
            id: other.id(),
            role: Role::User,
        };
        let is_other = viewer.id != own.id() && other.author.status == UserStatus::Active;
        is_other && is_visible(&viewer, &own.author, &turned(other.relation), sight)
    }
}

/// How the other side stands to this one, as far as this one knows: whom the
/// other mutes or has asked is not told.
fn turned(relation: Relation) -> Relation {
    Relation {
        following: relation.followed_by,
        followed_by: relation.following,
        blocking: relation.blocked_by,
        blocked_by: relation.blocking,
        ..Relation::default()
    }
}
