use socketio::{Config, DisconnectReason};

use crate::{
    script::{Script, TRANSPORTS},
    stage::Stage,
};

/// Plays `story` over each set of transports, at a server of its own, which must end well.
async fn play(story: &str) {
    for transports in TRANSPORTS {
        let stage = Stage::open(Config::default());
        let url = format!("http://{}", stage.address);
        Script::javascript(story, &url, transports).end().await;
        stage.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_may_connect_does_and_who_may_not_learns_why() {
    play("connect").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_and_answers_carry_all_that_json_can_say() {
    play("events").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bytes_arrive_wherever_they_are_in_the_arguments() {
    play("binary").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_room_hears_what_is_said_in_it_and_nobody_else_does() {
    play("rooms").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_arrives_whole_and_in_order_while_handlers_wait() {
    play("burst").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn large_messages_pass_and_larger_ones_end_one_connection() {
    play("large").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_comes_back_gets_what_it_missed_or_learns_that_it_cannot() {
    play("recovery").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_sides_say_why_they_parted() {
    for transports in TRANSPORTS {
        let stage = Stage::open(Config::default());
        let url = format!("http://{}", stage.address);
        Script::javascript("disconnect", &url, transports)
            .end()
            .await;
        for (name, reason) in [
            ("ana", DisconnectReason::ClientDisconnect),
            ("bo", DisconnectReason::ServerDisconnect),
            ("cleo", DisconnectReason::TransportClose),
            ("dora", DisconnectReason::TransportClose),
            ("eve", DisconnectReason::ServerDisconnect),
        ] {
            assert_eq!(
                stage.parting(name).await,
                reason,
                "{name} over {transports}"
            );
        }
        stage.close().await;
    }
}
