use crate::Paging;

/// Fewest and most items read at a time.
const CHUNK: (usize, usize) = (50, 500);

/// A page that is filled from a list of which some items are not for the
/// viewer's eyes: as many are read as it takes.
pub struct Filling<P, T> {
    skipped: usize,
    limit: usize,
    items: Vec<(P, T)>,
    has_more: bool,
}

impl<P: Clone, T> Filling<P, T> {
    /// A page that is empty so far.
    #[must_use]
    pub fn new(paging: &Paging<P>) -> Self {
        Self {
            skipped: paging.skipped(),
            limit: paging.limit,
            items: Vec::new(),
            has_more: false,
        }
    }

    /// How many to read next: those that are missing, and one more to tell
    /// whether there is more.
    #[must_use]
    pub fn wanted(&self) -> usize {
        let missing = self.skipped + self.limit + 1 - self.items.len();
        missing.clamp(CHUNK.0, CHUNK.1)
    }

    /// Takes the next item of the list that is for the viewer's eyes.
    pub fn add(&mut self, place: P, item: T) {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if self.items.len() < self.limit {
            self.items.push((place, item));
        } else {
            self.has_more = true;
        }
    }

    /// Whether the page and what comes after it are known.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.has_more
    }

    /// The items of a page that ends at `place`, full or not: enough was looked
    /// at for one request, and the next one goes on there.
    #[must_use]
    pub fn pause(self, place: P) -> (Vec<T>, Option<P>) {
        if self.has_more {
            return self.finish();
        }
        let (items, _) = self.finish();
        (items, Some(place))
    }

    /// The items, and where it goes on, if it does.
    #[must_use]
    pub fn finish(self) -> (Vec<T>, Option<P>) {
        let last = self.items.last().map(|(place, _)| place.clone());
        let next = last.filter(|_| self.has_more);
        (self.items.into_iter().map(|(_, item)| item).collect(), next)
    }
}
