#![doc = include_str!("../README.md")]

mod app;
mod apply_likes;
mod command;
mod drafts;
mod error;
mod feed;
mod grpc;
mod http;
mod intents;
mod liked_posts;
mod likers;
mod likes;
mod liking;
mod mongo;
mod people;
mod posts;
mod settings;

pub use app::App;
pub use command::{Command, execute};
pub use error::PostError;
pub use http::routes;
pub use mongo::{MigrationReport, migrate};
pub use settings::{MigrateSettings, Settings};
