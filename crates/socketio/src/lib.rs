#![doc = include_str!("../README.md")]

mod args;
mod config;
mod driver;
mod engine;
mod feeds;
mod frame;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod handler;
mod http;
mod id;
mod lock;
mod log;
mod message;
mod outbox;
mod packet;
mod rooms;
mod server;
mod session;
mod socket;
mod transport;
mod websocket;
mod wheel;

#[cfg(feature = "redis")]
pub use self::log::RedisLog;
pub use self::{
    args::{Args, ArgsError, Placeholder},
    config::{Config, DrainPace},
    feeds::{Feeds, PublishError},
    handler::{
        Ack, AckError, Admission, ConnectError, DisconnectReason, Event, Handler, Handshake,
        Verdict,
    },
    id::SocketId,
    log::{
        Appended, EventLog, LogError, LogFuture, LoggedEvent, MemoryLog, Offset, OffsetError,
        Reading, Retention, SavedSession,
    },
    message::{EncodeError, Message},
    server::{Broadcast, Server},
    socket::Socket,
};
