use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use mongodb::{
    Database,
    bson::{DateTime, Document, doc},
};
use testkit::{
    Administrator, Client, Deployment, Hold, Letter, Moment, Sandbox, Service, Step, User, Wiretap,
};
use tokio::time::sleep;

use crate::truth;

/// What services do all the time, whoever asks them for what: health, leases,
/// looking for work, noting who was there. Everything else is a step of somebody's
/// operation; a read of accounts that is one changes nothing that a kill could break.
const CHATTER: [&str; 17] = [
    "aggregate follow_sweeps",
    "aggregate posts_erasures",
    "endSessions",
    "find auth_outbox",
    "find follow_changes",
    "find mails",
    "find posts_erased_content",
    "find posts_erasures",
    "find posts_outbox",
    "find sessions",
    "find users",
    "getMore",
    "hello",
    "ping",
    "update auth_leases",
    "update posts_leases",
    "update sessions",
];
const COMMIT: &str = "commitTransaction";
/// Long enough for everything that an operation brings about.
const SETTLING: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// auth and posts, each behind wiretaps, and a gateway in front of them.
pub(super) struct Rig {
    /// auth and posts.
    pub(super) victims: [Victim; 2],
    gateway: Service,
    administrator: Administrator,
    deployment: Deployment,
}

/// A service that is going to be killed, and what it says to its servers.
pub(super) struct Victim {
    pub(super) service: Service,
    mongodb: Wiretap,
    amqp: Wiretap,
}

/// A point where a service is killed: at the `nth` step of that name.
#[derive(Clone)]
pub(super) struct Point {
    moment: Moment,
    wire: Wire,
    name: String,
    nth: usize,
}

impl Point {
    pub(super) fn of_mongodb(moment: Moment, name: &str, nth: usize) -> Self {
        Self {
            moment,
            wire: Wire::Mongodb,
            name: name.to_owned(),
            nth,
        }
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} {}", self.moment, self.name, self.nth)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wire {
    Mongodb,
    Amqp,
}

/// The steps of an operation in one service.
pub(super) struct Steps {
    /// Of the request itself. Requests do not wait for each other, so many of
    /// them can stand still at once.
    pub(super) of_request: Vec<Point>,
    /// Of what goes on behind it, one thing after the other.
    pub(super) behind: Vec<Point>,
}

impl Steps {
    /// Whether anything is changed for good; whoever sees nothing of that has
    /// not seen the operation.
    pub(super) fn have_a_commit(&self) -> bool {
        let mut points = self.of_request.iter();
        points.any(|point| point.name == COMMIT)
    }
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With settings that differ from the usual ones.
    pub(super) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let mut deployment = Deployment::new(Sandbox::create().await).await;
        for (name, value) in settings {
            deployment.set(name, *value);
        }
        deployment.migrate().await;
        let taps = tap(&mut deployment).await;
        let auth = Victim::new(deployment.start_auth().await, taps);
        let taps = tap(&mut deployment).await;
        let posts = Victim::new(deployment.start_posts(&auth.service).await, taps);
        let services = [&auth.service, &posts.service];
        let gateway = deployment.start_gateway(&services).await;
        let operators_door = format!("http://{}", auth.service.grpc);
        let (credential, door) = (deployment.credential(), gateway.client());
        let administrator = Administrator::create(&operators_door, credential, &door).await;
        Self {
            victims: [auth, posts],
            gateway,
            administrator,
            deployment,
        }
    }

    pub(super) fn door(&self) -> Client {
        self.gateway.client()
    }

    pub(super) async fn user(&self, name: &str) -> User {
        User::register(&self.door(), name).await
    }

    /// `size` people like `model`.
    pub(super) async fn crowd(&self, model: &User, size: usize) -> Vec<User> {
        self.deployment.crowd(model, size).await
    }

    /// Makes `user` a moderator.
    pub(super) async fn make_moderator(&self, user: &User) {
        self.administrator.make_moderator(user).await;
    }

    /// What was mailed to `address` with the subject `subject`.
    pub(super) fn letters(&self, address: &str, subject: &str) -> Vec<Letter> {
        self.deployment.mail().letters(address, subject)
    }

    pub(super) fn mongodb(&self) -> &Database {
        self.deployment.sandbox().mongodb()
    }

    /// The contents of everything that posts and auth have published under `key`.
    pub(super) fn published(&self, key: &str) -> Vec<Vec<u8>> {
        let name = format!("basic.publish {key}");
        let steps = self
            .victims
            .iter()
            .flat_map(|victim| victim.amqp.recorded());
        steps
            .filter(|step| step.name == name)
            .map(|step| step.content)
            .collect()
    }

    /// Kills a service without a word, and starts it again. The leases of the
    /// dead run out at once, so that not every kill costs their three seconds.
    pub(super) async fn kill(&mut self, victim: usize, holds: Vec<Hold>) {
        let service = &mut self.victims[victim].service;
        service.process.kill();
        drop(holds);
        let leases = format!("{}_leases", service.name);
        let leases = self
            .deployment
            .sandbox()
            .mongodb()
            .collection::<Document>(&leases);
        let lapsed = doc! { "$set": { "expires_at": DateTime::from_millis(0) } };
        leases.update_many(doc! {}, lapsed).await.unwrap();
        service.restart().await;
    }

    /// Waits until all that was begun has come to its end and every counter is right.
    pub(super) async fn settled(&self, after: &str) {
        let began = Instant::now();
        loop {
            let faults = truth::faults(self.mongodb()).await;
            if faults.is_empty() {
                return;
            }
            assert!(
                began.elapsed() < SETTLING,
                "{after}: after {SETTLING:?} still {}",
                faults.join(", ")
            );
            sleep(PAUSE).await;
        }
    }
}

/// Puts wiretaps in front of the servers for the service that is started next.
async fn tap(deployment: &mut Deployment) -> [Wiretap; 2] {
    let sandbox = deployment.sandbox();
    let mongodb = Wiretap::mongodb(&sandbox.mongodb_uri()).await;
    let amqp = Wiretap::amqp(&sandbox.amqp_url().await).await;
    deployment.set("mongodb-uri", mongodb.url());
    deployment.set("amqp-url", amqp.url());
    [mongodb, amqp]
}

impl Victim {
    fn new(service: Service, [mongodb, amqp]: [Wiretap; 2]) -> Self {
        Self {
            service,
            mongodb,
            amqp,
        }
    }

    pub(super) fn forget(&self) {
        self.mongodb.forget();
        self.amqp.forget();
    }

    /// The steps since [`Victim::forget`] of a request that was answered at `answered`.
    pub(super) fn steps(&self, answered: Instant) -> Steps {
        let tagged = |wire, steps: Vec<Step>| steps.into_iter().map(move |step| (wire, step));
        let mut steps: Vec<(Wire, Step)> = tagged(Wire::Mongodb, self.mongodb.recorded())
            .chain(tagged(Wire::Amqp, self.amqp.recorded()))
            .filter(|(_, step)| !CHATTER.contains(&step.name.as_str()))
            .collect();
        steps.sort_by_key(|(_, step)| step.at);

        // Work behind a request begins when it commits, maybe before it is answered.
        let is_last = |(wire, step): &(Wire, Step)| {
            *wire == Wire::Amqp || step.at > answered || step.name == COMMIT
        };
        let request_ends = steps.iter().position(is_last).map_or(steps.len(), |at| {
            at + usize::from(steps[at].1.name == COMMIT)
        });
        let mut seen = BTreeMap::new();
        let mut points = steps.into_iter().map(|(wire, step)| {
            let nth = seen.entry((wire, step.name.clone())).or_insert(0);
            *nth += 1;
            let (name, nth) = (step.name, *nth);
            [Moment::Before, Moment::After].map(|moment| Point {
                moment,
                wire,
                name: name.clone(),
                nth,
            })
        });
        // Of several messages, the broker may confirm one after the other or all at once.
        let is_certain = |point: &Point| point.name != "confirm" || point.nth == 1;
        Steps {
            of_request: points.by_ref().take(request_ends).flatten().collect(),
            behind: points.flatten().filter(is_certain).collect(),
        }
    }

    /// Whether every message that it was given since [`Victim::forget`] is acknowledged.
    pub(super) fn is_done(&self) -> bool {
        let steps = self.amqp.recorded();
        let count = |verb: &str| steps.iter().filter(|it| it.name.starts_with(verb)).count();
        count("basic.deliver") == count("ack")
    }

    pub(super) fn hold(&self, point: &Point) -> Hold {
        let tap = match point.wire {
            Wire::Mongodb => &self.mongodb,
            Wire::Amqp => &self.amqp,
        };
        tap.hold(point.moment, &point.name, point.nth)
    }
}
