//! Who sees what. Every read of the product asks [`is_visible`] and nothing else.

use crate::{Role, UserId, UserStatus};

/// Whoever looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The account.
    pub id: UserId,
    /// Moderators see what they have to judge.
    pub role: Role,
}

/// What decides about an account as the author of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Author {
    /// The account.
    pub id: UserId,
    /// Whether it is in use.
    pub status: UserStatus,
    /// Hidden from everybody else without being told.
    pub is_shadow_banned: bool,
    /// Its posts are for accepted followers only.
    pub is_private: bool,
}

/// What stands between a viewer and an author, as the viewer stands to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that holds beside any other"
)]
pub struct Relation {
    /// The viewer follows the author (accepted).
    pub following: bool,
    /// The viewer has asked to follow.
    pub requested: bool,
    /// The author follows the viewer (accepted).
    pub followed_by: bool,
    /// The viewer blocks the author.
    pub blocking: bool,
    /// The author blocks the viewer.
    pub blocked_by: bool,
    /// The viewer mutes the author.
    pub muting: bool,
}

/// What the viewer is about to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The account itself, asked for by name or id. Whoever blocks somebody
    /// still finds them, to undo it.
    Profile,
    /// The account among others: followers, likers, search results.
    Listing,
    /// Something the author made, asked for by its id or on the author's page.
    Content {
        /// The author took it away.
        is_deleted: bool,
    },
    /// Something the author made that comes without being asked for: the home feed.
    Feed {
        /// The author took it away.
        is_deleted: bool,
    },
}

/// Whether `viewer` may see it.
///
/// What is deleted is there for nobody, its author included. Otherwise one
/// sees everything of one's own. A moderator sees what others do not, except
/// accounts that were deleted, and except in the own feed, which is that of
/// anybody else. For everybody else an account that is deleted, suspended or
/// shadow-banned is not there; a block hides both ways; a mute hides from the
/// feed; the content of a private account is for its accepted followers.
#[must_use]
pub fn is_visible(viewer: &Viewer, author: &Author, relation: &Relation, sight: Sight) -> bool {
    if let Sight::Content { is_deleted: true } | Sight::Feed { is_deleted: true } = sight {
        return false;
    }
    if viewer.id == author.id {
        return true;
    }
    let is_feed = matches!(sight, Sight::Feed { .. });
    if matches!(viewer.role, Role::Moderator | Role::Admin) && !is_feed {
        return author.status != UserStatus::Deleted;
    }
    if author.status != UserStatus::Active || author.is_shadow_banned || relation.blocked_by {
        return false;
    }
    match sight {
        Sight::Profile => true,
        Sight::Listing => !relation.blocking,
        Sight::Content { .. } => !relation.blocking && (!author.is_private || relation.following),
        Sight::Feed { .. } => relation.following && !relation.blocking && !relation.muting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: Sight = Sight::Profile;
    const LISTING: Sight = Sight::Listing;
    const CONTENT: Sight = Sight::Content { is_deleted: false };
    const FEED: Sight = Sight::Feed { is_deleted: false };
    const ALL: [Sight; 4] = [PROFILE, LISTING, CONTENT, FEED];

    fn viewer(role: Role) -> Viewer {
        Viewer {
            id: UserId::generate(),
            role,
        }
    }

    fn author() -> Author {
        Author {
            id: UserId::generate(),
            status: UserStatus::Active,
            is_shadow_banned: false,
            is_private: false,
        }
    }

    fn following() -> Relation {
        Relation {
            following: true,
            ..Relation::default()
        }
    }

    /// What an ordinary viewer sees of `author`, out of profile, listing, content, feed.
    fn seen(author: &Author, relation: Relation) -> [bool; 4] {
        ALL.map(|sight| is_visible(&viewer(Role::User), author, &relation, sight))
    }

    #[test]
    fn a_follower_sees_everything_and_a_stranger_all_but_the_feed() {
        assert_eq!(seen(&author(), following()), [true; 4]);
        assert_eq!(
            seen(&author(), Relation::default()),
            [true, true, true, false]
        );
    }

    #[test]
    fn an_account_that_is_hidden_is_there_for_nobody_else() {
        let hidden = [
            Author {
                is_shadow_banned: true,
                ..author()
            },
            Author {
                status: UserStatus::Suspended,
                ..author()
            },
            Author {
                status: UserStatus::Deleted,
                ..author()
            },
        ];
        for author in hidden {
            assert_eq!(seen(&author, following()), [false; 4], "{author:?}");
            let oneself = Viewer {
                id: author.id,
                role: Role::User,
            };
            for sight in ALL {
                let relation = Relation::default();
                assert!(is_visible(&oneself, &author, &relation, sight), "{sight:?}");
            }
        }
    }

    #[test]
    fn the_content_of_a_private_account_is_for_followers() {
        let private = Author {
            is_private: true,
            ..author()
        };
        let requested = Relation {
            requested: true,
            ..Relation::default()
        };
        assert_eq!(seen(&private, requested), [true, true, false, false]);
        assert_eq!(seen(&private, following()), [true; 4]);
    }

    #[test]
    fn a_block_hides_both_ways_but_leaves_the_blocker_the_profile() {
        let blocked_by = Relation {
            blocked_by: true,
            ..following()
        };
        let blocking = Relation {
            blocking: true,
            ..following()
        };
        assert_eq!(seen(&author(), blocked_by), [false; 4]);
        assert_eq!(seen(&author(), blocking), [true, false, false, false]);
    }

    #[test]
    fn a_mute_hides_from_the_feed_only() {
        let muting = Relation {
            muting: true,
            ..following()
        };
        assert_eq!(seen(&author(), muting), [true, true, true, false]);
    }

    #[test]
    fn moderators_see_what_they_judge_and_have_an_ordinary_feed() {
        let hidden = Author {
            status: UserStatus::Suspended,
            is_shadow_banned: true,
            is_private: true,
            ..author()
        };
        let blocked = Relation {
            blocked_by: true,
            ..following()
        };
        for role in [Role::Moderator, Role::Admin] {
            let sees = ALL.map(|sight| is_visible(&viewer(role), &hidden, &blocked, sight));
            assert_eq!(sees, [true, true, true, false]);
            let deleted = Author {
                status: UserStatus::Deleted,
                ..author()
            };
            let sees = ALL.map(|sight| is_visible(&viewer(role), &deleted, &following(), sight));
            assert_eq!(sees, [false; 4]);
        }
    }

    #[test]
    fn what_is_deleted_is_there_for_nobody() {
        let author = author();
        let oneself = Viewer {
            id: author.id,
            role: Role::Admin,
        };
        for viewer in [oneself, viewer(Role::Moderator), viewer(Role::User)] {
            for sight in [
                Sight::Content { is_deleted: true },
                Sight::Feed { is_deleted: true },
            ] {
                assert!(!is_visible(&viewer, &author, &following(), sight));
            }
        }
    }
}
