use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use bus::{Consumer, Handler, Message, NotHandled, Publisher};
use contracts::topology::{AUTH_EVENTS, DEAD_LETTERS};
use domain::ErrorKind;
use runtime::Shutdown;
use testkit::{Sandbox, eventually};

use crate::{SOON, arrived, counted, direct_settings, drain, header, settings, text};

/// A consumer that notes what it handled. It calls `poison` invalid, fails by a
/// defect at `defect`, and calls everything unavailable while `is_down`.
struct Consuming {
    publisher: Publisher,
    handled: Arc<Mutex<Vec<String>>>,
    is_down: Arc<AtomicBool>,
    shutdown: Shutdown,
}

struct Notes {
    handled: Arc<Mutex<Vec<String>>>,
    is_down: Arc<AtomicBool>,
}

impl Handler for Notes {
    async fn handle(&self, payload: &[u8]) -> Result<(), NotHandled> {
        let text = String::from_utf8(payload.to_vec()).unwrap();
        let refuse = |kind, reason: &str| {
            let reason = reason.to_owned();
            Err(NotHandled { kind, reason })
        };
        if self.is_down.load(Ordering::SeqCst) {
            return refuse(ErrorKind::Unavailable, "down");
        }
        if text == "poison" {
            return refuse(ErrorKind::Invalid, "not what was agreed");
        }
        let is_defect = text == "defect";
        self.handled.lock().unwrap().push(text);
        if is_defect {
            return refuse(ErrorKind::Internal, "our own fault");
        }
        Ok(())
    }
}

impl Consuming {
    async fn start(sandbox: &Sandbox, is_down: bool) -> Self {
        let settings = settings(sandbox).await;
        let consuming = Self {
            publisher: Publisher::new(&settings, "test"),
            handled: Arc::default(),
            is_down: Arc::new(is_down.into()),
            shutdown: Shutdown::new(),
        };
        let notes = Notes {
            handled: Arc::clone(&consuming.handled),
            is_down: Arc::clone(&consuming.is_down),
        };
        let shutdown = consuming.shutdown.clone();
        let consumer = Consumer::new(&settings, AUTH_EVENTS, 16);
        consuming.shutdown.spawn(consumer.run(shutdown, notes));
        consuming
    }

    async fn publish(&self, texts: &[&str]) {
        let messages: Vec<Message> = texts.iter().map(|text| counted(text)).collect();
        let outcomes = self.publisher.publish_all(&messages).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }

    fn handled(&self) -> Vec<String> {
        self.handled.lock().unwrap().clone()
    }
}

impl Drop for Consuming {
    fn drop(&mut self) {
        self.shutdown.stop_now();
    }
}

#[tokio::test]
async fn messages_are_handled_one_after_the_other_in_their_order() {
    let sandbox = Sandbox::create().await;
    let consuming = Consuming::start(&sandbox, false).await;
    let texts: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let words: Vec<&str> = texts.iter().map(String::as_str).collect();
    consuming.publish(&words).await;
    eventually(SOON, async || consuming.handled() == texts).await;
    consuming.shutdown.begin_drain();
    consuming.shutdown.finished().await;
    assert_eq!(arrived(&sandbox).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_outage_never_counts_against_a_message() {
    let sandbox = Sandbox::create().await;
    let consuming = Consuming::start(&sandbox, true).await;
    consuming.publish(&["a", "b"]).await;
    consuming.is_down.store(false, Ordering::SeqCst);
    eventually(SOON, async || consuming.handled() == ["a", "b"]).await;
    assert!(drain(&sandbox, DEAD_LETTERS).await.is_empty());
}

#[tokio::test]
async fn poison_goes_to_the_dead_letters_alone_with_its_reason() {
    let sandbox = Sandbox::create().await;
    let consuming = Consuming::start(&sandbox, false).await;
    consuming.publish(&["a", "poison", "b"]).await;
    eventually(SOON, async || consuming.handled() == ["a", "b"]).await;
    let dead = drain(&sandbox, DEAD_LETTERS).await;
    assert_eq!(dead.iter().map(text).collect::<Vec<_>>(), ["poison"]);
    let told = |name| header(&dead[0], name).unwrap();
    assert_eq!(told("x-reason"), "not what was agreed");
    assert_eq!(told("x-reason-kind"), "invalid");
    assert_eq!(told("x-queue"), AUTH_EVENTS);
}

#[tokio::test]
async fn what_fails_by_a_defect_is_tried_again_before_it_is_given_up() {
    let sandbox = Sandbox::create().await;
    let consuming = Consuming::start(&sandbox, false).await;
    consuming.publish(&["defect", "a"]).await;
    let mut expected = vec!["defect"; 6];
    expected.push("a");
    eventually(SOON, async || consuming.handled() == expected).await;
    let dead = drain(&sandbox, DEAD_LETTERS).await;
    assert_eq!(dead.iter().map(text).collect::<Vec<_>>(), ["defect"]);
    assert_eq!(header(&dead[0], "x-reason-kind").unwrap(), "internal");
}

#[tokio::test]
async fn what_a_drain_interrupts_goes_back_to_the_queue() {
    let sandbox = Sandbox::create().await;
    let consuming = Consuming::start(&sandbox, true).await;
    consuming.publish(&["a", "b"]).await;
    consuming.shutdown.begin_drain();
    consuming.shutdown.finished().await;
    let mut left = Vec::new();
    eventually(SOON, async || {
        left.extend(arrived(&sandbox).await);
        left.len() == 2
    })
    .await;
    left.sort();
    assert_eq!(left, ["a", "b"]);
}

#[tokio::test]
async fn after_an_outage_of_the_broker_reading_goes_on() {
    let sandbox = Sandbox::with_outages().await;
    let consuming = Consuming::start(&sandbox, false).await;
    consuming.publish(&["a"]).await;
    eventually(SOON, async || consuming.handled() == ["a"]).await;
    sandbox.amqp_proxy().cut();
    let other = Publisher::new(&direct_settings(&sandbox).await, "other");
    other.publish(&counted("b")).await.unwrap();
    sandbox.amqp_proxy().restore();
    eventually(SOON, async || consuming.handled().contains(&"b".to_owned())).await;
}
