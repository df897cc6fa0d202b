use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use cache::{Aside, Found, Lease, keys};
use contracts::auth::v1::{GetRelationsResponse, RelatedUser, Relation, User};
use domain::UserId;
use prost::Message;

/// How long accounts and relations are believed at most. auth forgets both as
/// soon as they change, so only what could not be forgotten gets so old.
const USER_LIFE: Duration = Duration::from_mins(5);
const RELATION_LIFE: Duration = Duration::from_mins(1);

/// What is kept in Redis of accounts, and of what stands between them and a
/// viewer, completed by what auth answers.
pub(super) struct Kept {
    viewer_id: UserId,
    /// The viewer and all others.
    everybody: BTreeSet<UserId>,
    users: Facts<User>,
    relations: Facts<Relation>,
}

/// Facts of one kind, each about somebody.
struct Facts<F> {
    life: Duration,
    known: HashMap<UserId, F>,
    leases: HashMap<UserId, Lease>,
}

impl Kept {
    pub(super) async fn read(aside: &Aside, viewer_id: UserId, ids: &[UserId]) -> Self {
        let mut everybody: BTreeSet<UserId> = ids.iter().copied().collect();
        everybody.insert(viewer_id);
        let mut kept = Self {
            viewer_id,
            everybody,
            users: Facts::new(USER_LIFE),
            relations: Facts::new(RELATION_LIFE),
        };
        let users = kept.everybody.iter().map(|id| keys::user(*id));
        let relations = kept.others().map(|id| keys::relation(viewer_id, id));
        let keys: Vec<String> = users.chain(relations).collect();
        let mut found = aside.read(&keys).await.into_iter();
        kept.users.read(kept.everybody.iter().copied(), &mut found);
        let others: Vec<UserId> = kept.others().collect();
        kept.relations.read(others.into_iter(), &mut found);
        kept
    }

    /// Nothing stands between the viewer and themselves.
    fn others(&self) -> impl Iterator<Item = UserId> {
        let everybody = self.everybody.iter().copied();
        everybody.filter(|id| *id != self.viewer_id)
    }

    /// Those of whom auth must tell.
    pub(super) fn missing(&self) -> Vec<UserId> {
        let everybody = self.everybody.iter().copied();
        let is_known = |id: &UserId| {
            self.users.known.contains_key(id)
                && (*id == self.viewer_id || self.relations.known.contains_key(id))
        };
        everybody.filter(|id| !is_known(id)).collect()
    }

    /// Takes in what auth answered, and keeps it where this is asked of us.
    pub(super) async fn complete(&mut self, aside: &Aside, answers: Vec<GetRelationsResponse>) {
        let mut fills = Vec::new();
        for RelatedUser { user, relation } in answers.into_iter().flat_map(|it| it.users) {
            let Some(user) = user else { continue };
            // Nobody asked for whom we cannot name.
            let Ok(id) = user.id.parse() else { continue };
            fills.extend(self.users.learn(id, user));
            if id != self.viewer_id {
                fills.extend(self.relations.learn(id, relation.unwrap_or_default()));
            }
        }
        aside.fill(&fills).await;
    }

    pub(super) fn viewer(&self) -> Option<&User> {
        self.users.known.get(&self.viewer_id)
    }

    /// Everybody who exists of those that were asked for, with the viewer.
    pub(super) fn into_people(mut self) -> impl Iterator<Item = RelatedUser> {
        let users = self.users.known.into_iter();
        users.map(move |(id, user)| RelatedUser {
            relation: self.relations.known.remove(&id),
            user: Some(user),
        })
    }
}

impl<F: Message + Default> Facts<F> {
    fn new(life: Duration) -> Self {
        Self {
            life,
            known: HashMap::new(),
            leases: HashMap::new(),
        }
    }

    fn read(
        &mut self,
        people: impl Iterator<Item = UserId>,
        found: &mut impl Iterator<Item = Found>,
    ) {
        for (id, found) in people.zip(found) {
            match found {
                // What cannot be read is asked for until it has run out.
                Found::Hit(bytes) => self
                    .known
                    .extend(F::decode(bytes.as_slice()).map(|it| (id, it))),
                Found::Miss(lease) => self.leases.extend(lease.map(|lease| (id, lease))),
            }
        }
    }

    /// What is to be kept of a fact from auth.
    fn learn(&mut self, id: UserId, fact: F) -> Option<(Lease, Vec<u8>, Duration)> {
        let lease = self.leases.remove(&id);
        let fill = lease.map(|lease| (lease, fact.encode_to_vec(), self.life));
        self.known.insert(id, fact);
        fill
    }
}
