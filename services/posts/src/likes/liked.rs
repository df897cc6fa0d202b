use contracts::jobs::v1::LikeSubject;
use domain::{Comment, LikeType, LikedId, Post};
use serde::de::DeserializeOwned;

/// What can be liked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum LikedKind {
    Post,
    Comment,
}

/// Something that can be liked, as it is stored.
pub(crate) trait Liked: DeserializeOwned {
    const KIND: LikedKind;

    fn liked_id(&self) -> LikedId;

    /// How many like it, as it says.
    fn likes_count(&self) -> i64;
}

impl LikedKind {
    /// As likes have it.
    pub(crate) const fn like_type(self) -> LikeType {
        match self {
            Self::Post => LikeType::Post,
            Self::Comment => LikeType::Comment,
        }
    }

    /// As jobs have it.
    pub(crate) const fn subject(self) -> LikeSubject {
        match self {
            Self::Post => LikeSubject::Post,
            Self::Comment => LikeSubject::Comment,
        }
    }

    /// What a job is about, if that is anything that this service owns.
    pub(crate) const fn of_subject(subject: LikeSubject) -> Option<Self> {
        match subject {
            LikeSubject::Post => Some(Self::Post),
            LikeSubject::Comment => Some(Self::Comment),
            LikeSubject::Unspecified => None,
        }
    }
}

impl Liked for Post {
    const KIND: LikedKind = LikedKind::Post;

    fn liked_id(&self) -> LikedId {
        self.id.into()
    }

    fn likes_count(&self) -> i64 {
        self.likes_count
    }
}

impl Liked for Comment {
    const KIND: LikedKind = LikedKind::Comment;

    fn liked_id(&self) -> LikedId {
        self.id.into()
    }

    fn likes_count(&self) -> i64 {
        self.likes_count
    }
}
