use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use futures_util::task::AtomicWaker;

/// Whether a connection's request is being handled, known to both its reading
/// side and whoever answers.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Shared>);

#[derive(Default)]
struct Shared {
    is_on: AtomicBool,
    reader: AtomicWaker,
}

impl InFlight {
    /// A request has been handed on.
    pub(super) fn begin(&self) {
        self.0.is_on.store(true, Ordering::Release);
    }

    /// Whether one is being handled; `reader` is woken when it is no more.
    pub(super) fn is_on(&self, reader: &Waker) -> bool {
        if !self.0.is_on.load(Ordering::Acquire) {
            return false;
        }
        self.0.reader.register(reader);
        // It may have ended just before the waker was there.
        self.0.is_on.load(Ordering::Acquire)
    }

    /// Ends the request when it is dropped.
    pub(crate) fn guard(&self) -> InFlightGuard {
        InFlightGuard(self.clone())
    }
}

/// Held until the last byte of an answer is written.
pub(crate) struct InFlightGuard(InFlight);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let shared = &self.0.0;
        shared.is_on.store(false, Ordering::Release);
        shared.reader.wake();
    }
}
