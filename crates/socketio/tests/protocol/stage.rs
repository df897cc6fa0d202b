//! A server, and somebody who keeps using it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use socketio::{Config, DisconnectReason, DrainPace, MemoryLog, Server};
use testkit::eventually;
use tokio::net::TcpListener;

use crate::{echo::Echo, websocket::WebSocket, wire::LIMIT};

pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    pub(crate) app: Echo,
    pub(crate) server: Server<Echo>,
    bystander: Option<WebSocket>,
}

impl Stage {
    pub(crate) async fn open(config: Config) -> Self {
        let mut stage = Self::open_alone(config).await;
        let bystander = WebSocket::connected(stage.address, "bystander").await;
        stage.bystander = Some(bystander);
        stage
    }

    /// Without anybody else.
    pub(crate) async fn open_alone(config: Config) -> Self {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(anywhere).await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Echo::default();
        let log = Arc::new(MemoryLog::default());
        let server = Server::with_log(app.clone(), config, log);
        let serving = server.clone();
        tokio::spawn(async move { serving.serve(listener).await });
        Self {
            address,
            app,
            server,
            bystander: None,
        }
    }

    /// Waits until `name` has gone; why.
    pub(crate) async fn parting(&self, name: &str) -> DisconnectReason {
        let mut reason = None;
        eventually(LIMIT, async || {
            let partings = self.app.partings.lock().unwrap();
            let mut of_name = partings.iter().filter(|(it, _)| it == name);
            reason = of_name.next().map(|(_, reason)| *reason);
            reason.is_some()
        })
        .await;
        reason.unwrap()
    }

    /// Somebody else is still served.
    pub(crate) async fn goes_on(&mut self) {
        let bystander = self.bystander.as_mut().unwrap();
        bystander.text(r#"42["still there?"]"#).await;
        assert_eq!(bystander.next_message().await, r#"42["still there?"]"#);
    }

    /// Nobody is left but the bystander; nor is he after the drain.
    pub(crate) async fn close(mut self) {
        self.goes_on().await;
        eventually(LIMIT, async || self.server.sessions() == 1).await;
        let pace = DrainPace {
            batch: 10,
            pause: Duration::from_millis(5),
        };
        let bystander = self.bystander.as_mut().unwrap();
        let drain = tokio::time::timeout(LIMIT, self.server.drain(pace));
        let (drained, code) = tokio::join!(drain, bystander.closed());
        drained.expect("the drain ends");
        assert_eq!(code, Some(1001));
        assert_eq!((self.server.sockets(), self.server.sessions()), (0, 0));
    }
}
