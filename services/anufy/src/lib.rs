#![doc = include_str!("../README.md")]

mod command;
mod dlq;
mod settings;
mod verify;

pub use command::{Command, execute};
pub use settings::{Chosen, CountersSettings, DlqListSettings, DlqSettings, OwnerSettings};
