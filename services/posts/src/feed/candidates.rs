//! The posts that may be in a feed, in its order.

use domain::{Timestamp, UserId};

use crate::{
    PostError, feeds::Feeds, merging::Merged, mongo::Position, stamps::Stamp, timelines::Window,
};

/// A part of a feed before anybody has looked at the posts: every post that
/// is in it, and maybe others.
pub(super) struct Candidates {
    /// Newest first.
    pub(super) positions: Vec<Position>,
    pub(super) end: End,
    /// The authors that were merged into it.
    pub(super) merged: Vec<(UserId, Stamp)>,
}

/// What ends with the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The feed.
    Feed,
    /// What was read of the timeline, which has more.
    Window,
    /// The timeline: the rest is known to MongoDB.
    Timeline,
}

impl Feeds {
    /// The candidates behind `after`, about `count` of them; `None` if the
    /// timeline has to be built first.
    pub(super) async fn candidates(
        &self,
        viewer: UserId,
        after: Option<Position>,
        count: usize,
    ) -> Result<Option<Candidates>, PostError> {
        let (window, merged) = tokio::try_join!(
            async { Ok::<_, PostError>(self.timelines.read(viewer, after, count).await?) },
            self.merging.for_feed_of(viewer)
        )?;
        Ok(window.map(|window| Candidates::merge(window, merged, after)))
    }
}

impl Candidates {
    fn merge(window: Window, merged: Merged, after: Option<Position>) -> Self {
        let floor = window.floor.max(merged.floor);
        let (edge, end) = match window.edge {
            Some(edge) if floor.is_none_or(|floor| edge > floor) => (Some(edge), End::Window),
            _ if floor.is_some() => (floor, End::Timeline),
            _ => (None, End::Feed),
        };
        let is_known = |at: Timestamp| edge.is_none_or(|edge| at > edge);
        let mut positions: Vec<Position> = window
            .positions
            .into_iter()
            .chain(merged.positions)
            .filter(|it| is_known(it.0) && after.is_none_or(|after| *it < after))
            .collect();
        positions.sort_unstable_by(|a, b| b.cmp(a));
        positions.dedup();
        Self {
            positions,
            end,
            merged: merged.authors,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::PostId;

    use super::*;

    fn at(millis: i64) -> Position {
        Position(Timestamp::from_millis(millis), PostId::generate())
    }

    const fn moment(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn merge(window: Window, merged: Merged, after: Option<Position>) -> (Vec<i64>, End) {
        let merged = Candidates::merge(window, merged, after);
        let moments = merged.positions.iter().map(|it| it.0.as_millis());
        (moments.collect(), merged.end)
    }

    #[test]
    fn what_is_in_both_is_there_once_and_in_order() {
        let both = at(5);
        let window = Window {
            positions: vec![at(9), both, at(2)],
            edge: None,
            floor: None,
        };
        let merged = Merged {
            positions: vec![both, at(7)],
            ..Merged::default()
        };
        let found = merge(window.clone(), merged.clone(), None);
        assert_eq!(found, (vec![9, 7, 5, 2], End::Feed));
        let found = merge(window, merged, Some(both));
        assert_eq!(found, (vec![2], End::Feed));
    }

    #[test]
    fn what_may_be_incomplete_is_left_out() {
        let window = |edge, floor| Window {
            positions: vec![at(9), at(8)],
            edge,
            floor,
        };
        let merged = |floor| Merged {
            positions: vec![at(7), at(3)],
            floor,
            authors: Vec::new(),
        };
        let found = merge(window(Some(moment(6)), Some(moment(1))), merged(None), None);
        assert_eq!(found, (vec![9, 8, 7], End::Window));
        let found = merge(window(None, Some(moment(4))), merged(None), None);
        assert_eq!(found, (vec![9, 8, 7], End::Timeline));
        let found = merge(
            window(Some(moment(6)), Some(moment(1))),
            merged(Some(moment(7))),
            None,
        );
        assert_eq!(found, (vec![9, 8], End::Timeline));
    }
}
