//! Hashtags that many authors use now.

use std::{collections::HashMap, sync::Arc, time::Duration};

use cache::{Cache, CacheError, keys, redis};
use domain::{Post, Timestamp, UserId};
use runtime::Clock;
use serde::{Deserialize, Serialize};
use web::{Paging, Start};

use crate::{
    PostError,
    decayed::{DecayedScores, Score},
    posts::Posts,
};

/// After so long, a use counts half.
const HALF_LIFE: Duration = Duration::from_hours(6);
/// Within this time, an author counts once for a hashtag.
const ONCE_IN: Duration = Duration::from_hours(6);
/// Hashtags that are ranked.
const LENGTH: usize = 2_000;
/// What is shown: what one author used within the last day.
const LEAST: f64 = 1.0 / 16.0;
/// The newest posts of all, from which the ranking is built, and those that
/// stand in for it without Redis.
const NEWEST: usize = 5_000;
const NEWEST_WITHOUT: usize = 500;

/// The ranking of hashtags.
#[derive(Clone)]
pub(crate) struct Trending {
    cache: Cache,
    clock: Arc<dyn Clock>,
    ranking: DecayedScores,
}

/// A hashtag and how much it is used: by how many authors, if all did just now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trend {
    pub(crate) tag: String,
    pub(crate) weight: f64,
}

/// Where a hashtag stands: the larger stands before the smaller. A use moves it up, as if it were new: whoever pages
/// meets nothing twice, and misses nothing that stays where it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct TrendPosition(Score, String);

/// A part of the list of hashtags.
pub(crate) struct Trends {
    pub(crate) tags: Vec<Trend>,
    /// Where it goes on, if it does.
    pub(crate) next: Option<TrendPosition>,
}

impl Trending {
    pub(crate) fn new(cache: &Cache, clock: Arc<dyn Clock>) -> Self {
        Self {
            cache: cache.clone(),
            clock,
            ranking: DecayedScores::new(cache, keys::TRENDING_TAGS, HALF_LIFE, LENGTH),
        }
    }

    /// `author`, whom anybody may discover, has just posted something with
    /// these hashtags. Never fails: it is a ranking, and what it misses while
    /// Redis is away is missed.
    pub(crate) async fn note(&self, author: UserId, hashtags: &[String]) {
        if hashtags.is_empty() {
            return;
        }
        let noted = async {
            let score = self.ranking.score(1.0, self.clock.now());
            let said = self.first_said(author, hashtags).await?;
            let added: Vec<_> = said.into_iter().map(|tag| (tag, score)).collect();
            self.ranking.add(&added).await
        };
        if let Err(error) = noted.await {
            tracing::debug!(%error, "the ranking of hashtags misses something");
        }
    }

    /// Those of `hashtags` that `author` has not used lately.
    async fn first_said<'t>(
        &self,
        author: UserId,
        hashtags: &'t [String],
    ) -> Result<Vec<&'t String>, CacheError> {
        let mut pipeline = redis::pipe();
        for tag in hashtags {
            pipeline
                .cmd("SET")
                .arg(keys::trending_said(author, tag))
                .arg(&["1", "NX", "EX"])
                .arg(ONCE_IN.as_secs());
        }
        let said: Vec<Option<String>> = pipeline.query_async(&mut self.cache.shared()).await?;
        let tags = hashtags.iter().zip(said);
        Ok(tags
            .filter_map(|(tag, is_new)| is_new.and(Some(tag)))
            .collect())
    }

    /// Where the hashtags of `posts` stand, which are newest first.
    fn positions(&self, posts: &[Post]) -> Vec<TrendPosition> {
        let mut sums: HashMap<&str, Score> = HashMap::new();
        let mut said: HashMap<(UserId, &str), Timestamp> = HashMap::new();
        for post in posts {
            let at = post.created_at();
            let score = self.ranking.score(1.0, at);
            for tag in &post.hashtags {
                let later = said.get(&(post.user_id, tag));
                if later.is_some_and(|later| later.since(at) < ONCE_IN) {
                    continue;
                }
                said.insert((post.user_id, tag), at);
                let sum = sums.entry(tag);
                sum.and_modify(|sum| *sum = sum.and(score)).or_insert(score);
            }
        }
        let positions = sums.into_iter();
        let positions = positions.map(|(tag, score)| TrendPosition(score, tag.to_owned()));
        let mut positions: Vec<_> = positions.collect();
        positions.sort_unstable_by(|a, b| b.cmp(a));
        positions
    }

    /// The part of the ranking that answers `paging`, and what comes next.
    async fn part(
        &self,
        least: Score,
        paging: &Paging<TrendPosition>,
    ) -> Result<Vec<TrendPosition>, CacheError> {
        let wanted = paging.limit + 1;
        let found = match &paging.start {
            Start::Page(_) => self.ranking.top(least, paging.skipped(), wanted).await?,
            Start::After(TrendPosition(score, tag)) => {
                let place = (tag.as_bytes(), *score);
                self.ranking.behind(place, least, wanted).await?
            }
        };
        let position = |(tag, score)| Some(TrendPosition(score, String::from_utf8(tag).ok()?));
        Ok(found.into_iter().filter_map(position).collect())
    }
}

impl Posts {
    /// The hashtags that are used most now, as far as anybody may know.
    pub(crate) async fn trending(
        &self,
        viewer: UserId,
        paging: &Paging<TrendPosition>,
    ) -> Result<Trends, PostError> {
        // Whoever looks must be active.
        self.people.related(viewer, &[]).await?;
        let (ranking, now) = (&self.trending.ranking, self.clock.now());
        let least = ranking.score(LEAST, now);
        let mut found = match self.ranked_tags(viewer, least, paging).await {
            Err(PostError::Cache(error)) => {
                tracing::debug!(%error, "hashtags without redis");
                self.tags_of_newest(viewer, least, paging).await?
            }
            found => found?,
        };
        let has_more = found.len() > paging.limit;
        found.truncate(paging.limit);
        let next = found.last().filter(|_| has_more).cloned();
        let tags = found.into_iter().map(|TrendPosition(score, tag)| Trend {
            tag,
            weight: ranking.weight(score, now),
        });
        Ok(Trends {
            tags: tags.collect(),
            next,
        })
    }

    async fn ranked_tags(
        &self,
        viewer: UserId,
        least: Score,
        paging: &Paging<TrendPosition>,
    ) -> Result<Vec<TrendPosition>, PostError> {
        let ranking = &self.trending.ranking;
        if ranking.claim().await? {
            let posts = self.newest_discoverable(viewer, NEWEST).await?;
            let known = self.trending.positions(&posts).into_iter();
            let known: Vec<_> = known
                .map(|TrendPosition(score, tag)| (tag, score))
                .collect();
            ranking.raise(&known).await?;
            ranking.note_built().await?;
        }
        Ok(self.trending.part(least, paging).await?)
    }

    async fn tags_of_newest(
        &self,
        viewer: UserId,
        least: Score,
        paging: &Paging<TrendPosition>,
    ) -> Result<Vec<TrendPosition>, PostError> {
        let posts = self.newest_discoverable(viewer, NEWEST_WITHOUT).await?;
        let all = self.trending.positions(&posts).into_iter();
        let part = all
            .filter(|it| it.0 >= least && paging.after().is_none_or(|after| it < after))
            .skip(paging.skipped())
            .take(paging.limit + 1);
        Ok(part.collect())
    }
}
