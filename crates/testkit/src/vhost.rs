use std::{
    env,
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::runtime::Handle;

use crate::{
    address::{host_of, path_of, with_path},
    eventually_some,
    sandbox::folder,
};

/// How long a test may wait for others to end.
const PATIENCE: Duration = Duration::from_secs(100);

/// A virtual host of RabbitMQ that nobody else uses, its queues empty at first.
///
/// It is held by a lock of the operating system, which ends with the process.
pub(crate) struct Vhost {
    url: String,
    lock: File,
}

impl Vhost {
    /// Takes one of `AMQP_VHOSTS`, or when none are named, that of `server`.
    pub(crate) async fn take(server: String) -> Self {
        let names = env::var("AMQP_VHOSTS").unwrap_or_default();
        let mut urls: Vec<String> = names
            .split(',')
            .filter(|name| !name.is_empty())
            .map(|name| with_path(&server, name))
            .collect();
        if urls.is_empty() {
            urls.push(server);
        }
        Self::take_one_of(&urls).await
    }

    /// Takes one of those at `urls`.
    pub(crate) async fn take_one_of(urls: &[String]) -> Self {
        let folder = folder();
        let (url, lock) = eventually_some(PATIENCE, async || {
            let mut urls = urls.iter();
            urls.find_map(|url| Some((url.clone(), try_lock(&lock_path(&folder, url))?)))
        })
        .await;
        bus::purge_queues(&url).await.expect("empty queues");
        Self { url, lock }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Gives it back when the runtime of the test ends, and with it every
    /// connection that is still open.
    pub(crate) fn release(self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let _lock = self.lock;
                std::future::pending::<()>().await;
            });
        }
    }
}

fn lock_path(folder: &Path, url: &str) -> PathBuf {
    let name = format!("amqp-{}-{}.lock", host_of(url), path_of(url));
    folder.join(name.replace(['%', ':'], "_"))
}

fn try_lock(path: &Path) -> Option<File> {
    let file = File::create(path).expect("a file to lock");
    file.try_lock().is_ok().then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_one_test_has_no_other_gets() {
        let folder = env::temp_dir();
        let path = lock_path(&folder, &format!("amqp://a:1/{}", uuid::Uuid::now_v7()));
        let held = try_lock(&path).unwrap();
        assert!(try_lock(&path).is_none());
        drop(held);
        assert!(try_lock(&path).is_some());
        std::fs::remove_file(path).unwrap();
    }
}
