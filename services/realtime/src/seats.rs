use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{SessionId, Timestamp, UserId};
use tokens::AccessToken;
use tokio::sync::{Notify, oneshot};

use crate::refusal::Refusal;

/// Who waits to hear that a user was announced.
type Waiters = Vec<oneshot::Sender<bool>>;

/// Whose sockets this node holds. A socket has a [`Seat`] from before anybody
/// asks whether its session is alive until it is dropped, so that whatever ends
/// that session in between meets it here.
#[derive(Default)]
pub(crate) struct Seats {
    taken: Mutex<Taken>,
    /// Told when there is something for [`Seats::take_changed`].
    changed: Notify,
}

#[derive(Default)]
struct Taken {
    users: HashMap<UserId, Holding>,
    sessions: HashMap<SessionId, Login>,
    changed: HashMap<UserId, Waiters>,
}

/// What there is of one user.
#[derive(Default)]
struct Holding {
    seats: u32,
    /// The other nodes can know.
    is_announced: bool,
}

/// What there is of one session.
struct Login {
    seats: u32,
    expires_at: Timestamp,
    ended: Option<Refusal>,
}

/// The place of one socket.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    pub(crate) user_id: UserId,
    pub(crate) session_id: SessionId,
}

impl Seats {
    /// Takes a place for somebody with a valid token.
    pub(crate) fn take(self: &Arc<Self>, access: &AccessToken) -> Seat {
        let mut taken = self.lock();
        taken.users.entry(access.user_id).or_default().seats += 1;
        let login = taken.sessions.entry(access.session_id);
        let login = login.or_insert(Login {
            seats: 0,
            expires_at: access.expires_at,
            ended: None,
        });
        login.seats += 1;
        login.expires_at = login.expires_at.max(access.expires_at);
        Seat {
            seats: Arc::clone(self),
            user_id: access.user_id,
            session_id: access.session_id,
        }
    }

    /// Every session, and when its token expires.
    pub(crate) fn sessions(&self) -> Vec<(SessionId, Timestamp)> {
        let taken = self.lock();
        let sessions = taken.sessions.iter();
        sessions.map(|(id, it)| (*id, it.expires_at)).collect()
    }

    /// Notes that a session has ended, also for sockets that are only about to
    /// be. False: there is none here, or it was known.
    pub(crate) fn end(&self, session_id: SessionId, why: Refusal) -> bool {
        let mut taken = self.lock();
        let login = taken.sessions.get_mut(&session_id);
        login.is_some_and(|it| it.ended.replace(why).is_none())
    }

    /// Why a session has ended, if it has.
    pub(crate) fn ended(&self, session_id: SessionId) -> Option<Refusal> {
        self.lock().sessions.get(&session_id)?.ended
    }

    /// Every user.
    pub(crate) fn users(&self) -> Vec<UserId> {
        self.lock().users.keys().copied().collect()
    }

    /// Asks for a user to be announced; `None` if that was done.
    pub(crate) fn ask_announcement(&self, user_id: UserId) -> Option<oneshot::Receiver<bool>> {
        let mut taken = self.lock();
        let is_announced = |it: &Holding| it.is_announced;
        if taken.users.get(&user_id).is_some_and(is_announced) {
            return None;
        }
        let (waiter, answer) = oneshot::channel();
        taken.changed.entry(user_id).or_default().push(waiter);
        drop(taken);
        self.changed.notify_one();
        Some(answer)
    }

    /// Resolves when somebody came or went.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Up to `count` users who came or went, and who waits to hear that this is known.
    pub(crate) fn take_changed(&self, count: usize) -> HashMap<UserId, Waiters> {
        let mut taken = self.lock();
        if taken.changed.len() <= count {
            return mem::take(&mut taken.changed);
        }
        let users: Vec<UserId> = taken.changed.keys().take(count).copied().collect();
        let waiters = users
            .into_iter()
            .filter_map(|it| taken.changed.remove_entry(&it));
        waiters.collect()
    }

    /// Puts back users of whom nobody could be told.
    pub(crate) fn put_back(&self, users: impl Iterator<Item = UserId>) {
        let mut taken = self.lock();
        for user_id in users {
            taken.changed.entry(user_id).or_default();
        }
    }

    /// Which of `users` have a seat.
    pub(crate) fn are_here(&self, users: &[UserId]) -> Vec<bool> {
        let taken = self.lock();
        let is_here = |it: &UserId| taken.users.get(it).is_some_and(|it| it.seats > 0);
        users.iter().map(is_here).collect()
    }

    /// Notes what others have been told: that these users are here, or not.
    pub(crate) fn told(&self, users: impl Iterator<Item = (UserId, bool)>) {
        let mut taken = self.lock();
        for (user_id, is_here) in users {
            let Some(holding) = taken.users.get_mut(&user_id) else {
                continue;
            };
            // Whoever has left or come since is among the changed again.
            holding.is_announced = is_here && holding.seats > 0;
            if holding.seats == 0 && !is_here {
                taken.users.remove(&user_id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        if let Some(login) = taken.sessions.get_mut(&self.session_id) {
            login.seats -= 1;
            if login.seats == 0 {
                taken.sessions.remove(&self.session_id);
            }
        }
        let Some(holding) = taken.users.get_mut(&self.user_id) else {
            return;
        };
        holding.seats -= 1;
        if holding.seats > 0 {
            return;
        }
        holding.is_announced = false;
        taken.changed.entry(self.user_id).or_default();
        drop(taken);
        self.seats.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> AccessToken {
        AccessToken {
            user_id: UserId::generate(),
            session_id: SessionId::generate(),
            issued_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(1),
        }
    }

    #[test]
    fn the_last_socket_of_a_user_is_the_one_that_is_told_of() {
        let seats = Arc::new(Seats::default());
        let access = access();
        let (one, two) = (seats.take(&access), seats.take(&access));
        assert!(seats.take_changed(10).is_empty());
        drop(one);
        assert!(seats.take_changed(10).is_empty());
        assert_eq!(seats.sessions().len(), 1);
        drop(two);
        let changed = seats.take_changed(10);
        assert_eq!(changed.keys().collect::<Vec<_>>(), [&access.user_id]);
        assert_eq!(seats.are_here(&[access.user_id]), [false]);
        seats.told([(access.user_id, false)].into_iter());
        assert!(seats.users().is_empty() && seats.sessions().is_empty());
    }

    #[test]
    fn who_comes_back_while_others_are_told_that_they_left_is_announced_again() {
        let seats = Arc::new(Seats::default());
        let access = access();
        drop(seats.take(&access));
        assert_eq!(seats.take_changed(10).len(), 1);
        let _back = seats.take(&access);
        let announcement = seats.ask_announcement(access.user_id);
        seats.told([(access.user_id, false)].into_iter());
        assert!(announcement.is_some());
        assert_eq!(seats.take_changed(10).len(), 1);
        assert_eq!(seats.are_here(&[access.user_id]), [true]);
        seats.told([(access.user_id, true)].into_iter());
        assert!(seats.ask_announcement(access.user_id).is_none());
    }

    #[test]
    fn a_session_that_ends_is_known_to_a_socket_that_is_about_to_be() {
        let seats = Arc::new(Seats::default());
        let access = access();
        assert!(!seats.end(access.session_id, Refusal::SessionRevoked));
        let seat = seats.take(&access);
        assert_eq!(seats.ended(seat.session_id), None);
        assert!(seats.end(access.session_id, Refusal::SessionRevoked));
        assert!(!seats.end(access.session_id, Refusal::TokenExpired));
        assert_eq!(seats.ended(seat.session_id), Some(Refusal::TokenExpired));
    }
}
