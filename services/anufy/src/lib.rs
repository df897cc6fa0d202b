#![doc = include_str!("../README.md")]

mod admin;
mod command;
mod dlq;
mod settings;
mod verify;

pub use command::{Command, execute};
pub use settings::{
    AdminSettings, AuthSettings, Chosen, CountersSettings, DlqListSettings, DlqSettings,
    OwnerSettings,
};
