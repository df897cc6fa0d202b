//! Who is where.

use std::sync::Arc;

use dashmap::{DashMap, Entry};

use crate::session::Session;

/// The rooms of a server. A room is there while somebody is in it.
#[derive(Default)]
pub(crate) struct Rooms {
    members: DashMap<Arc<str>, Vec<Arc<Session>>>,
}

impl Rooms {
    /// Lets `session` in, once. Whoever is gone stays outside.
    pub(crate) fn join(&self, name: &str, session: &Arc<Session>) {
        let name: Arc<str> = name.into();
        // With the room locked, so that it cannot be left before it is entered.
        match self.members.entry(Arc::clone(&name)) {
            Entry::Occupied(mut room) => {
                let name = Arc::clone(room.key());
                if session.enter(name) {
                    room.get_mut().push(Arc::clone(session));
                }
            }
            Entry::Vacant(room) => {
                if session.enter(name) {
                    room.insert(vec![Arc::clone(session)]);
                }
            }
        }
    }

    /// Lets `session` out.
    pub(crate) fn leave(&self, name: &str, session: &Arc<Session>) {
        if let Entry::Occupied(mut room) = self.members.entry(name.into()) {
            session.exit(name);
            room.get_mut().retain(|it| !Arc::ptr_eq(it, session));
            if room.get().is_empty() {
                room.remove();
            }
        }
    }

    /// Who is in the room.
    pub(crate) fn members(&self, name: &str) -> Vec<Arc<Session>> {
        self.members
            .get(name)
            .map(|it| it.clone())
            .unwrap_or_default()
    }
}
