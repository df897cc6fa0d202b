//! Posts by what is in their text.

use domain::{UserId, fold_hashtag, search_words};
use web::{Faults, Paging};

use crate::{
    PostError,
    lists::{Choice, Page},
    mongo::Position,
    posts::Posts,
};

impl Posts {
    /// The posts with a hashtag, newest first.
    pub(crate) async fn with_hashtag(
        &self,
        viewer: UserId,
        hashtag: &str,
        paging: &Paging<Position>,
    ) -> Result<Page, PostError> {
        let tag = hashtag.strip_prefix(['#', '＃']).unwrap_or(hashtag);
        let tag = fold_hashtag(tag);
        let read = async |after, limit| self.store.newest_with_hashtag(&tag, after, limit).await;
        self.fill(viewer, Choice::CONTENT, paging, read).await
    }

    /// The posts in whose text all words of `text` are, newest first.
    pub(crate) async fn search(
        &self,
        viewer: UserId,
        text: &str,
        paging: &Paging<Position>,
    ) -> Result<Page, PostError> {
        let words = search_words(text);
        if words.is_empty() {
            let mut faults = Faults::default();
            faults.add("q", "must have a word");
            return Err(faults.into());
        }
        let read = async |after, limit| self.store.newest_with_words(&words, after, limit).await;
        self.fill(viewer, Choice::CONTENT, paging, read).await
    }
}
