use socketio::Config;

use crate::{
    script::{Script, TRANSPORTS},
    stage::Stage,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn python_socketio_finds_what_it_expects_of_a_server() {
    for transports in TRANSPORTS {
        let stage = Stage::open(Config::default());
        let url = format!("http://{}", stage.address);
        Script::python(&url, transports).end().await;
        stage.close().await;
    }
}
