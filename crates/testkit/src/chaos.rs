use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use socket2::{Domain, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
    task::JoinHandle,
};

/// A TCP proxy that can be told to fail, standing between a service and a
/// server it depends on.
///
/// The port stays the same through every outage.
pub struct ChaosProxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    acceptor: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Forward,
    Cut,
    Hang,
}

impl ChaosProxy {
    /// A proxy on a free port that forwards to `target` (`host:port`).
    /// Needs a Tokio runtime.
    #[must_use]
    pub fn start(target: impl Into<String>) -> Self {
        let target = target.into();
        // Bound but not listening: holds the port while connections are refused.
        let reservation = bind(0).expect("a free port");
        let address = reservation.local_addr().unwrap().as_socket().unwrap();
        let listener = listen(address.port()).expect("listen on the reserved port");
        let (mode, modes) = watch::channel(Mode::Forward);
        let acceptor = tokio::spawn(async move {
            let _reservation = reservation;
            accept(listener, address.port(), &target, modes).await;
        });
        Self {
            address,
            mode,
            acceptor,
        }
    }

    /// Where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server has crashed: connections that exist are reset, new ones refused.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// The network swallows everything: connections are accepted and stay open,
    /// and no byte passes.
    pub fn hang(&self) {
        self.mode.send_replace(Mode::Hang);
    }

    /// The outage is over. What a hang held back arrives now.
    pub fn restore(&self) {
        self.mode.send_replace(Mode::Forward);
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

fn bind(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = bind(port)?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

async fn accept(first: TcpListener, port: u16, target: &str, mut modes: watch::Receiver<Mode>) {
    let mut listener = Some(first);
    loop {
        let mode = *modes.borrow_and_update();
        if mode == Mode::Cut {
            listener = None;
        } else if listener.is_none() {
            listener = Some(listen(port).expect("listen on the reserved port again"));
        }
        let Some(open) = &listener else {
            if modes.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            changed = modes.changed() => if changed.is_err() { return },
            accepted = open.accept() => {
                if let Ok((client, _)) = accepted {
                    tokio::spawn(carry(client, target.to_owned(), modes.clone()));
                }
            }
        }
    }
}

/// Forwards one connection until either side ends it or it is cut.
async fn carry(client: TcpStream, target: String, mut modes: watch::Receiver<Mode>) {
    if !until_forwarding(&mut modes).await {
        let _ = client.set_zero_linger();
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    // Until both directions have ended in order, closing means resetting.
    let (mut client, mut server) = (client, server);
    let is_orderly = {
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        let (up, down) = tokio::join!(
            pump(client_read, server_write, modes.clone()),
            pump(server_read, client_write, modes),
        );
        up && down
    };
    if !is_orderly {
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

/// Waits until bytes may pass; false when the connection is to be cut.
async fn until_forwarding(modes: &mut watch::Receiver<Mode>) -> bool {
    matches!(
        modes.wait_for(|mode| *mode != Mode::Hang).await.as_deref(),
        Ok(Mode::Forward)
    )
}

/// Copies one direction. True after an orderly end of its input.
async fn pump(
    mut from: tcp::ReadHalf<'_>,
    mut to: tcp::WriteHalf<'_>,
    mut modes: watch::Receiver<Mode>,
) -> bool {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        if !until_forwarding(&mut modes).await {
            return false;
        }
        let read = tokio::select! {
            _ = modes.changed() => continue,
            read = from.read(&mut buffer) => read,
        };
        let Ok(length) = read else { return false };
        if length == 0 {
            return to.shutdown().await.is_ok();
        }
        // The outage may have begun while these bytes were on their way.
        if !until_forwarding(&mut modes).await {
            return false;
        }
        let write = to.write_all(&buffer[..length]);
        tokio::select! {
            _ = modes.wait_for(|mode| *mode == Mode::Cut) => return false,
            written = write => if written.is_err() { return false },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::eventually;

    /// Answers every byte with the same byte.
    async fn echo_server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        address
    }

    async fn proxy() -> ChaosProxy {
        ChaosProxy::start(echo_server().await.to_string())
    }

    async fn echoes(stream: &mut TcpStream, word: &[u8]) -> io::Result<()> {
        stream.write_all(word).await?;
        let mut seen = vec![0; word.len()];
        stream.read_exact(&mut seen).await?;
        assert_eq!(seen, word);
        Ok(())
    }

    #[tokio::test]
    async fn forwards_both_ways_and_closes_in_order() {
        let proxy = proxy().await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        echoes(&mut stream, b"hello").await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_cut_resets_what_is_open_and_refuses_what_is_new() {
        let proxy = proxy().await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        echoes(&mut stream, b"hello").await.unwrap();

        proxy.cut();
        let error = stream.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        eventually(Duration::from_secs(5), async || {
            TcpStream::connect(proxy.address())
                .await
                .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        })
        .await;

        proxy.restore();
        eventually(Duration::from_secs(5), async || {
            match TcpStream::connect(proxy.address()).await {
                Ok(mut stream) => echoes(&mut stream, b"again").await.is_ok(),
                Err(_) => false,
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_hang_holds_bytes_back_until_it_is_over() {
        let proxy = proxy().await;
        let mut old = TcpStream::connect(proxy.address()).await.unwrap();
        echoes(&mut old, b"hello").await.unwrap();

        proxy.hang();
        let mut fresh = TcpStream::connect(proxy.address()).await.unwrap();
        for stream in [&mut old, &mut fresh] {
            let answer = timeout(Duration::from_millis(100), echoes(stream, b"later")).await;
            assert!(answer.is_err(), "bytes passed a hanging proxy");
        }

        proxy.restore();
        for stream in [&mut old, &mut fresh] {
            let mut seen = [0; 5];
            stream.read_exact(&mut seen).await.unwrap();
            assert_eq!(&seen, b"later");
        }
    }
}
