//! Sockets through the gateway, with two nodes behind it.

use std::{
    collections::HashSet,
    env,
    path::Path,
    time::{Duration, Instant},
};

use contracts::{
    realtime::v1::{DeliverRequest, delivery_service_client::DeliveryServiceClient},
    rpc::{Caller, CallerChannel},
};
use domain::UserId;
use serde_json::{Value, json};
use testkit::{
    Deployment, Heard, Process, Sandbox, Service, Socket, SocketDoor, User, eventually,
    eventually_some,
};

const SOON: Duration = Duration::from_secs(20);

struct Rig {
    nodes: [Service; 2],
    gateway: Service,
    door: SocketDoor,
    clients: [DeliveryServiceClient<CallerChannel>; 2],
    _auth: Service,
    // Dropped last: the services write to it until they are gone.
    _deployment: Deployment,
}

impl Rig {
    async fn start() -> Self {
        let deployment = Deployment::new(Sandbox::create().await).await;
        deployment.migrate_auth().await;
        let auth = deployment.start_auth().await;
        let nodes = [
            deployment.start_realtime(&auth).await,
            deployment.start_realtime(&auth).await,
        ];
        let gateway = deployment
            .start_gateway(&[&auth, &nodes[0], &nodes[1]])
            .await;
        let clients = [0, 1].map(|index: usize| {
            let address = format!("http://{}", nodes[index].grpc);
            let channel = Caller::channel(&address, deployment.credential(), SOON).unwrap();
            DeliveryServiceClient::new(channel)
        });
        Self {
            door: SocketDoor::new(gateway.http),
            nodes,
            gateway,
            clients,
            _auth: auth,
            _deployment: deployment,
        }
    }

    async fn user(&self, name: &str) -> User {
        User::register(&self.gateway.client(), name).await
    }

    /// Delivers to somebody who is there.
    async fn deliver(&self, node: usize, user: &User, event: &str, payload: &Value) {
        let online = self.tell(node, user, event, payload).await;
        assert_eq!(online, [user.id.as_str()]);
    }

    /// Delivers, and returns who is there.
    async fn tell(&self, node: usize, user: &User, event: &str, payload: &Value) -> Vec<String> {
        let delivery = DeliverRequest {
            user_ids: vec![user.id.clone()],
            event: event.to_owned(),
            payload: payload.to_string(),
            delivery_id: UserId::generate().to_string(),
            ..DeliverRequest::default()
        };
        let answer = self.clients[node].clone().deliver(delivery).await.unwrap();
        answer.into_inner().online_user_ids
    }

    /// How many sockets each node holds.
    async fn sockets(&self) -> [u64; 2] {
        let [one, two] = &self.nodes;
        [held_by(one).await, held_by(two).await]
    }
}

async fn held_by(node: &Service) -> u64 {
    let metrics = node.operator().get("/metrics").await.text();
    let mut lines = metrics.lines();
    let held = lines.find_map(|line| line.strip_prefix("realtime_sockets "));
    held.unwrap_or("0").parse().unwrap()
}

#[tokio::test]
async fn events_reach_every_socket_through_the_gateway() {
    let rig = Rig::start().await;
    let ana = rig.user("ana").await;
    let mut sockets = Vec::new();
    for _ in 0..6 {
        sockets.push(rig.door.connect(&ana.token).await);
    }
    // Both nodes have some.
    let both = async || {
        let held = rig.sockets().await;
        (held.iter().sum::<u64>() == 6 && !held.contains(&0)).then_some(())
    };
    eventually_some(SOON, both).await;
    for n in 0..40 {
        rig.deliver(n % 2, &ana, "n", &json!(n)).await;
    }
    for socket in &mut sockets {
        for n in 0..40 {
            assert_eq!(socket.expect("n").await, n);
        }
        assert_eq!(socket.ask("dance", &json!({})).await["ok"], false);
    }
}

#[tokio::test]
async fn a_logout_closes_sockets_on_every_node_within_a_second() {
    let rig = Rig::start().await;
    let ana = rig.user("ana").await;
    let mut sockets = Vec::new();
    for _ in 0..4 {
        sockets.push(rig.door.connect(&ana.token).await);
    }
    let started = Instant::now();
    assert_eq!(ana.log_out().await.status, 204);
    for socket in &mut sockets {
        let told = socket.expect("session:revoked").await;
        assert_eq!(told["code"], "session_revoked");
        assert_eq!(socket.next().await, Heard::Disconnected);
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    let refused = rig.door.try_connect(&json!({ "token": ana.token })).await;
    assert_eq!(refused.err().unwrap()["code"], "session_revoked");
}

#[tokio::test]
async fn whoever_is_on_a_node_that_drains_comes_back_to_the_other_and_misses_nothing() {
    let mut rig = Rig::start().await;
    let ana = rig.user("ana").await;
    let mut sockets = Vec::new();
    for _ in 0..6 {
        sockets.push(rig.door.connect(&ana.token).await);
    }
    rig.deliver(1, &ana, "n", &json!(0)).await;
    for socket in &mut sockets {
        socket.expect("n").await;
    }
    rig.nodes[0].process.terminate();
    for n in 1..=20 {
        rig.deliver(1, &ana, "n", &json!(n)).await;
    }
    let mut ids = HashSet::new();
    let mut returned = 0;
    for socket in &mut sockets {
        ids.insert(socket.id.clone());
        let mut next = 1;
        while next <= 20 {
            match socket.next().await {
                Heard::Event(_, args) => {
                    assert_eq!(args, [json!(next)]);
                    next += 1;
                }
                Heard::Closed => {
                    *socket = come_back(&rig.door, socket, &ana).await;
                    returned += 1;
                }
                other => panic!("heard was {other:?}"),
            }
        }
        assert!(ids.contains(&socket.id));
    }
    assert!(returned > 0);
    let status = rig.nodes[0].process.wait_exit(SOON).await;
    assert!(status.success(), "{status:?}");
}

/// The ways in which official clients connect.
const TRANSPORTS: [&str; 3] = ["websocket", "polling", "polling,websocket"];
/// Numbers that each is told before a node drains, and in all.
const BEFORE: u64 = 20;
const ALL: u64 = 60;

#[tokio::test]
async fn official_clients_come_back_by_themselves_over_every_transport() {
    let mut rig = Rig::start().await;
    let mut people = Vec::new();
    // As many that both nodes have some of each kind, all but certainly.
    for transports in TRANSPORTS.iter().cycle().take(9) {
        let user = rig.user("ana").await;
        let app = follow(&rig, &user, transports);
        people.push((user, app));
    }
    for (_, app) in &people {
        eventually(SOON, async || !app.output().is_empty()).await;
    }
    for n in 0..ALL {
        if n == BEFORE {
            rig.nodes[0].process.terminate();
        }
        for (user, _) in &people {
            rig.tell(1, user, "n", &json!(n)).await;
        }
    }
    let mut returned = 0;
    for (_, app) in &mut people {
        let status = app.wait_exit(SOON).await;
        let said = app.output();
        assert!(status.success(), "{said:#?}");
        returned += said.iter().filter(|line| *line == "connected").count() - 1;
    }
    assert!(returned > 0, "nobody was on the node that drained");
    let status = rig.nodes[0].process.wait_exit(SOON).await;
    assert!(status.success(), "{status:?}");
}

/// Starts the official client of somebody.
fn follow(rig: &Rig, user: &User, transports: &str) -> Process {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/sockets/follow.js");
    let installed = env::var("SOCKETIO").expect("SOCKETIO is set by `make test`");
    let url = format!("http://{}", rig.gateway.http);
    let last = (ALL - 1).to_string();
    let environment = [
        ("NODE_PATH", format!("{installed}/node_modules")),
        ("PATH", env::var("PATH").expect("a path")),
    ];
    Process::spawn(
        Path::new("node"),
        &[script, &url, &user.token, transports, &last],
        environment,
    )
}

/// As official clients do: again and again until somebody answers, with what was had.
async fn come_back(door: &SocketDoor, socket: &Socket, user: &User) -> Socket {
    let ticket = socket.return_ticket(&user.token);
    let back = eventually_some(SOON, async || door.try_connect(&ticket).await.ok()).await;
    assert!(back.recovered, "not recovered");
    back
}
