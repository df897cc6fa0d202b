//! Finding accounts by the beginnings of their names.

use domain::{
    UserId, search_words,
    visibility::{Sight, Viewer},
};
use futures_util::FutureExt;
use mongodb::{ClientSession, error::Result};
use store::Operation;
use web::{Filling, Paging};

use crate::{
    AuthError,
    accounts::UserRef,
    mongo::{Found, WordPlace},
    relations::{LOOKED_AT_MAX, Related, Relations, viewer},
};

/// Most accounts read at a time.
const CHUNK_MAX: usize = 500;

/// A part of the list, and where it goes on.
pub(crate) type Page = (Vec<Related>, Option<WordPlace>);

/// Searches accounts.
#[derive(Clone)]
pub(crate) struct UserSearch {
    pub(crate) relations: Relations,
}

/// What is searched for.
#[derive(Clone)]
struct Query {
    /// It may be the username of somebody.
    name: UserRef,
    words: Vec<String>,
    /// The longest of the words, which the fewest accounts have. The list is in
    /// the order of those that it begins.
    longest: Option<String>,
}

/// The words that an account is found by: its username, whole and in its
/// parts, and those of its full name.
pub(crate) fn account_words(username: &str, full_name: &str) -> Vec<String> {
    let mut words = vec![username.to_lowercase()];
    for word in search_words(&format!("{username} {full_name}")) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

impl UserSearch {
    /// A page of the accounts of which each word of `text` begins a word of the
    /// names, as they are at one moment. Whoever has `text` as their username
    /// comes first.
    pub(crate) async fn page(
        &self,
        viewer_id: UserId,
        text: &str,
        paging: &Paging<WordPlace>,
    ) -> std::result::Result<Page, AuthError> {
        let (search, query, paging) = (self.clone(), Query::parse(text), paging.clone());
        let operation = Operation {
            collection: "users",
            name: "search",
        };
        let page = self.relations.store.snapshot(operation, move |session| {
            let (search, query, paging) = (search.clone(), query.clone(), paging.clone());
            async move { search.page_in(session, viewer_id, &query, &paging).await }.boxed()
        });
        page.await?
    }

    async fn page_in(
        &self,
        session: &mut ClientSession,
        viewer_id: UserId,
        query: &Query,
        paging: &Paging<WordPlace>,
    ) -> Result<std::result::Result<Page, AuthError>> {
        let (relations, own) = (&self.relations, UserRef::Id(viewer_id));
        let viewer = match viewer(relations.users.find_in(&mut *session, &own).await?) {
            Ok(viewer) => viewer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut page = Filling::new(paging);
        let named = relations.users.find_in(&mut *session, &query.name).await?;
        let named_id = named.as_ref().map(|user| user.id);
        if paging.after().is_none() {
            let named = named.into_iter().collect();
            for related in relations.relate(&mut *session, viewer_id, named).await? {
                if related.is_visible_to(&viewer, Sight::Listing) {
                    page.add(WordPlace::before_all(related.user.id), related);
                }
            }
        }
        let Some(longest) = &query.longest else {
            return Ok(Ok(page.finish()));
        };
        let mut after = paging.after().filter(|it| it.is_of(longest)).cloned();
        let mut left = paging.skipped() + LOOKED_AT_MAX;
        let mut limit = page.wanted();
        loop {
            let users = &relations.users;
            let found = users.find_by_word(&mut *session, longest, after.as_ref(), limit);
            let (found, is_end) = found.await?;
            let is_new = |it: &&Found| {
                Some(it.user_id) != named_id
                    && query.is_answered_by(it)
                    && it.place(longest, None) > after
            };
            let new: Vec<&Found> = found.iter().filter(is_new).collect();
            self.add_visible(&mut *session, &viewer, longest, &new, &mut page)
                .await?;
            left = left.saturating_sub(limit);
            let last = found
                .last()
                .and_then(|it| it.place(longest, after.as_ref()));
            match last {
                Some(last) if !is_end && !page.is_done() => {
                    if left == 0 {
                        return Ok(Ok(page.pause(last)));
                    }
                    after = Some(last);
                    // Few are for the page, if it is not full by now.
                    limit = (limit * 2).min(CHUNK_MAX);
                }
                _ => return Ok(Ok(page.finish())),
            }
        }
    }

    async fn add_visible(
        &self,
        session: &mut ClientSession,
        viewer: &Viewer,
        longest: &str,
        found: &[&Found],
        page: &mut Filling<WordPlace, Related>,
    ) -> Result<()> {
        let ids: Vec<UserId> = found.iter().map(|it| it.user_id).collect();
        let mut related = self.relations.among(session, viewer.id, &ids).await?;
        for found in found {
            let related = related.remove(&found.user_id);
            let related = related.filter(|it| it.is_visible_to(viewer, Sight::Listing));
            if let (Some(related), Some(place)) = (related, found.place(longest, None)) {
                page.add(place, related);
            }
        }
        Ok(())
    }
}

impl Query {
    fn parse(text: &str) -> Self {
        let words = search_words(text);
        let longest = words.iter().max_by_key(|word| word.chars().count());
        Self {
            name: UserRef::Name(text.trim_start_matches('@').to_lowercase()),
            longest: longest.cloned(),
            words,
        }
    }

    fn is_answered_by(&self, found: &Found) -> bool {
        let begins_one = |word: &String| found.words.iter().any(|it| it.starts_with(word.as_str()));
        self.words.iter().all(begins_one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_username_and_by_all_words() {
        assert_eq!(
            account_words("ana.b_9", "Ána-Maria  ANA"),
            ["ana.b_9", "ána", "maria", "ana"]
        );
        assert_eq!(account_words("...", ""), ["..."]);
    }
}
