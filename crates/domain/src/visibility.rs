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
    /// Something the author said about what somebody else made.
    Comment {
        /// It was taken away.
        is_deleted: bool,
    },
    /// Something the author made, shown to people who need not know them.
    Discovery {
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
/// accounts that were deleted, and except in the own feed and in what is to be
/// discovered, which are those of anybody else. For everybody else an account
/// that is deleted, suspended or shadow-banned is not there; a block hides both
/// ways; a mute hides from the feed and from discovery; the content of a private
/// account is for its accepted followers and never to be discovered. What it
/// says about something is for whoever may see that.
#[must_use]
pub fn is_visible(viewer: &Viewer, author: &Author, relation: &Relation, sight: Sight) -> bool {
    if let Sight::Content { is_deleted: true }
    | Sight::Comment { is_deleted: true }
    | Sight::Discovery { is_deleted: true }
    | Sight::Feed { is_deleted: true } = sight
    {
        return false;
    }
    if viewer.id == author.id {
        return true;
    }
    let is_unasked = matches!(sight, Sight::Feed { .. } | Sight::Discovery { .. });
    if matches!(viewer.role, Role::Moderator | Role::Admin) && !is_unasked {
        return author.status != UserStatus::Deleted;
    }
    if author.status != UserStatus::Active || author.is_shadow_banned || relation.blocked_by {
        return false;
    }
    match sight {
        Sight::Profile => true,
        Sight::Listing | Sight::Comment { .. } => !relation.blocking,
        Sight::Content { .. } => !relation.blocking && (!author.is_private || relation.following),
        Sight::Discovery { .. } => !author.is_private && !relation.blocking && !relation.muting,
        Sight::Feed { .. } => relation.following && !relation.blocking && !relation.muting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: Sight = Sight::Profile;
    const LISTING: Sight = Sight::Listing;
    const CONTENT: Sight = Sight::Content { is_deleted: false };
    const COMMENT: Sight = Sight::Comment { is_deleted: false };
    const DISCOVERY: Sight = Sight::Discovery { is_deleted: false };
    const FEED: Sight = Sight::Feed { is_deleted: false };
    const ALL: [Sight; 6] = [PROFILE, LISTING, CONTENT, COMMENT, DISCOVERY, FEED];

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

    /// What an ordinary viewer sees of `author`, in the order of [`ALL`].
    fn seen(author: &Author, relation: Relation) -> [bool; 6] {
        ALL.map(|sight| is_visible(&viewer(Role::User), author, &relation, sight))
    }

    #[test]
    fn a_follower_sees_everything_and_a_stranger_all_but_the_feed() {
        assert_eq!(seen(&author(), following()), [true; 6]);
        assert_eq!(
            seen(&author(), Relation::default()),
            [true, true, true, true, true, false]
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
            assert_eq!(seen(&author, following()), [false; 6], "{author:?}");
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
        let to_a_stranger = [true, true, false, true, false, false];
        assert_eq!(seen(&private, requested), to_a_stranger);
        let to_a_follower = [true, true, true, true, false, true];
        assert_eq!(seen(&private, following()), to_a_follower);
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
        assert_eq!(seen(&author(), blocked_by), [false; 6]);
        let to_the_blocker = [true, false, false, false, false, false];
        assert_eq!(seen(&author(), blocking), to_the_blocker);
    }

    #[test]
    fn a_mute_hides_from_what_comes_unasked() {
        let muting = Relation {
            muting: true,
            ..following()
        };
        let to_who_mutes = [true, true, true, true, false, false];
        assert_eq!(seen(&author(), muting), to_who_mutes);
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
            assert_eq!(sees, [true, true, true, true, false, false]);
            let deleted = Author {
                status: UserStatus::Deleted,
                ..author()
            };
            let sees = ALL.map(|sight| is_visible(&viewer(role), &deleted, &following(), sight));
            assert_eq!(sees, [false; 6]);
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
                Sight::Comment { is_deleted: true },
                Sight::Discovery { is_deleted: true },
                Sight::Feed { is_deleted: true },
            ] {
                assert!(!is_visible(&viewer, &author, &following(), sight));
            }
        }
    }
}
