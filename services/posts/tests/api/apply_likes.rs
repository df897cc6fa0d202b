//! Batches of likes, as a worker hands them to posts.

mod histories;
pub(crate) mod replica;
mod takeover;

use std::collections::BTreeMap;

use bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use contracts::{
    jobs::v1::{
        Job, Jobs, LikeSubject, NotificationActor, NotificationKind, Notify, SetLike, job::Work,
    },
    posts::v1::ApplyLikesResponse,
    timestamp,
};
use domain::Timestamp;
use futures_util::TryStreamExt;
use mongodb::Collection;
use testkit::{Deployment, Sandbox};
use tonic::Code;

use crate::planted;
use replica::Replica;

/// Any: which one a post belongs to is for whoever publishes.
const PARTITION: &str = "likes-queue.3";
const EPOCH: i64 = 1_700_000_000_000;

/// A database of posts, and one who applies.
pub(crate) struct Rig {
    pub(crate) replica: Replica,
    pub(crate) deployment: Deployment,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::on(Sandbox::create().await).await
    }

    async fn on(sandbox: Sandbox) -> Self {
        let deployment = Deployment::new(sandbox).await;
        deployment.migrate_posts().await;
        let replica = Replica::start(&deployment, &[]).await;
        Self {
            replica,
            deployment,
        }
    }

    pub(crate) fn collection(&self, name: &str) -> Collection<Document> {
        self.deployment.sandbox().mongodb().collection(name)
    }

    /// A post of `author` that nobody likes yet.
    pub(crate) async fn post(&self, author: ObjectId) -> ObjectId {
        self.plant("posts", planted::post(author, EPOCH)).await
    }

    pub(crate) async fn plant(&self, collection: &str, document: Document) -> ObjectId {
        let inserted = self.collection(collection).insert_one(document).await;
        inserted.unwrap().inserted_id.as_object_id().unwrap()
    }

    async fn apply(&self, jobs: Vec<Job>) -> [u32; 3] {
        outcomes(self.replica.apply(jobs).await.unwrap())
    }

    async fn all(&self, name: &str) -> Vec<Document> {
        let documents = self.collection(name);
        let all = documents.find(doc! {}).sort(doc! { "_id": 1 });
        all.await.unwrap().try_collect().await.unwrap()
    }

    pub(crate) async fn likes_count(&self, post: ObjectId) -> Option<Bson> {
        let posts = self.collection("posts");
        let post = posts.find_one(doc! { "_id": post }).await.unwrap();
        post.unwrap().remove("likes_count")
    }

    /// Who likes `post` with what, in which version.
    async fn likes(&self, post: ObjectId) -> BTreeMap<ObjectId, (String, i64)> {
        let likes = self.all("likes").await.into_iter();
        let of_post = likes.filter(|like| like.get_object_id("post_id").unwrap() == post);
        let like = |like: Document| {
            let reaction = like.get_str("reaction").unwrap().to_owned();
            let version = like.get_i64("version").unwrap();
            (like.get_object_id("user_id").unwrap(), (reaction, version))
        };
        of_post.map(like).collect()
    }

    /// What authors were told of likes, and forgets it.
    async fn told(&self) -> Vec<Notify> {
        let rows = self.all("posts_outbox").await;
        let outbox = self.collection("posts_outbox");
        outbox.delete_many(doc! {}).await.unwrap();
        let notify = |row: Document| {
            assert_eq!(row.get_str("key").unwrap(), "notifications-queue");
            let payload = row.get_binary_generic("payload").unwrap();
            let job = Jobs::from_bytes(payload).unwrap().jobs.remove(0);
            match job.work {
                Some(Work::Notify(notify)) => notify,
                other => panic!("{other:?}"),
            }
        };
        rows.into_iter().map(notify).collect()
    }
}

/// What `likes_count` says of so many likes.
fn number(likes: usize) -> Bson {
    Bson::Int64(likes.try_into().unwrap())
}

fn outcomes(answer: ApplyLikesResponse) -> [u32; 3] {
    [answer.applied, answer.outdated, answer.orphaned]
}

fn job(user: ObjectId, post: ObjectId, reaction: Option<&str>, version: i64) -> Job {
    job_of(LikeSubject::Post, user, post, reaction, version)
}

fn job_of(
    subject: LikeSubject,
    user: ObjectId,
    id: ObjectId,
    reaction: Option<&str>,
    version: i64,
) -> Job {
    let like = SetLike {
        user_id: user.to_hex(),
        subject: subject.into(),
        subject_id: id.to_hex(),
        reaction: reaction.map(ToOwned::to_owned),
    };
    Job {
        id: ObjectId::new().to_hex(),
        accepted_at: Some(timestamp(Timestamp::from_millis(EPOCH + version))),
        version,
        trace: [].into(),
        work: Some(Work::SetLike(like)),
    }
}

pub(crate) fn like(user: ObjectId, post: ObjectId, version: i64) -> Job {
    job(user, post, Some("❤️"), version)
}

pub(crate) fn like_comment(user: ObjectId, comment: ObjectId, version: i64) -> Job {
    job_of(LikeSubject::Comment, user, comment, Some("❤️"), version)
}

fn unlike(user: ObjectId, post: ObjectId, version: i64) -> Job {
    job(user, post, None, version)
}

pub(crate) fn people<const N: usize>() -> [ObjectId; N] {
    [(); N].map(|()| ObjectId::new())
}

#[tokio::test]
async fn a_like_is_stored_and_counted_once_however_often_it_comes() {
    let rig = Rig::start().await;
    let [ana, bo] = people();
    let post = rig.post(bo).await;
    for expected in [[1, 0, 0], [0, 1, 0]] {
        let family = job(ana, post, Some("👨‍👩‍👧‍👦"), 7);
        assert_eq!(rig.apply(vec![family]).await, expected);
        assert_eq!(rig.likes_count(post).await, Some(Bson::Int64(1)));
    }
    let [like] = rig.all("likes").await.try_into().unwrap();
    let id = like.get_object_id("_id").unwrap();
    let expected = doc! {
        "_id": id,
        "user_id": ana,
        "post_id": post,
        "type": "post",
        "created_at": DateTime::from_millis(EPOCH + 7),
        "reaction": "👨‍👩‍👧‍👦",
        "version": 7_i64,
    };
    assert_eq!(like, expected);
    assert_eq!(rig.all("like_tombstones").await, Vec::<Document>::new());
}

#[tokio::test]
async fn versions_decide_and_not_the_order_in_which_jobs_come() {
    let rig = Rig::start().await;
    let [ana, bo] = people();
    let post = rig.post(bo).await;
    for (job, expected, count) in [
        (like(ana, post, 20), [1, 0, 0], 1),
        (unlike(ana, post, 10), [0, 1, 0], 1),
        (unlike(ana, post, 40), [1, 0, 0], 0),
        (like(ana, post, 30), [0, 1, 0], 0),
        (unlike(ana, post, 50), [1, 0, 0], 0),
        (like(ana, post, 45), [0, 1, 0], 0),
        (like(ana, post, 60), [1, 0, 0], 1),
        (unlike(ana, post, 55), [0, 1, 0], 1),
        (unlike(ana, post, 60), [0, 1, 0], 1),
        (like(ana, post, 70), [1, 0, 0], 1),
        (unlike(ana, post, 65), [0, 1, 0], 1),
        (unlike(ana, post, 80), [1, 0, 0], 0),
        (like(ana, post, 75), [0, 1, 0], 0),
    ] {
        let which = format!("{job:?}");
        assert_eq!(rig.apply(vec![job]).await, expected, "{which}");
        assert_eq!(rig.likes_count(post).await, Some(number(count)));
        assert_eq!(rig.likes(post).await.len(), count, "{which}");
    }
}

#[tokio::test]
async fn an_unlike_without_a_like_beats_the_like_that_comes_late() {
    let rig = Rig::start().await;
    let [ana, bo] = people();
    let post = rig.post(bo).await;
    assert_eq!(rig.apply(vec![unlike(ana, post, 2)]).await, [1, 0, 0]);
    assert_eq!(rig.likes_count(post).await, None);
    assert_eq!(rig.apply(vec![like(ana, post, 1)]).await, [0, 1, 0]);
    assert_eq!(rig.likes(post).await, BTreeMap::new());
    let [tombstone] = rig.all("like_tombstones").await.try_into().unwrap();
    assert_eq!(tombstone.get_object_id("user_id").unwrap(), ana);
    assert_eq!(tombstone.get_object_id("post_id").unwrap(), post);
    assert_eq!(tombstone.get_i64("version").unwrap(), 2);
    assert!(tombstone.get_datetime("at").is_ok());
}

#[tokio::test]
async fn another_reaction_changes_neither_the_count_nor_the_time() {
    let rig = Rig::start().await;
    let [ana, bo] = people();
    let post = rig.post(bo).await;
    rig.apply(vec![like(ana, post, 1)]).await;
    assert_eq!(rig.told().await.len(), 1);
    assert_eq!(
        rig.apply(vec![job(ana, post, Some("👍🏽"), 2)]).await,
        [1, 0, 0]
    );
    assert_eq!(rig.likes_count(post).await, Some(Bson::Int64(1)));
    let likes = rig.likes(post).await;
    assert_eq!(likes, [(ana, ("👍🏽".to_owned(), 2))].into());
    let [like] = rig.all("likes").await.try_into().unwrap();
    let since = like.get_datetime("created_at").unwrap();
    assert_eq!(since.timestamp_millis(), EPOCH + 1);
    assert_eq!(rig.told().await, []);
}

#[tokio::test]
async fn a_batch_comes_to_one_write_and_one_event_for_each_post() {
    let rig = Rig::start().await;
    let [ana, bo, cy, dan] = people();
    let (one, two, own) = (rig.post(dan).await, rig.post(cy).await, rig.post(ana).await);
    rig.apply(vec![like(cy, one, 1), like(bo, two, 1)]).await;
    rig.told().await;

    let batch = vec![
        like(ana, one, 5),
        // Came and went: nothing of it is left but a tombstone.
        like(bo, one, 5),
        unlike(bo, one, 6),
        // Was there and only changes.
        job(cy, one, Some("🎉"), 7),
        // One comes, one goes: the count stays.
        like(dan, two, 5),
        unlike(bo, two, 5),
        // Nobody is told that they like something themselves.
        like(ana, own, 5),
        like(dan, own, 6),
        like(dan, own, 5),
    ];
    assert_eq!(rig.apply(batch).await, [7, 2, 0]);
    for (post, count) in [(one, 2), (two, 1), (own, 2)] {
        assert_eq!(rig.likes_count(post).await, Some(number(count)));
        assert_eq!(rig.likes(post).await.len(), count);
    }
    let tombstones = rig.all("like_tombstones").await;
    assert_eq!(tombstones.len(), 2);

    let heart = |user: ObjectId| NotificationActor {
        user_id: user.to_hex(),
        reaction: "❤️".to_owned(),
    };
    let liked = |post: ObjectId, author: ObjectId, liker| Notify {
        user_id: author.to_hex(),
        kind: NotificationKind::Like.into(),
        actors: vec![heart(liker)],
        post_id: post.to_hex(),
        ..Notify::default()
    };
    let mut expected = [
        liked(one, dan, ana),
        liked(two, cy, dan),
        liked(own, ana, dan),
    ];
    expected.sort_by(|a, b| a.post_id.cmp(&b.post_id));
    assert_eq!(rig.told().await, expected);
}

#[tokio::test]
async fn likes_of_comments_go_by_the_same_rules_also_beside_those_of_posts() {
    let rig = Rig::start().await;
    let [ana, bo, cy] = people();
    let post = rig.post(bo).await;
    let comment = planted::comment_of(cy, post, None, EPOCH);
    let comment = rig.plant("comments", comment).await;
    let unlike_comment = |user, version| job_of(LikeSubject::Comment, user, comment, None, version);
    let batch = || {
        vec![
            like(ana, post, 5),
            like_comment(ana, comment, 5),
            like_comment(cy, comment, 5),
            like_comment(bo, comment, 5),
            unlike_comment(bo, 6),
            // What says that it is something else is nothing.
            like(bo, comment, 9),
            like_comment(bo, post, 9),
        ]
    };
    assert_eq!(rig.apply(batch()).await, [4, 1, 2]);
    let told = rig.told().await;
    assert_eq!(rig.apply(batch()).await, [0, 5, 2]);
    assert_eq!(rig.told().await, []);
    // Late and out of order.
    let late = vec![unlike_comment(ana, 4), like_comment(bo, comment, 3)];
    assert_eq!(rig.apply(late).await, [0, 2, 0]);

    let likes: Vec<ObjectId> = rig.likes(comment).await.into_keys().collect();
    let mut expected = vec![ana, cy];
    expected.sort();
    assert_eq!(likes, expected);
    assert_eq!(rig.likes(post).await.len(), 1);
    for like in rig.all("likes").await {
        let is_of_comment = like.get_object_id("post_id").unwrap() == comment;
        let kind = if is_of_comment { "comment" } else { "post" };
        assert_eq!(like.get_str("type").unwrap(), kind);
    }
    let [stored] = rig.all("comments").await.try_into().unwrap();
    assert_eq!(stored.get_i64("likes_count").unwrap(), 2);
    assert_eq!(rig.likes_count(post).await, Some(Bson::Int64(1)));

    let notice = |author: ObjectId, comment_id: String| Notify {
        user_id: author.to_hex(),
        kind: NotificationKind::Like.into(),
        actors: vec![NotificationActor {
            user_id: ana.to_hex(),
            reaction: "❤️".to_owned(),
        }],
        post_id: post.to_hex(),
        comment_id,
    };
    // Nobody is told that they like something themselves.
    assert_eq!(
        told,
        [notice(bo, String::new()), notice(cy, comment.to_hex())]
    );
    assert_eq!(rig.apply(vec![unlike_comment(ana, 8)]).await, [1, 0, 0]);
    assert_eq!(rig.likes(comment).await.len(), 1);
}

#[tokio::test]
async fn a_post_that_is_gone_is_passed_over_and_a_deleted_one_counted() {
    let rig = Rig::start().await;
    let [ana, bo] = people();
    let mut deleted = planted::post(bo, EPOCH);
    deleted.insert("deleted_at", DateTime::now());
    let (deleted, gone) = (rig.plant("posts", deleted).await, ObjectId::new());
    let batch = || {
        vec![
            like(ana, gone, 1),
            like(ana, deleted, 1),
            unlike(bo, gone, 1),
        ]
    };
    assert_eq!(rig.apply(batch()).await, [1, 0, 2]);
    assert_eq!(rig.apply(batch()).await, [0, 1, 2]);
    assert_eq!(rig.likes_count(deleted).await, Some(Bson::Int64(1)));
    assert_eq!(rig.likes(gone).await, BTreeMap::new());
    assert_eq!(rig.apply(vec![unlike(ana, deleted, 2)]).await, [1, 0, 0]);
    assert_eq!(rig.likes_count(deleted).await, Some(Bson::Int64(0)));
}

#[tokio::test]
async fn what_the_predecessor_left_is_changed_like_anything_else() {
    let rig = Rig::start().await;
    let author = ObjectId::new();
    let counts = [
        (None, 1),
        (Some(Bson::Null), 1),
        (Some(Bson::Double(2.0)), 3),
        (Some(Bson::Int32(2)), 3),
        (Some(Bson::from("many")), 1),
    ];
    for (count, sum) in counts {
        let [ana, bo, cy] = people();
        let mut post = planted::post(author, EPOCH);
        post.extend(count.map(|count| ("likes_count".to_owned(), count)));
        let post = rig.plant("posts", post).await;
        for (user, version) in [(ana, Bson::Null), (bo, Bson::Double(0.0))] {
            let old = doc! { "user_id": user, "post_id": post, "type": "post", "reaction": Bson::Null, "version": version };
            rig.plant("likes", old).await;
        }
        let batch = vec![
            unlike(ana, post, 1),
            job(bo, post, Some("👏"), 1),
            like(cy, post, 1),
            like(author, post, 1),
        ];
        assert_eq!(rig.apply(batch).await, [4, 0, 0]);
        assert_eq!(rig.likes_count(post).await, Some(Bson::Int64(sum)));
        let likes = rig.likes(post).await;
        assert_eq!(likes.len(), 3);
        assert_eq!(likes[&bo], ("👏".to_owned(), 1));
    }
}

#[tokio::test]
async fn a_job_that_can_never_be_stored_is_named() {
    let rig = Rig::start().await;
    let [ana, bo] = people();
    let post = rig.post(bo).await;
    let with = |change: &dyn Fn(&mut SetLike)| {
        let mut job = like(ana, post, 1);
        if let Some(Work::SetLike(like)) = &mut job.work {
            change(like);
        }
        job
    };
    let poison = [
        (
            Job {
                work: None,
                ..like(ana, post, 1)
            },
            "not a like",
        ),
        (like(ana, post, 0), "version"),
        (like(ana, post, -5), "version"),
        (
            Job {
                accepted_at: None,
                ..like(ana, post, 1)
            },
            "accepted_at",
        ),
        (with(&|like| like.user_id.clear()), "user_id"),
        (with(&|like| like.subject_id = "x".repeat(24)), "subject_id"),
        (with(&|like| like.subject = 0), "not of a post or comment"),
        (with(&|like| like.subject = 99), "not of a post or comment"),
        (job(ana, post, Some(""), 1), "reaction"),
        (job(ana, post, Some("ab"), 1), "reaction"),
    ];
    for (job, reason) in poison {
        let id = job.id.clone();
        let batch = vec![like(bo, post, 1), job];
        let refused = rig.replica.apply(batch).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(&id), "{refused}");
        assert!(refused.message().contains(reason), "{refused}");
    }
    let many = vec![like(ana, post, 1); 1_001];
    let refused = rig.replica.apply(many).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let refused = rig.replica.apply_from("likes-queue", Vec::new()).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(rig.all("likes").await, Vec::<Document>::new());
    assert_eq!(rig.apply(Vec::new()).await, [0, 0, 0]);
    assert_eq!(
        rig.apply(vec![like(ana, post, 1); 1_000]).await,
        [1, 999, 0]
    );
}
