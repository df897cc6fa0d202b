use bson::{Bson, RawDocumentBuf, doc};
use domain::UserId;
use futures_util::TryStreamExt;
use mongodb::{ClientSession, error::Result};
use serde::{Deserialize, Serialize};
use store::readable;

use super::{follows::by_name, indexes, users::Users};

/// The largest character: behind all words with a beginning, none comes after
/// the beginning and this.
const LAST: char = char::MAX;

/// The place of an account in the index of words: by one of its words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct WordPlace {
    word: String,
    user_id: UserId,
}

impl WordPlace {
    /// A place before those of all words.
    pub(crate) const fn before_all(user_id: UserId) -> Self {
        Self {
            word: String::new(),
            user_id,
        }
    }

    /// Whether it is among the words with this beginning.
    pub(crate) fn is_of(&self, beginning: &str) -> bool {
        self.word.starts_with(beginning)
    }
}

/// An account that has a word.
#[derive(Debug, Deserialize)]
pub(crate) struct Found {
    #[serde(rename = "_id")]
    pub(crate) user_id: UserId,
    /// All that it has, in no order.
    #[serde(rename = "search_words")]
    pub(crate) words: Vec<String>,
}

impl Found {
    /// Its first place among the words with this beginning, from `from` on.
    pub(crate) fn place(&self, beginning: &str, from: Option<&WordPlace>) -> Option<WordPlace> {
        let words = self.words.iter().filter(|it| it.starts_with(beginning));
        let places = words.map(|word| WordPlace {
            word: word.clone(),
            user_id: self.user_id,
        });
        places
            .filter(|place| from.is_none_or(|from| place >= from))
            .min()
    }
}

impl Users {
    /// Notes by which words an account is found.
    pub(crate) async fn set_words(
        &self,
        session: &mut ClientSession,
        user_id: UserId,
        words: &[String],
    ) -> Result<()> {
        let set = doc! { "$set": { "search_words": words } };
        let update = self.documents.update_one(doc! { "_id": user_id }, set);
        update.session(session).await?;
        Ok(())
    }

    /// Up to `limit` accounts with a word that begins with `beginning`, in the
    /// order of the index: by word, of the same word the older account first;
    /// beginning at `from`. An account that has several such words comes once,
    /// with the first of them, but again from a later place on.
    ///
    /// The index is asked for the range itself. A filter and a sort over an
    /// array would mean the smallest of all its elements, and sort in memory.
    /// Also tells whether these are the last.
    pub(crate) async fn find_by_word(
        &self,
        session: &mut ClientSession,
        beginning: &str,
        from: Option<&WordPlace>,
        limit: usize,
    ) -> Result<(Vec<Found>, bool)> {
        let (word, id) = match from {
            Some(place) => (place.word.as_str(), Bson::from(place.user_id)),
            None => (beginning, Bson::MinKey),
        };
        let end = format!("{beginning}{LAST}");
        let find = self
            .documents
            .find(doc! {})
            .min(doc! { "search_words": word, "_id": id })
            .max(doc! { "search_words": end, "_id": Bson::MinKey })
            .hint(by_name(indexes::SEARCH_WORDS))
            .projection(doc! { "search_words": 1 })
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .batch_size(u32::try_from(limit).unwrap_or(u32::MAX));
        let mut found = find.session(&mut *session).await?;
        let found: Vec<RawDocumentBuf> = found.stream(session).try_collect().await?;
        let is_end = found.len() < limit;
        let found = found.iter().filter_map(|raw| readable("users", raw));
        Ok((found.collect(), is_end))
    }
}
