//! Locks whose holders do not leave things half done.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, also when somebody has panicked with it: an application may, within a call of
/// ours, and what is locked here is whole at each such call.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
