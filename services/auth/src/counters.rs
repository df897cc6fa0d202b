//! Whether the counters of accounts say what they should, for the operator.

use domain::UserId;
use futures_util::FutureExt;
use store::{Operation, Store, StoreError};

use crate::mongo::{Count, Counters, FollowList, StoredCounters};

/// Compares counters with what they count.
#[derive(Clone)]
pub(crate) struct CounterCheck {
    pub(crate) store: Store,
    pub(crate) counters: Counters,
}

/// What a page of accounts came to.
pub(crate) struct Checked {
    pub(crate) examined: usize,
    /// The last account, unless there are no more.
    pub(crate) last: Option<UserId>,
    pub(crate) mismatches: Vec<Mismatch>,
}

/// A counter that is wrong.
pub(crate) struct Mismatch {
    pub(crate) user_id: UserId,
    pub(crate) list: FollowList,
    pub(crate) count: Count,
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        collection: "users",
        name,
    }
}

impl CounterCheck {
    /// Compares the counters of up to `limit` accounts behind `after` with
    /// their follows, as both are at one moment; corrects them if told to.
    pub(crate) async fn verify(
        &self,
        after: Option<UserId>,
        limit: u32,
        repair: bool,
    ) -> Result<Checked, StoreError> {
        let counters = self.counters.clone();
        let verify = self.store.snapshot(operation("verify"), move |session| {
            let counters = counters.clone();
            async move {
                let accounts = counters.page(&mut *session, after, limit).await?;
                let mut mismatches = Vec::new();
                for list in FollowList::ALL {
                    let counts = counters.counts(&mut *session, list, &accounts).await?;
                    let wrong = counts.iter().filter(|(_, it)| it.stored != it.counted);
                    mismatches.extend(wrong.map(|(user_id, count)| Mismatch {
                        user_id: *user_id,
                        list,
                        count: *count,
                    }));
                }
                mismatches.sort_by_key(|it| it.user_id);
                Ok(Checked {
                    examined: accounts.len(),
                    last: last_of(&accounts, limit),
                    mismatches,
                })
            }
            .boxed()
        });
        let checked = verify.await?;
        if repair {
            for mismatch in &checked.mismatches {
                self.repair(mismatch.user_id).await?;
            }
        }
        Ok(checked)
    }

    /// What is found wrong may be right by now: the transaction looks again.
    async fn repair(&self, user_id: UserId) -> Result<(), StoreError> {
        let counters = self.counters.clone();
        self.store
            .transaction(operation("repair"), move |session| {
                let counters = counters.clone();
                async move { counters.repair(session, user_id).await }.boxed()
            })
            .await
    }

    /// The counters of up to `limit` accounts behind `after`, and the last of
    /// these, unless there are no more.
    pub(crate) async fn list(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<(Vec<StoredCounters>, Option<UserId>), StoreError> {
        let counters = self.counters.clone();
        let page = self.store.snapshot(operation("counters"), move |session| {
            let counters = counters.clone();
            async move { counters.page(session, after, limit).await }.boxed()
        });
        let accounts = page.await?;
        let last = last_of(&accounts, limit);
        Ok((accounts, last))
    }
}

/// The last of a page that is full; behind another there is nothing.
fn last_of(accounts: &[StoredCounters], limit: u32) -> Option<UserId> {
    let is_full = accounts.len() >= limit as usize;
    accounts
        .last()
        .map(|account| account.user_id)
        .filter(|_| is_full)
}
