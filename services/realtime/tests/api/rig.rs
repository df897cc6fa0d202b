use std::time::Duration;

use contracts::{
    realtime::v1::{DeliverRequest, delivery_service_client::DeliveryServiceClient},
    rpc::{CREDENTIAL_HEADER, Caller, CallerChannel},
};
use domain::{SessionId, UserId};
use runtime::{Clock, SystemClock};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use testkit::{Service, Socket, SocketDoor, Stack, StackBuilder, User};
use tokens::Verifier;
use tonic::Status;

/// Long enough for what has to happen on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(15);

/// The event with which a test finds out who is online.
pub(crate) const QUESTION: &str = "anybody:there";

/// auth and a gateway in front of it, and the nodes that a test starts.
pub(crate) struct Rig {
    pub(crate) stack: Stack,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::of(Stack::builder()).await
    }

    pub(crate) async fn of(stack: StackBuilder) -> Self {
        let stack = stack.without_posts().start().await;
        Self { stack }
    }

    /// Whether auth has lately been able to say that the list of revocations is complete.
    pub(crate) async fn is_list_current(&self) -> bool {
        cache::redis::cmd("EXISTS")
            .arg(cache::keys::REVOCATIONS_CURRENT)
            .query_async(&mut self.stack.redis())
            .await
            .unwrap()
    }

    /// The login that a token belongs to.
    pub(crate) fn session_of(&self, user: &User) -> SessionId {
        let verifier = Verifier::new(1);
        let keys = self.stack.signer().jwks_json();
        verifier.set_keys(&keys).unwrap();
        let access = verifier.verify(&user.token, SystemClock.now()).unwrap();
        access.session_id
    }

    /// A node, and the door to it that the gateway goes through.
    pub(crate) async fn node(&self) -> Node {
        self.reach(self.stack.start_realtime().await)
    }

    /// A node that reaches Redis also when auth does not.
    pub(crate) async fn node_past_outages(&self) -> Node {
        self.reach(self.stack.start_realtime_past_outages().await)
    }

    fn reach(&self, service: Service) -> Node {
        let credential = self.stack.credential().expose_secret();
        let door = SocketDoor::new(service.http).with_header(CREDENTIAL_HEADER, credential);
        let address = format!("http://{}", service.grpc);
        let channel = Caller::channel(&address, self.stack.credential(), SOON).unwrap();
        Node {
            service,
            door,
            client: DeliveryServiceClient::new(channel),
        }
    }
}

pub(crate) struct Node {
    pub(crate) service: Service,
    pub(crate) door: SocketDoor,
    pub(crate) client: DeliveryServiceClient<CallerChannel>,
}

impl Node {
    pub(crate) async fn connect(&self, user: &User) -> Socket {
        self.door.connect(&user.token).await
    }

    /// Comes back as `socket`, which was `user`'s.
    pub(crate) async fn return_as(&self, socket: &Socket, user: &User) -> Socket {
        let ticket = socket.return_ticket(&user.token);
        self.door.try_connect(&ticket).await.unwrap()
    }

    pub(crate) async fn deliver(&self, delivery: DeliverRequest) -> Result<Vec<String>, Status> {
        let answer = self.client.clone().deliver(delivery).await?;
        Ok(answer.into_inner().online_user_ids)
    }

    /// The value of a gauge.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let answer = self.service.operator().get("/metrics").await;
        let metrics = answer.text();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or("0").trim().parse().unwrap()
    }

    /// Whether any node that is alive holds a socket of this user.
    pub(crate) async fn sees_online(&self, user: &User) -> bool {
        let mut question = parcel(&[user], QUESTION, &json!(0));
        question.is_volatile = true;
        self.deliver(question).await.unwrap() == [user.id.as_str()]
    }
}

/// An event for `users`, under an id of its own.
pub(crate) fn parcel(users: &[&User], event: &str, payload: &Value) -> DeliverRequest {
    DeliverRequest {
        user_ids: users.iter().map(|user| user.id.clone()).collect(),
        event: event.to_owned(),
        payload: payload.to_string(),
        delivery_id: UserId::generate().to_string(),
        ..DeliverRequest::default()
    }
}
