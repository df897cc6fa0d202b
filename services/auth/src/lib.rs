#![doc = include_str!("../README.md")]

mod accounts;
mod app;
mod attempts;
mod command;
mod copies;
mod counters;
mod counting;
mod error;
mod events;
mod follow_lists;
mod follows;
mod grpc;
mod http;
mod mongo;
mod passwords;
mod relations;
mod revocation;
mod sessions;
mod settings;

pub use app::App;
pub use command::{Command, execute};
pub use error::AuthError;
pub use http::routes;
pub use mongo::{Finding, MigrationReport, migrate};
pub use settings::{MigrateSettings, Settings};
