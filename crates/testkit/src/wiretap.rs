mod amqp;
mod mongodb;

use std::{
    io, mem,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::timeout,
};

use crate::address::{host_of, with_host, with_option};

/// A proxy between one service and MongoDB or RabbitMQ that understands what
/// passes: it writes down the steps of an operation, and can stop one of them
/// for good, so that a test may kill the service at exactly that point.
///
/// A step is called by its command and what it is about: `insert posts`,
/// `commitTransaction`, `delete posts_outbox`; for RabbitMQ `basic.publish KEY`,
/// `confirm`, `basic.deliver KEY` and `ack`.
pub struct Wiretap {
    url: String,
    address: SocketAddr,
    taps: Arc<Mutex<Taps>>,
    acceptor: JoinHandle<()>,
}

/// Where a service is stopped, seen from a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The server has not heard of it.
    Before,
    /// The server has done it (RabbitMQ: was told), and the service has not
    /// heard so; or the service was told and nothing else.
    After,
}

/// A stop that was ordered. The connection that ran into it stands still until
/// [`Hold::let_go`], or until this is dropped, and is then cut with everything
/// that was on its way.
pub struct Hold {
    what: String,
    reached: oneshot::Receiver<()>,
    let_go: oneshot::Sender<()>,
}

#[derive(Default)]
struct Taps {
    record: Vec<Step>,
    ordered: Vec<Ordered>,
}

/// A step that was forwarded.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it is called.
    pub name: String,
    /// When it passed: what passed several wiretaps can be put in order.
    pub at: Instant,
    /// What RabbitMQ was given to carry; nothing for MongoDB.
    pub content: Vec<u8>,
}

/// A stop that nobody has run into yet.
struct Ordered {
    name: String,
    moment: Moment,
    /// How many of that name pass first.
    passes: usize,
    stop: Stop,
}

struct Stop {
    reached: oneshot::Sender<()>,
    let_go: oneshot::Receiver<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Mongodb,
    Amqp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// What is read, named and forwarded as a whole.
struct Message {
    bytes: Vec<u8>,
    /// `None` for what is no step of anything.
    name: Option<String>,
    /// What RabbitMQ carries; of a command of MongoDB, nothing.
    content: Vec<u8>,
}

impl Wiretap {
    /// In front of the MongoDB at `uri`.
    pub async fn mongodb(uri: &str) -> Self {
        let mut tap = Self::start(uri, Protocol::Mongodb).await;
        // Discovery would find the way past the proxy.
        tap.url = with_option(&tap.url, "directConnection=true");
        tap
    }

    /// In front of the RabbitMQ at `url`.
    pub async fn amqp(url: &str) -> Self {
        Self::start(url, Protocol::Amqp).await
    }

    async fn start(url: &str, protocol: Protocol) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().unwrap();
        let (target, taps) = (host_of(url), Arc::<Mutex<Taps>>::default());
        let accepted = Arc::clone(&taps);
        let acceptor = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, taps) = (target.clone(), Arc::clone(&accepted));
                tokio::spawn(async move {
                    // An end of either side is the end of both.
                    let _ = carry(client, &target, protocol, &taps).await;
                });
            }
        });
        Self {
            url: with_host(url, &address.to_string()),
            address,
            taps,
            acceptor,
        }
    }

    /// What the service takes as the address of the server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The steps that passed since the start or the last [`Wiretap::forget`], in order.
    #[must_use]
    pub fn recorded(&self) -> Vec<Step> {
        self.taps.lock().unwrap().record.clone()
    }

    /// Begins the record anew.
    pub fn forget(&self) {
        self.taps.lock().unwrap().record.clear();
    }

    /// Orders a stop at the `nth` step called `name` from now on; the first is 1.
    #[must_use]
    pub fn hold(&self, moment: Moment, name: &str, nth: usize) -> Hold {
        let (reached, is_reached) = oneshot::channel();
        let (let_go, is_let_go) = oneshot::channel();
        self.taps.lock().unwrap().ordered.push(Ordered {
            name: name.to_owned(),
            moment,
            passes: nth - 1,
            stop: Stop {
                reached,
                let_go: is_let_go,
            },
        });
        Hold {
            what: format!("{moment:?} {name} {nth}"),
            reached: is_reached,
            let_go,
        }
    }
}

impl Drop for Wiretap {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl Hold {
    /// Waits until a connection stands still there; panics after `limit`.
    pub async fn reached(&mut self, limit: Duration) {
        timeout(limit, &mut self.reached)
            .await
            .ok()
            .and_then(Result::ok)
            .unwrap_or_else(|| panic!("nothing came to {} in {limit:?}", self.what));
    }

    /// Everything goes on from there as if it had only been slow.
    pub fn let_go(self) {
        // Whoever stood there may have given up.
        let _ = self.let_go.send(());
    }
}

impl Taps {
    /// Notes a step, or returns the stop that was ordered for it.
    fn pass(&mut self, name: &str, content: &[u8]) -> Option<(Moment, Stop)> {
        let stop = self.stop_for(name);
        if !matches!(stop, Some((Moment::Before, _))) {
            self.note(name, content);
        }
        stop
    }

    fn note(&mut self, name: &str, content: &[u8]) {
        self.record.push(Step {
            name: name.to_owned(),
            at: Instant::now(),
            content: content.to_vec(),
        });
    }

    fn stop_for(&mut self, name: &str) -> Option<(Moment, Stop)> {
        // Whoever ordered it does not wait any more.
        self.ordered
            .retain(|ordered| !ordered.stop.reached.is_closed());
        let mut found = None;
        for (at, ordered) in self.ordered.iter_mut().enumerate() {
            if ordered.name == name {
                match ordered.passes.checked_sub(1) {
                    Some(left) => ordered.passes = left,
                    None => found = found.or(Some(at)),
                }
            }
        }
        let Ordered { moment, stop, .. } = self.ordered.remove(found?);
        Some((moment, stop))
    }
}

impl Stop {
    /// Tells that it is reached, and waits until it is over; whether things go on.
    async fn stand_still(self) -> bool {
        let _ = self.reached.send(());
        self.let_go.await.is_ok()
    }
}

/// One connection. Both directions run in one task, and the first to end ends both.
struct Connection<'a> {
    protocol: Protocol,
    taps: &'a Mutex<Taps>,
    standing: Mutex<Standing>,
    flows_again: Notify,
}

/// Whether anything may pass.
enum Standing {
    Flowing,
    /// Nothing, once the answer to the last command is there.
    UntilAnswer(Stop),
    Still,
}

async fn carry(
    client: TcpStream,
    target: &str,
    protocol: Protocol,
    taps: &Mutex<Taps>,
) -> io::Result<()> {
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let connection = Connection {
        protocol,
        taps,
        standing: Mutex::new(Standing::Flowing),
        flows_again: Notify::new(),
    };
    tokio::select! {
        ended = connection.pump(Side::Client, client_read, server_write) => ended,
        ended = connection.pump(Side::Server, server_read, client_write) => ended,
    }
}

impl Connection<'_> {
    async fn pump(
        &self,
        from: Side,
        read: impl AsyncRead + Unpin,
        mut write: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut read = BufReader::new(read);
        loop {
            let message = match self.protocol {
                Protocol::Mongodb => mongodb::read(&mut read, from).await?,
                Protocol::Amqp => amqp::read(&mut read, from).await?,
            };
            self.wait_if_still().await?;
            let (name, content) = (message.name.unwrap_or_default(), message.content);
            let stop = match name.as_str() {
                "" => None,
                name => self.taps.lock().unwrap().pass(name, &content),
            };
            let Some((moment, stop)) = stop else {
                write.write_all(&message.bytes).await?;
                continue;
            };
            if moment == Moment::After {
                let is_answered = self.protocol == Protocol::Mongodb;
                if is_answered {
                    self.set(Standing::UntilAnswer(stop));
                    write.write_all(&message.bytes).await?;
                    continue;
                }
                write.write_all(&message.bytes).await?;
            }
            self.set(Standing::Still);
            if !stop.stand_still().await {
                return Ok(());
            }
            if moment == Moment::Before {
                self.taps.lock().unwrap().note(&name, &content);
                write.write_all(&message.bytes).await?;
            }
            self.flow_again();
        }
    }

    fn set(&self, standing: Standing) {
        *self.standing.lock().unwrap() = standing;
    }

    fn flow_again(&self) {
        self.set(Standing::Flowing);
        self.flows_again.notify_waiters();
    }

    /// Returns when the connection flows, or when it is to be cut.
    async fn wait_if_still(&self) -> io::Result<()> {
        loop {
            let flows_again = self.flows_again.notified();
            let standing = match &mut *self.standing.lock().unwrap() {
                Standing::Flowing => return Ok(()),
                standing => mem::replace(standing, Standing::Still),
            };
            let Standing::UntilAnswer(stop) = standing else {
                // The other direction knows when.
                flows_again.await;
                continue;
            };
            if !stop.stand_still().await {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            self.flow_again();
        }
    }
}

#[cfg(test)]
mod tests {
    use ::mongodb::{
        Client,
        bson::{Document, doc},
    };

    use super::*;
    use crate::Sandbox;

    const SOON: Duration = Duration::from_secs(5);

    async fn tapped() -> (Sandbox, Wiretap, Client) {
        let sandbox = Sandbox::create().await;
        let tap = Wiretap::mongodb(&sandbox.mongodb_uri()).await;
        let client = Client::with_uri_str(tap.url()).await.unwrap();
        (sandbox, tap, client)
    }

    fn things(sandbox: &Sandbox, client: &Client) -> ::mongodb::Collection<Document> {
        let database = client.database(sandbox.mongodb_database());
        database.collection("things")
    }

    async fn insert_twice(sandbox: &Sandbox, client: &Client) -> ::mongodb::error::Result<()> {
        let things = things(sandbox, client);
        let mut session = client.start_session().await?;
        session.start_transaction().await?;
        things.insert_one(doc! {}).session(&mut session).await?;
        things.insert_one(doc! {}).session(&mut session).await?;
        session.commit_transaction().await
    }

    fn names(tap: &Wiretap) -> Vec<String> {
        tap.recorded().into_iter().map(|step| step.name).collect()
    }

    async fn stored(sandbox: &Sandbox) -> u64 {
        let things = sandbox.mongodb().collection::<Document>("things");
        things.count_documents(doc! {}).await.unwrap()
    }

    #[tokio::test]
    async fn the_steps_of_an_operation_are_recorded_in_order() {
        let (sandbox, tap, client) = tapped().await;
        insert_twice(&sandbox, &client).await.unwrap();
        let things = things(&sandbox, &client);
        tap.forget();
        insert_twice(&sandbox, &client).await.unwrap();
        things.find_one(doc! {}).await.unwrap();
        things.find_one_and_delete(doc! {}).await.unwrap();
        things.delete_many(doc! {}).await.unwrap();
        assert_eq!(
            names(&tap),
            [
                "insert things",
                "insert things",
                "commitTransaction",
                "find things",
                "findAndModify things",
                "delete things",
            ]
        );
    }

    #[tokio::test]
    async fn before_a_step_the_server_has_not_heard_of_it_and_never_does() {
        let (sandbox, tap, client) = tapped().await;
        let mut hold = tap.hold(Moment::Before, "commitTransaction", 2);
        insert_twice(&sandbox, &client).await.unwrap();
        let (things, again) = (things(&sandbox, &client), client.clone());
        let operation = tokio::spawn(async move {
            let mut session = again.start_session().await?;
            session.start_transaction().await?;
            things.insert_one(doc! {}).session(&mut session).await?;
            session.commit_transaction().await
        });
        hold.reached(SOON).await;
        // Everybody else goes on.
        client
            .database("any")
            .run_command(doc! { "ping": 1 })
            .await
            .unwrap();
        operation.abort();
        drop(hold);
        assert_eq!(stored(&sandbox).await, 2);
    }

    #[tokio::test]
    async fn after_a_step_the_server_has_done_it_and_the_client_does_not_know() {
        let (sandbox, tap, client) = tapped().await;
        let mut hold = tap.hold(Moment::After, "insert things", 1);
        let things = things(&sandbox, &client);
        let operation = tokio::spawn(async move { things.insert_one(doc! {}).await });
        hold.reached(SOON).await;
        assert_eq!(stored(&sandbox).await, 1);
        assert!(!operation.is_finished());
        // The driver sends it again, and the server knows that it has done it.
        drop(hold);
        operation.await.unwrap().unwrap();
        assert_eq!(stored(&sandbox).await, 1);
    }

    #[tokio::test]
    async fn what_is_let_go_has_only_been_slow() {
        let (sandbox, tap, client) = tapped().await;
        for (moment, so_far) in [(Moment::Before, 0), (Moment::After, 2)] {
            let mut hold = tap.hold(moment, "insert things", 1);
            let (things, before) = (things(&sandbox, &client), stored(&sandbox).await);
            let operation = tokio::spawn(async move { things.insert_one(doc! {}).await });
            hold.reached(SOON).await;
            assert!(!operation.is_finished());
            assert_eq!(stored(&sandbox).await, so_far);
            hold.let_go();
            operation.await.unwrap().unwrap();
            assert_eq!(stored(&sandbox).await, before + 1);
        }
        let inserts = names(&tap);
        let inserts = inserts.iter().filter(|name| *name == "insert things");
        assert_eq!(inserts.count(), 2, "nothing was sent again");
    }

    #[tokio::test]
    #[should_panic(expected = "nothing came to Before insert things 2")]
    async fn a_step_that_never_comes_is_a_failure() {
        let (_sandbox, tap, _client) = tapped().await;
        let mut hold = tap.hold(Moment::Before, "insert things", 2);
        hold.reached(Duration::from_millis(20)).await;
    }

    #[tokio::test]
    async fn rabbitmq_is_reached_through_a_tap_as_without() {
        let sandbox = Sandbox::create().await;
        let tap = Wiretap::amqp(&sandbox.amqp_url().await).await;
        bus::declare_topology(tap.url()).await.unwrap();
        let settings = bus::AmqpSettings {
            amqp_url: tap.url().into(),
        };
        let message = bus::Message {
            id: "1".to_owned(),
            exchange: "anufy.events".to_owned(),
            key: "posts.counted".to_owned(),
            headers: Vec::new(),
            payload: b"fact".to_vec(),
        };
        let publisher = bus::Publisher::new(&settings, "test");
        publisher.publish(&message).await.unwrap();
        assert_eq!(names(&tap), ["basic.publish posts.counted", "confirm"]);
        assert_eq!(tap.recorded()[0].content, b"fact");
    }
}
