#![doc = include_str!("../README.md")]

mod app;
mod command;
mod feeds;
mod likes;
mod partitions;
mod posts;
mod settings;

pub use app::App;
pub use command::{Command, execute};
pub use settings::{QueueName, Settings};
