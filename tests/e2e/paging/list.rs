use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::{Client, Method, Response, User};
use tokio::{sync::watch, time::sleep};

/// Items that are there from the start; every other one goes.
pub(super) const EARLY: usize = 12;
/// Items that come and go.
pub(super) const LATE: usize = 6;
/// Times that the list is read.
const ROUNDS: usize = 4;
const SOON: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// A list that somebody reads, and what makes it longer and shorter.
pub(super) struct List {
    pub(super) name: &'static str,
    pub(super) reader: User,
    pub(super) path: String,
    /// Items of a page: so few that there are several pages.
    pub(super) limit: usize,
    /// Whether the same items come in the same order whenever they are read.
    pub(super) is_ordered: bool,
    pub(super) items: Vec<Item>,
}

/// An item, as it comes and goes.
pub(super) struct Item {
    pub(super) add: Ask,
    pub(super) remove: Ask,
    /// The `_id` of the item; `None`: that of what is answered when it is added.
    pub(super) id: Option<String>,
}

/// A request.
pub(super) struct Ask {
    pub(super) by: Client,
    pub(super) method: Method,
    /// `{id}` stands for the item.
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

impl Ask {
    async fn send(&self, id: &str) -> Response {
        let path = self.path.replace("{id}", id);
        let request = self.by.request(self.method.clone(), &path);
        let request = match &self.body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = self.by.send(request).await;
        assert!(answer.status < 300, "{answer:?}");
        answer
    }
}

impl Item {
    async fn come(&self) -> String {
        let answer = self.add.send("").await;
        match &self.id {
            Some(id) => id.clone(),
            None => answer.json()["_id"].as_str().unwrap().to_owned(),
        }
    }

    async fn go(&self, id: &str) {
        self.remove.send(id).await;
    }
}

impl List {
    /// What is wrong.
    pub(super) async fn read_while_it_changes(mut self) -> Vec<String> {
        let late = self.items.split_off(EARLY);
        let (mut kept, mut doomed) = (Vec::new(), Vec::new());
        for (n, item) in self.items.drain(..).enumerate() {
            let id = item.come().await;
            if n % 2 == 0 {
                kept.push(id);
            } else {
                doomed.push((item, id));
            }
        }
        let mut order = self.complete(&kept).await;
        let kept: HashSet<String> = kept.into_iter().collect();
        order.retain(|id| kept.contains(id));

        let (stop, stopped) = watch::channel(());
        let list = Arc::new(self);
        let writing = tokio::spawn(write(doomed, late, stopped));
        let mut faults = Vec::new();
        for _ in 0..ROUNDS {
            let mut seen = list.read().await;
            let once: HashSet<String> = seen.iter().cloned().collect();
            if once.len() < seen.len() {
                faults.push(format!("{}: something comes twice in {seen:?}", list.name));
            }
            seen.retain(|id| kept.contains(id));
            let is_whole = if list.is_ordered {
                seen == order
            } else {
                seen.len() == order.len()
            };
            if !is_whole {
                faults.push(format!("{}: {seen:?} and not {order:?}", list.name));
            }
        }
        drop(stop);
        writing.await.unwrap();
        faults
    }

    /// The ids in the whole list, when all of `kept` are in it.
    async fn complete(&self, kept: &[String]) -> Vec<String> {
        let began = Instant::now();
        loop {
            let seen = self.read().await;
            if kept.iter().all(|id| seen.contains(id)) {
                return seen;
            }
            let name = self.name;
            assert!(began.elapsed() < SOON, "{name}: {seen:?} and not {kept:?}");
            sleep(PAUSE).await;
        }
    }

    /// The ids in the whole list, page by page.
    async fn read(&self) -> Vec<String> {
        let first = if self.path.contains('?') { '&' } else { '?' };
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("{}{first}limit={}{cursor}", self.path, self.limit);
            let page = self.reader.get(&path).await.expect(200);
            let items = page["items"].as_array().unwrap();
            seen.extend(
                items
                    .iter()
                    .map(|it| it["_id"].as_str().unwrap().to_owned()),
            );
            let next = page["next_cursor"].as_str();
            assert_eq!(page["has_more"], next.is_some(), "{}: {page}", self.name);
            let Some(next) = next else {
                return seen;
            };
            cursor = format!("&cursor={next}");
        }
    }
}

/// Takes those that are doomed away, while others come and go until the end.
async fn write(mut doomed: Vec<(Item, String)>, late: Vec<Item>, stopped: watch::Receiver<()>) {
    while stopped.has_changed().is_ok() {
        for item in &late {
            let id = item.come().await;
            if let Some((item, id)) = doomed.pop() {
                item.go(&id).await;
            }
            item.go(&id).await;
        }
    }
}
