#![doc = include_str!("../README.md")]

mod app;
mod auth;
mod command;
mod delivery;
mod error;
mod grpc;
mod identity;
mod node;
mod presence;
mod quota;
mod refusal;
mod seats;
mod sessions;
mod settings;
mod sockets;
mod sweep;

pub use app::App;
pub use command::{Command, execute};
pub use settings::Settings;
