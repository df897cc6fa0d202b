//! How a service lives: settings in, ready, drain, out.
//!
//! A service's `main` calls [`main`] with its command line. Settings are parsed
//! whole and every fault is reported before a port opens ([`settings`]); the
//! first signal drains and the second stops ([`Shutdown`]); the admin port
//! tells orchestrators how it is ([`admin`]). Time and ids come from a
//! [`Clock`], so that tests can move them.

pub mod admin;
mod clock;
mod process;
pub mod settings;
mod shutdown;

/// For every program of the workspace. Requests allocate in many small pieces,
/// and often on another thread than the one that frees them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use clock::{Clock, ManualClock, SystemClock};
pub use process::main;
pub use shutdown::{Readiness, Shutdown};
