#![doc = include_str!("../README.md")]

mod app;
mod apply_likes;
mod command;
mod drafts;
mod error;
mod events;
mod feed;
mod feed_pages;
mod feed_updates;
mod feeds;
mod grpc;
mod http;
mod intents;
mod liked_posts;
mod likers;
mod likes;
mod liking;
mod lists;
mod merging;
mod mongo;
mod people;
mod post_cache;
mod posts;
mod settings;
mod stamps;
mod timelines;

pub use app::App;
pub use command::{Command, execute};
pub use error::PostError;
pub use http::routes;
pub use mongo::{MigrationReport, migrate};
pub use settings::{MigrateSettings, Settings};
