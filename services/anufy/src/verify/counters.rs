use std::{collections::HashMap, time::Duration};

use anyhow::Context;
use contracts::{
    auth::v1::{
        self as auth, ListPostsCountsRequest, VerifyFollowCountsRequest,
        counters_service_client::CountersServiceClient as AuthCounters,
    },
    events::v1::ContentType,
    posts::v1::{
        self as posts, GetPostCountsRequest, RepublishPostCountsRequest,
        VerifyContentCountsRequest, VerifyPostCountsRequest,
        counters_service_client::CountersServiceClient as PostsCounters,
    },
    rpc::{Caller, CallerChannel},
};
use tokio::time::{Instant, sleep};

use super::report::{Report, Wrong};
use crate::CountersSettings;

/// Accounts, posts or comments asked for at a time: the most that the owners answer.
const PAGE: u32 = 1_000;
/// How long an owner may take for a page.
const DEADLINE: Duration = Duration::from_secs(30);
/// Between two looks whether a copy has caught up.
const PAUSE: Duration = Duration::from_millis(200);

const AUTH_FAILED: &str = "auth could not be asked";
const POSTS_FAILED: &str = "posts could not be asked";

/// The owners of counters, and how they are to be asked.
pub(crate) struct Counters {
    auth: AuthCounters<CallerChannel>,
    posts: PostsCounters<CallerChannel>,
    repair: bool,
    settle_time: Duration,
}

/// A `posts_count` in auth that is not what posts says.
struct Differing {
    copy: auth::PostsCount,
    original: posts::PostCount,
}

/// A page of accounts whose `posts_count` was looked at.
struct Copies {
    differing: Vec<Differing>,
    /// Empty when there are no more.
    last_user_id: String,
}

impl Counters {
    pub(crate) fn connect(settings: &CountersSettings) -> anyhow::Result<Self> {
        let owners = &settings.owners;
        let credential = &owners.auth.credential.service_credential;
        let channel = |url: &str| Caller::channel(url, credential, DEADLINE);
        Ok(Self {
            auth: AuthCounters::new(channel(&owners.auth.auth_grpc_url)?),
            posts: PostsCounters::new(channel(&owners.posts_grpc_url)?),
            repair: settings.repair,
            settle_time: settings.settle_time,
        })
    }

    /// Compares every counter with what it counts. The deployment may be at
    /// work meanwhile: each owner compares within one moment, and copies get
    /// time to catch up.
    pub(crate) async fn verify(mut self) -> anyhow::Result<Report> {
        let mut report = Report::default();
        self.verify_follow_counts(&mut report).await?;
        self.verify_post_counts(&mut report).await?;
        self.verify_copies(&mut report).await?;
        for content_type in [ContentType::Post, ContentType::Comment] {
            self.verify_content_counts(content_type, &mut report)
                .await?;
        }
        Ok(report)
    }

    /// `followers_count` and `following_count` with the follows.
    async fn verify_follow_counts(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let mut after_user_id = String::new();
        loop {
            let request = VerifyFollowCountsRequest {
                after_user_id,
                limit: PAGE,
                repair: self.repair,
            };
            let page = self.auth.verify_follow_counts(request).await;
            let page = page.context(AUTH_FAILED)?.into_inner();
            report.accounts += u64::from(page.examined);
            report
                .wrong
                .extend(page.mismatches.into_iter().map(|it| Wrong {
                    counter: it.counter,
                    id: it.user_id,
                    stored: it.stored,
                    counted: it.counted,
                    is_repaired: self.repair,
                }));
            if page.last_user_id.is_empty() {
                return Ok(());
            }
            after_user_id = page.last_user_id;
        }
    }

    /// The counts that posts keeps with its posts.
    async fn verify_post_counts(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let mut after_user_id = String::new();
        loop {
            let request = VerifyPostCountsRequest {
                after_user_id,
                limit: PAGE,
                repair: self.repair,
            };
            let page = self.posts.verify_post_counts(request).await;
            let page = page.context(POSTS_FAILED)?.into_inner();
            report.authors += u64::from(page.examined);
            report
                .wrong
                .extend(page.mismatches.into_iter().map(|it| Wrong {
                    counter: "count in post_counts".to_owned(),
                    id: it.user_id,
                    stored: it.stored,
                    counted: it.counted,
                    is_repaired: self.repair,
                }));
            if page.last_user_id.is_empty() {
                return Ok(());
            }
            after_user_id = page.last_user_id;
        }
    }

    /// `posts_count` in auth with the counts in posts.
    async fn verify_copies(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let mut after_user_id = String::new();
        loop {
            let page = self.settled(&after_user_id).await?;
            let left = if self.repair && !page.differing.is_empty() {
                self.republish(&page.differing).await?;
                self.settled(&after_user_id).await?.differing
            } else {
                Vec::new()
            };
            let is_left = |user_id: &String| left.iter().any(|it| it.copy.user_id == *user_id);
            report.wrong.extend(page.differing.iter().map(|it| Wrong {
                counter: "posts_count".to_owned(),
                id: it.copy.user_id.clone(),
                stored: it.copy.count,
                counted: it.original.count,
                is_repaired: self.repair && !is_left(&it.copy.user_id),
            }));
            if page.last_user_id.is_empty() {
                return Ok(());
            }
            after_user_id = page.last_user_id;
        }
    }

    /// What posts or comments say of themselves with what there is of it.
    async fn verify_content_counts(
        &mut self,
        content_type: ContentType,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let (is_comment, mut after_id) = (content_type == ContentType::Comment, String::new());
        loop {
            let request = VerifyContentCountsRequest {
                content_type: content_type.into(),
                after_id,
                limit: PAGE,
                repair: self.repair,
            };
            let page = self.posts.verify_content_counts(request).await;
            let page = page.context(POSTS_FAILED)?.into_inner();
            let examined = u64::from(page.examined);
            if is_comment {
                report.comments += examined;
            } else {
                report.posts += examined;
            }
            report
                .wrong
                .extend(page.mismatches.into_iter().map(|it| Wrong {
                    counter: if is_comment {
                        format!("{} in comments", it.counter)
                    } else {
                        it.counter
                    },
                    id: it.id,
                    stored: it.stored,
                    counted: it.counted,
                    is_repaired: self.repair,
                }));
            if page.last_id.is_empty() {
                return Ok(());
            }
            after_id = page.last_id;
        }
    }

    /// A page of copies, those that differ having gone on to differ for as
    /// long as a copy may be behind.
    async fn settled(&mut self, after_user_id: &str) -> anyhow::Result<Copies> {
        let until = Instant::now() + self.settle_time;
        loop {
            let page = self.copies(after_user_id).await?;
            if page.differing.is_empty() || Instant::now() >= until {
                return Ok(page);
            }
            sleep(PAUSE).await;
        }
    }

    /// A page of copies as they are at the moment.
    async fn copies(&mut self, after_user_id: &str) -> anyhow::Result<Copies> {
        let request = ListPostsCountsRequest {
            after_user_id: after_user_id.to_owned(),
            limit: PAGE,
        };
        let page = self.auth.list_posts_counts(request).await;
        let page = page.context(AUTH_FAILED)?.into_inner();
        let user_ids = page.counts.iter().map(|it| it.user_id.clone()).collect();
        let originals = self
            .posts
            .get_post_counts(GetPostCountsRequest { user_ids });
        let originals = originals.await.context(POSTS_FAILED)?.into_inner().counts;
        let mut originals: HashMap<String, posts::PostCount> = originals
            .into_iter()
            .map(|it| (it.user_id.clone(), it))
            .collect();
        let differing = page.counts.into_iter().filter_map(|copy| {
            let original = originals.remove(&copy.user_id).unwrap_or_default();
            let is_same = (copy.count, copy.version) == (original.count, original.version);
            (!is_same).then_some(Differing { copy, original })
        });
        Ok(Copies {
            differing: differing.collect(),
            last_user_id: page.last_user_id,
        })
    }

    async fn republish(&mut self, differing: &[Differing]) -> anyhow::Result<()> {
        let newest = differing.iter().map(|it| it.copy.version).max();
        let request = RepublishPostCountsRequest {
            user_ids: differing.iter().map(|it| it.copy.user_id.clone()).collect(),
            above_version: newest.unwrap_or_default(),
        };
        let republish = self.posts.republish_post_counts(request);
        republish.await.context(POSTS_FAILED)?;
        Ok(())
    }
}
