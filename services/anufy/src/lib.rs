#![doc = include_str!("../README.md")]

mod command;
mod settings;
mod verify;

pub use command::{Command, execute};
pub use settings::{CountersSettings, OwnerSettings};
