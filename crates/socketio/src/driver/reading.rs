//! What a client sends, from its transport to the inbox.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::{Driver, Stage, Waiting};
use crate::{
    DisconnectReason, Handler, Message, Verdict,
    engine::{self, EngineError},
    message,
    packet::{Namespace, Packet, PacketError, PacketKind, PacketLimits},
    transport::Broken,
    websocket::{self, Incoming},
};

/// The client does not speak the protocol.
#[derive(Debug, thiserror::Error)]
enum Malformed {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Packet(#[from] PacketError),
    #[error("a heartbeat of the client")]
    Heartbeat,
    #[error("an upgrade without a probe")]
    Upgrade,
    #[error("connected twice")]
    ConnectedTwice,
    #[error("a packet before it is connected")]
    NotConnected,
    #[error("a packet for a namespace that there is not")]
    UnknownNamespace,
}

impl<H: Handler> Driver<H> {
    /// Reads and looks at what was read, as long as there is room for it. Has it got anything?
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> bool {
        let mut has_read = false;
        while self.session.closing().is_none() {
            if self.is_full() {
                self.set_deaf(true);
                break;
            }
            self.set_deaf(false);
            let Some(looked_at) = self.poll_next(context) else {
                break;
            };
            has_read = true;
            if let Err(error) = looked_at {
                tracing::debug!(%error, "a client sent what is not the protocol");
                self.session.close(DisconnectReason::ParseError);
            }
        }
        has_read
    }

    /// Is what waits enough for now?
    fn is_full(&self) -> bool {
        let config = self.session.config();
        matches!(self.stage, Stage::Asking(_))
            || self.inbox.len() >= config.inbox_events
            || self.inbox_bytes >= config.inbox_bytes
    }

    fn set_deaf(&mut self, is_deaf: bool) {
        if self.is_deaf != is_deaf {
            self.is_deaf = is_deaf;
            self.session.set_deaf(is_deaf);
        }
    }

    /// Looks at the next thing there is. None if there is nothing.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Option<Result<(), Malformed>> {
        let Some(websocket) = &mut self.websocket else {
            return self.next_posted();
        };
        match websocket.poll_next(context) {
            Poll::Pending => None,
            Poll::Ready(Ok(incoming)) => {
                self.session.is_alive();
                Some(self.take_incoming(incoming))
            }
            Poll::Ready(Err(broken)) => {
                tracing::debug!(%broken, "a connection ended");
                match broken {
                    Broken::Protocol(error) => self.session.close_by(
                        &websocket::close_frame(error.close_code(), &error.to_string()),
                        DisconnectReason::ParseError,
                    ),
                    Broken::Transport(_) => self.session.close(DisconnectReason::TransportError),
                    Broken::Ended => self.session.close(DisconnectReason::TransportClose),
                }
                None
            }
        }
    }

    /// Looks at what a polling client has posted, or goes on with the connection that takes over.
    fn next_posted(&mut self) -> Option<Result<(), Malformed>> {
        if let Some(packet) = self.session.next_posted() {
            self.session.is_alive();
            return Some(self.take_engine(packet));
        }
        self.websocket = Some(*self.session.taken_over()?);
        Some(Ok(()))
    }

    fn take_incoming(&mut self, incoming: Incoming) -> Result<(), Malformed> {
        match incoming {
            Incoming::Text(text) => self.take_engine(engine::decode_text(text)?),
            Incoming::Binary(bytes) => self.take_attachment(bytes),
            Incoming::Ping(payload) => {
                self.session.send_frame(&websocket::pong_frame(&payload));
                Ok(())
            }
            Incoming::Pong => Ok(()),
            Incoming::Close(code) => {
                let answer = websocket::close_frame(code.unwrap_or(1000), "");
                self.session
                    .close_by(&answer, DisconnectReason::TransportClose);
                Ok(())
            }
        }
    }

    fn take_engine(&mut self, packet: engine::Packet) -> Result<(), Malformed> {
        match packet {
            engine::Packet::Text(text) => self.take_text(&text),
            engine::Packet::Binary(bytes) => self.take_attachment(bytes),
            engine::Packet::Pong(_) | engine::Packet::Noop => Ok(()),
            engine::Packet::Close => {
                self.session.close(DisconnectReason::TransportClose);
                Ok(())
            }
            engine::Packet::Ping(_) => Err(Malformed::Heartbeat),
            engine::Packet::Upgrade => Err(Malformed::Upgrade),
        }
    }

    fn take_text(&mut self, text: &Bytes) -> Result<(), Malformed> {
        let limits = self.packet_limits();
        let whole = self.assembler.text(text, limits)?;
        whole.map_or(Ok(()), |packet| self.take_packet(packet))
    }

    fn take_attachment(&mut self, attachment: Bytes) -> Result<(), Malformed> {
        let limits = self.packet_limits();
        let whole = self.assembler.binary(attachment, limits)?;
        whole.map_or(Ok(()), |packet| self.take_packet(packet))
    }

    fn packet_limits(&self) -> PacketLimits {
        let config = self.session.config();
        PacketLimits {
            attachments: config.max_attachments,
            bytes: config.max_payload,
        }
    }

    fn take_packet(&mut self, packet: Packet) -> Result<(), Malformed> {
        if let Namespace::Other(name) = &packet.namespace {
            return self.turn_away(name, &packet.kind);
        }
        match (packet.kind, &self.stage) {
            (PacketKind::Connect(auth), Stage::New(request)) => {
                self.stage = Stage::Asking(Arc::clone(request));
                self.inbox.push_back(Waiting::Connect(auth));
                Ok(())
            }
            (PacketKind::Connect(_), _) => Err(Malformed::ConnectedTwice),
            (PacketKind::Disconnect, _) => {
                self.session.close(DisconnectReason::ClientDisconnect);
                Ok(())
            }
            (
                PacketKind::Event { id, name, args, .. },
                Stage::Admitted(socket) | Stage::Connected(socket),
            ) => {
                let bytes = args.bytes();
                match self.core.handler.admit(socket, &name, bytes) {
                    Verdict::Handle => {
                        self.inbox_bytes += bytes;
                        self.inbox.push_back(Waiting::Event {
                            name,
                            args,
                            id,
                            bytes,
                        });
                    }
                    Verdict::Refuse(answer) => {
                        if let (Some(id), Ok(answer)) = (id, Message::answer().with(&answer)) {
                            self.session.send(&answer.encode_ack(id));
                        }
                    }
                    Verdict::Disconnect => self.session.close(DisconnectReason::RateLimited),
                }
                Ok(())
            }
            (PacketKind::Ack { id, args, .. }, Stage::Admitted(_) | Stage::Connected(_)) => {
                self.session.answer(id, args);
                Ok(())
            }
            (PacketKind::Event { .. } | PacketKind::Ack { .. }, _) => Err(Malformed::NotConnected),
        }
    }

    /// There is only one namespace.
    fn turn_away(&self, namespace: &str, kind: &PacketKind) -> Result<(), Malformed> {
        if !matches!(kind, PacketKind::Connect(_)) {
            return Err(Malformed::UnknownNamespace);
        }
        let refusal = message::connect_error(namespace, "Invalid namespace", None);
        self.session.send_frame(&refusal);
        Ok(())
    }

    /// Waits until the client has what it was sent, and has hung up.
    pub(super) fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.websocket {
            Some(websocket) => websocket.poll_part(context),
            None if self.session.has_been_told() => Poll::Ready(()),
            None => Poll::Pending,
        }
    }
}
