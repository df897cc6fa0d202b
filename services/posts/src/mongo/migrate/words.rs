//! Gives old posts the words under which they are found, and folds their hashtags.

use bson::{Bson, Document, doc};
use domain::{fold_hashtag, search_words};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::options::Hint;
use store::{Operation, Store, StoreError};

use super::super::indexes::{POSTS, SEARCH_WORDS_NEWEST};

/// Posts of one transaction.
const PAGE: usize = 500;

/// Returns how many posts can be found from now on. Those that are written or edited
/// beside it have theirs already.
pub(super) async fn note(store: &Store) -> Result<u64, StoreError> {
    let posts = store.collection::<Document>(POSTS);
    let operation = Operation {
        collection: POSTS,
        name: "note_words",
    };
    let mut noted = 0;
    loop {
        let find = posts
            .find(doc! { "search_words": { "$exists": false } })
            .projection(doc! { "caption": 1, "hashtags": 1 })
            // Of these it has an entry each; of posts without a word it has none.
            .hint(Hint::Name(SEARCH_WORDS_NEWEST.to_owned()))
            .limit(i64::try_from(PAGE).unwrap_or(i64::MAX));
        let page: Vec<Document> = find.await?.try_collect().await?;
        let updates: Vec<Document> = page.iter().filter_map(update).collect();
        if updates.is_empty() {
            return Ok(noted);
        }
        noted += u64::try_from(updates.len()).unwrap_or(u64::MAX);
        let written = store.clone();
        store
            .transaction(operation, move |transaction| {
                let (store, updates) = (written.clone(), updates.clone());
                async move { store.update_each(transaction, POSTS, updates).await }.boxed()
            })
            .await?;
    }
}

/// Notes the words of a post and the hashtags as they are looked for, unless
/// somebody has done it meanwhile. What is no text has none.
fn update(post: &Document) -> Option<Document> {
    let id = post.get("_id")?;
    let mut set = doc! {
        "search_words": search_words(post.get_str("caption").unwrap_or_default()),
    };
    if let Ok(tags) = post.get_array("hashtags") {
        set.insert("hashtags", folded(tags));
    }
    Some(doc! {
        "q": { "_id": id, "search_words": { "$exists": false } },
        "u": { "$set": set },
    })
}

/// Each hashtag once, without `#`: the predecessor left them as they were typed.
fn folded(tags: &[Bson]) -> Vec<String> {
    let tags = tags.iter().filter_map(Bson::as_str);
    let mut folded: Vec<String> = Vec::new();
    for tag in tags.map(|tag| fold_hashtag(tag.trim_start_matches(['#', '＃']))) {
        if !tag.is_empty() && !folded.contains(&tag) {
            folded.push(tag);
        }
    }
    folded
}
