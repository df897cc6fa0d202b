use std::time::Duration;

use contracts::realtime::v1::DeliverRequest;
use serde_json::{Value, json};
use testkit::{Heard, OwnServers, Sandbox, Socket, Stack, User, eventually, eventually_some};

use crate::rig::{Node, Rig, SOON, parcel};

/// How many deliveries a stream has before its outage, and after it.
const HALF: u64 = 100;

/// Says it again under the same id until it is acknowledged, as whoever delivers does.
async fn deliver_until_acknowledged(node: &Node, delivery: DeliverRequest) {
    let said = async || node.deliver(delivery.clone()).await.ok();
    eventually_some(SOON, said).await;
}

/// A socket that comes back whenever its connection ends, as official clients do.
struct Faithful<'a> {
    user: &'a User,
    node: &'a Node,
    socket: Socket,
    /// The numbers that it was told, beginning anew where it was told that some may be missing.
    told: Vec<u64>,
    was_recovered: bool,
}

impl<'a> Faithful<'a> {
    async fn connect(node: &'a Node, user: &'a User) -> Self {
        Self {
            user,
            node,
            socket: node.connect(user).await,
            told: Vec::new(),
            was_recovered: true,
        }
    }

    /// Listens until it is told number `last`.
    async fn listen_until(&mut self, last: u64) {
        while self.told.last() != Some(&last) {
            match self.socket.next().await {
                Heard::Event(_, args) => self.told.push(args[0].as_u64().unwrap()),
                Heard::Closed => self.come_back().await,
                other => panic!("heard was {other:?}"),
            }
        }
    }

    async fn come_back(&mut self) {
        let ticket = self.socket.return_ticket(&self.user.token);
        let back = async || self.node.door.try_connect(&ticket).await.ok();
        self.socket = eventually_some(SOON, back).await;
        if !self.socket.recovered {
            self.was_recovered = false;
            self.told.clear();
        }
    }

    /// It was told everything in order and once, from the beginning or from where it was told
    /// that something may be missing.
    fn has_missed_nothing_unknowingly(&self) {
        let first = self.told[0];
        assert!(first == 0 || !self.was_recovered, "{:?}", self.told);
        let last = *self.told.last().unwrap();
        assert_eq!(self.told, (first..=last).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_repeated_when_redis_is_restarted_in_the_middle() {
    let own = OwnServers::start().await;
    let sandbox = Sandbox::on(&own).await;
    let rig = Rig::of(Stack::builder().in_sandbox(sandbox)).await;
    let (one, two) = (rig.node().await, rig.node().await);
    let ana = rig.stack.user("ana").await;
    let mut clients = [
        Faithful::connect(&one, &ana).await,
        Faithful::connect(&two, &ana).await,
    ];
    let restart = async {
        own.redis().kill().await;
        own.redis().start().await;
    };
    let deliveries = async {
        for n in 0..2 * HALF {
            let node = if n % 3 == 0 { &one } else { &two };
            deliver_until_acknowledged(node, parcel(&[&ana], "n", &json!(n))).await;
        }
    };
    let half_way = async {
        let has_begun = async || positions(&rig, &ana).await > HALF / 2;
        eventually(SOON, has_begun).await;
        restart.await;
    };
    let [first, second] = &mut clients;
    tokio::join!(
        deliveries,
        half_way,
        first.listen_until(2 * HALF - 1),
        second.listen_until(2 * HALF - 1),
    );
    for client in &clients {
        client.has_missed_nothing_unknowingly();
    }
    drop(clients);
    drop((one, two, rig));
}

/// How much is in the log of a user; nothing while Redis is away.
async fn positions(rig: &Rig, user: &User) -> u64 {
    let length: Result<u64, _> = cache::redis::cmd("XLEN")
        .arg(format!("events:{}", user.id))
        .query_async(&mut rig.stack.redis())
        .await;
    length.unwrap_or_default()
}

#[tokio::test]
async fn a_redis_that_has_forgotten_everything_is_found_out() {
    let rig = Rig::start().await;
    let (one, two) = (rig.node().await, rig.node().await);
    let ana = rig.stack.user("ana").await;
    let mut sockets = [one.connect(&ana).await, two.connect(&ana).await];
    one.deliver(parcel(&[&ana], "n", &json!(0))).await.unwrap();
    for socket in &mut sockets {
        socket.expect("n").await;
    }
    rig.stack.sandbox().flush_redis().await;
    // Acknowledged or not, neither socket goes on as if nothing had been.
    let delivered = one.deliver(parcel(&[&ana], "n", &json!(1))).await;
    delivered.unwrap();
    for (socket, node) in sockets.iter_mut().zip([&one, &two]) {
        assert_eq!(socket.end().await, Heard::Closed);
        let back = node.return_as(socket, &ana).await;
        assert!(!back.recovered);
        *socket = back;
    }
    two.deliver(parcel(&[&ana], "n", &json!(2))).await.unwrap();
    for socket in &mut sockets {
        assert_eq!(socket.expect("n").await, 2);
    }
    assert!(one.sees_online(&ana).await);
}

#[tokio::test]
async fn without_redis_sockets_stay_and_new_ones_are_told_to_try_again() {
    let rig = Rig::of(Stack::builder().with_outages()).await;
    let node = rig.node().await;
    let (ana, bo) = (rig.stack.user("ana").await, rig.stack.user("bo").await);
    let mut socket = node.connect(&ana).await;
    for outage in [testkit::ChaosProxy::cut, testkit::ChaosProxy::hang] {
        outage(rig.stack.sandbox().redis_proxy());
        let refused = node.door.try_connect(&json!({ "token": bo.token })).await;
        assert_eq!(refused.err().unwrap()["code"], "upstream_unavailable");
        let delivery = parcel(&[&ana], "n", &json!(1));
        let refused = node.deliver(delivery.clone()).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unavailable);

        rig.stack.sandbox().redis_proxy().restore();
        deliver_until_acknowledged(&node, delivery).await;
        assert_eq!(socket.expect("n").await, 1);
        assert_eq!(socket.ask("dance", &Value::Null).await["ok"], false);
    }
}

#[tokio::test]
async fn a_node_that_heard_nothing_for_a_while_reads_what_it_missed() {
    let rig = Rig::of(Stack::builder().with_outages()).await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let mut socket = node.connect(&ana).await;
    rig.stack.sandbox().redis_proxy().cut();
    // Straight into the log, as another node does that still reaches Redis and finds nobody to
    // hear what it publishes.
    let direct = cache::redis::Client::open(rig.stack.sandbox().direct_redis_url()).unwrap();
    let connection = cache::redis::aio::ConnectionManager::new(direct)
        .await
        .unwrap();
    let log = socketio::RedisLog::new(connection, socketio::Retention::default());
    for n in 0..3 {
        let event = socketio::LoggedEvent {
            args: json!(["n", n]).to_string(),
            except: None,
        };
        let appended = socketio::EventLog::append(&log, &ana.id, &event, None).await;
        assert!(
            matches!(appended, Ok(socketio::Appended::At(_))),
            "{appended:?}"
        );
    }
    assert_eq!(socket.next_within(Duration::from_millis(200)).await, None);
    rig.stack.sandbox().redis_proxy().restore();
    for n in 0..3 {
        assert_eq!(socket.expect("n").await, n);
    }
}

#[tokio::test]
async fn without_auth_people_come_and_go_as_long_as_the_list_is_there() {
    let mut rig = Rig::start().await;
    let node = rig.node().await;
    let ana = rig.stack.user("ana").await;
    let mut socket = node.connect(&ana).await;
    rig.stack.stop_auth().await;
    // The list of revocations is not renewed any more, and counts as stale.
    eventually(SOON, async || !rig.is_list_current().await).await;
    let mut another = node.connect(&ana).await;
    node.deliver(parcel(&[&ana], "n", &json!(1))).await.unwrap();
    assert_eq!(socket.expect("n").await, 1);
    assert_eq!(another.expect("n").await, 1);
}
