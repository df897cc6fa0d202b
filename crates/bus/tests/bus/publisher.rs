use std::time::{Duration, Instant};

use bus::{BusError, Message, Publisher};
use contracts::topology::{JOBS, USER_CHANGED};
use futures_util::future::join_all;
use testkit::{Sandbox, eventually};

use crate::{SOON, arrived, counted, settings};

#[tokio::test]
async fn what_is_confirmed_is_in_the_queue_in_its_order() {
    let sandbox = Sandbox::create().await;
    let publisher = Publisher::new(&settings(&sandbox).await, "test");
    let texts: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    let messages: Vec<Message> = texts.iter().map(|text| counted(text)).collect();
    let outcomes = publisher.publish_all(&messages).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(arrived(&sandbox).await, texts);
}

#[tokio::test]
async fn a_job_that_no_queue_takes_is_an_error_and_the_connection_goes_on() {
    let sandbox = Sandbox::create().await;
    let publisher = Publisher::new(&settings(&sandbox).await, "test");
    sandbox.direct_amqp_url().await;
    let lost = Message {
        exchange: JOBS.to_owned(),
        key: "no-such-queue".to_owned(),
        ..counted("lost")
    };
    let outcomes = publisher.publish_all(&[lost, counted("kept")]).await;
    assert!(
        matches!(outcomes[..], [Err(BusError::Unroutable), Ok(())]),
        "{outcomes:?}"
    );
    assert_eq!(arrived(&sandbox).await, ["kept"]);
}

#[tokio::test]
async fn nobody_need_listen_to_an_event() {
    let sandbox = Sandbox::create().await;
    let publisher = Publisher::new(&settings(&sandbox).await, "test");
    let unheard = Message {
        key: USER_CHANGED.to_owned(),
        ..counted("x")
    };
    publisher.publish(&unheard).await.unwrap();
}

#[tokio::test]
async fn a_broker_that_is_gone_is_an_error_until_it_is_back() {
    let sandbox = Sandbox::with_outages().await;
    let publisher = Publisher::new(&settings(&sandbox).await, "test");
    publisher.publish(&counted("before")).await.unwrap();
    sandbox.amqp_proxy().cut();
    assert!(publisher.publish(&counted("during")).await.is_err());
    assert!(publisher.ping().await.is_err());
    sandbox.amqp_proxy().restore();
    eventually(SOON, async || {
        publisher.publish(&counted("after")).await.is_ok()
    })
    .await;
    let arrived = arrived(&sandbox).await;
    assert_eq!(
        (arrived.first().unwrap(), arrived.last().unwrap()),
        (&"before".to_owned(), &"after".to_owned())
    );
}

#[tokio::test]
async fn those_who_wait_for_the_same_connection_share_its_failure() {
    let sandbox = Sandbox::with_outages().await;
    let publisher = Publisher::new(&settings(&sandbox).await, "test");
    sandbox.amqp_proxy().hang();
    let began = Instant::now();
    let outcomes = join_all((0..10).map(|_| publisher.ping())).await;
    assert!(outcomes.iter().all(Result::is_err));
    // One attempt's time, not ten.
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_broker_that_says_nothing_is_given_up() {
    let sandbox = Sandbox::with_outages().await;
    let publisher = Publisher::new(&settings(&sandbox).await, "test");
    publisher.publish(&counted("before")).await.unwrap();
    sandbox.amqp_proxy().hang();
    let outcome = publisher.publish(&counted("during")).await;
    assert!(matches!(outcome, Err(BusError::Timeout)), "{outcome:?}");
    sandbox.amqp_proxy().restore();
    eventually(SOON, async || {
        publisher.publish(&counted("after")).await.is_ok()
    })
    .await;
}
