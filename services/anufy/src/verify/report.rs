use std::fmt;

/// A counter that says something else than what it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Which counter: `followers_count`.
    pub(crate) counter: String,
    /// Of which account, post or comment.
    pub(crate) id: String,
    /// What it said.
    pub(crate) stored: i64,
    /// What it should have said.
    pub(crate) counted: i64,
    /// Whether it is right by now.
    pub(crate) is_repaired: bool,
}

/// What a verification found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Accounts whose counters were compared.
    pub(crate) accounts: u64,
    /// Authors whose posts were counted.
    pub(crate) authors: u64,
    /// Posts whose likes, comments and saves were counted.
    pub(crate) posts: u64,
    /// Comments whose likes and replies were counted.
    pub(crate) comments: u64,
    /// Every counter that was wrong.
    pub(crate) wrong: Vec<Wrong>,
}

impl Report {
    /// Whether every counter is right now.
    pub(crate) fn is_right(&self) -> bool {
        self.wrong.iter().all(|wrong| wrong.is_repaired)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for wrong in &self.wrong {
            let repaired = if wrong.is_repaired { ", repaired" } else { "" };
            writeln!(
                f,
                "{} of {}: said {}, is {}{repaired}",
                wrong.counter, wrong.id, wrong.stored, wrong.counted
            )?;
        }
        let repaired = self.wrong.iter().filter(|wrong| wrong.is_repaired).count();
        writeln!(
            f,
            "{} accounts, {} authors, {} posts and {} comments compared: \
             {} counters wrong, {repaired} repaired",
            self.accounts,
            self.authors,
            self.posts,
            self.comments,
            self.wrong.len()
        )
    }
}
