use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use contracts::{
    jobs::v1::{Job, UpdateFeeds, job::Work},
    posts::v1::{
        UpdateFeedsRequest, UpdateFeedsResponse,
        feeds_service_server::{FeedsService, FeedsServiceServer},
    },
    rpc::RpcServer,
};
use domain::UserId;
use runtime::Shutdown;
use secrecy::SecretString;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

/// posts, as far as a worker knows it: it does a page, names the next one, and
/// can be slow, down and of the opinion that a job is nonsense.
#[derive(Clone)]
pub(crate) struct Posts {
    /// How many pages the followers of an author fill; nobody else can be done.
    pages: Arc<Mutex<HashMap<String, u32>>>,
    asked: Arc<Mutex<Vec<(String, u32)>>>,
    is_down: Arc<AtomicBool>,
    /// Whose pages are not answered.
    held: Arc<watch::Sender<Option<String>>>,
}

impl Posts {
    pub(crate) async fn serve(credential: SecretString, shutdown: &Shutdown) -> (Self, SocketAddr) {
        let posts = Self {
            pages: Arc::default(),
            asked: Arc::default(),
            is_down: Arc::default(),
            held: Arc::new(watch::Sender::new(None)),
        };
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = RpcServer::bind(nowhere, credential).await.unwrap();
        let address = server.local_addr().unwrap();
        let feeds = FeedsServiceServer::new(posts.clone());
        let register = |routes: &mut tonic::service::RoutesBuilder| {
            routes.add_service(feeds);
        };
        let serving = server.spawn(register, shutdown, Duration::ZERO);
        serving.await.unwrap();
        (posts, address)
    }

    /// Somebody whose followers fill so many pages.
    pub(crate) fn author(&self, pages: u32) -> String {
        let id = UserId::generate().to_string();
        self.pages.lock().unwrap().insert(id.clone(), pages);
        id
    }

    /// Whose page was asked for, by number, in that order.
    pub(crate) fn asked(&self) -> Vec<(String, u32)> {
        self.asked.lock().unwrap().clone()
    }

    /// The pages of `author` that were asked for.
    pub(crate) fn asked_of(&self, author: &str) -> Vec<u32> {
        let asked = self.asked();
        let of_author = asked.iter().filter(|(asked, _)| asked == author);
        of_author.map(|(_, page)| *page).collect()
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Answers nothing about `author`, or everybody again.
    pub(crate) fn hold(&self, author: Option<&String>) {
        self.held.send_replace(author.cloned());
    }
}

#[tonic::async_trait]
impl FeedsService for Posts {
    async fn update_feeds(
        &self,
        request: Request<UpdateFeedsRequest>,
    ) -> Result<Response<UpdateFeedsResponse>, Status> {
        let job = request.into_inner().job.unwrap();
        let Some(Work::UpdateFeeds(update)) = job.work.clone() else {
            return Err(Status::invalid_argument("not an update of feeds"));
        };
        let (author, page) = (update.author_id.clone(), update.page);
        self.asked.lock().unwrap().push((author.clone(), page));
        let mut held = self.held.subscribe();
        held.wait_for(|held| held.as_ref() != Some(&author))
            .await
            .unwrap();
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Status::unavailable("down"));
        }
        let pages = self.pages.lock().unwrap().get(&author).copied();
        let pages = pages.ok_or(Status::invalid_argument("no such author"))?;
        let next = (page + 1 < pages).then(|| Job {
            work: Some(Work::UpdateFeeds(UpdateFeeds {
                page: page + 1,
                ..update
            })),
            ..job
        });
        let followers = 1_000;
        Ok(Response::new(UpdateFeedsResponse { next, followers }))
    }
}
