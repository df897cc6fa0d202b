use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cache::keys;

use crate::problem::Code;

/// How many tunnels each client has, by the address that its requests are counted by.
pub(crate) struct Places {
    of_each: usize,
    taken: Mutex<HashMap<String, usize>>,
}

/// A client's place for one tunnel, until it is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    client: String,
}

impl Places {
    /// So many for each client.
    pub(crate) fn new(of_each: usize) -> Arc<Self> {
        Arc::new(Self {
            of_each,
            taken: Mutex::default(),
        })
    }

    /// One more for `client`, if there is one left.
    pub(crate) fn take(self: &Arc<Self>, client: IpAddr) -> Result<Place, Code> {
        let client = keys::rate_limited_client(client);
        let mut taken = self.taken();
        let count = taken.entry(client.clone()).or_default();
        if *count >= self.of_each {
            return Err(Code::TooManySockets);
        }
        *count += 1;
        Ok(Place {
            places: Arc::clone(self),
            client,
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let client = std::mem::take(&mut self.client);
        if let Entry::Occupied(mut count) = self.places.taken().entry(client) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_left() {
        let places = Places::new(2);
        let take = |client: &str| places.take(client.parse().unwrap());
        let kept = take("2001:db8:1:200::1").unwrap();
        let left = take("2001:db8:1:2ff::2").unwrap();
        // The same /56.
        assert_eq!(take("2001:db8:1:201::3").err(), Some(Code::TooManySockets));
        let other = take("192.0.2.1").unwrap();
        drop(left);
        let again = take("2001:db8:1:201::3").unwrap();
        drop((kept, other, again));
        assert!(places.taken().is_empty());
    }
}
