//! A client that polls, request by request.

use std::net::SocketAddr;

use crate::wire::{Answer, Wire};

pub(crate) const TARGET: &str = "/socket.io/?EIO=4&transport=polling";

pub(crate) struct Poller {
    address: SocketAddr,
    pub(crate) sid: String,
    /// One connection for each kind of request, as browsers have it.
    polls: Wire,
    posts: Wire,
}

impl Poller {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let mut polls = Wire::open(address).await;
        let answer = polls.request("GET", TARGET, &[], b"").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let open = answer.text().strip_prefix('0').unwrap();
        let open: serde_json::Value = serde_json::from_str(open).unwrap();
        Self {
            address,
            sid: open["sid"].as_str().unwrap().to_owned(),
            polls,
            posts: Wire::open(address).await,
        }
    }

    /// Connected to the main namespace.
    pub(crate) async fn connected(address: SocketAddr, name: &str) -> Self {
        let mut poller = Self::open(address).await;
        let posted = poller
            .post(format!(r#"40{{"name":"{name}"}}"#).as_bytes())
            .await;
        assert_eq!((posted.status, posted.text()), (200, "ok"));
        let welcome = poller.poll().await;
        assert!(welcome.text().starts_with(r#"40{"sid":""#), "{welcome:?}");
        poller
    }

    pub(crate) fn target(&self) -> String {
        format!("{TARGET}&sid={}", self.sid)
    }

    pub(crate) async fn post(&mut self, body: &[u8]) -> Answer {
        let target = self.target();
        self.posts.request("POST", &target, &[], body).await
    }

    pub(crate) async fn poll(&mut self) -> Answer {
        self.begin_poll().await;
        self.polled().await
    }

    pub(crate) async fn begin_poll(&mut self) {
        let target = self.target();
        self.polls.ask("GET", &target, &[], b"").await;
    }

    /// The answer to the poll that was begun.
    pub(crate) async fn polled(&mut self) -> Answer {
        self.polls.answer().await
    }

    /// A request of another kind for the same session, over a connection of its own.
    pub(crate) async fn request(&self, method: &str, body: &[u8]) -> Answer {
        let mut wire = Wire::open(self.address).await;
        wire.request(method, &self.target(), &[], body).await
    }

    /// Polls until the session is unknown; whether it was told that it is closed.
    pub(crate) async fn poll_to_end(&mut self) -> bool {
        let mut is_told = false;
        loop {
            let answer = self.request("GET", b"").await;
            match (answer.status, answer.code()) {
                (200, _) => is_told |= answer.text().ends_with('1'),
                (400, Some(1)) => return is_told,
                // Its end is on the way.
                (400, Some(3)) => {}
                _ => panic!("{answer:?}"),
            }
        }
    }
}
