use contracts::{
    posts::v1::{GetPostsRequest, GetPostsResponse, Post, posts_service_server::PostsService},
    rpc::parse_ids,
};
use tonic::{Request, Response, Status};

use super::refuse;
use crate::mongo::PostStore;

pub(crate) struct PostsApi {
    pub(crate) store: PostStore,
}

#[tonic::async_trait]
impl PostsService for PostsApi {
    async fn get_posts(
        &self,
        request: Request<GetPostsRequest>,
    ) -> Result<Response<GetPostsResponse>, Status> {
        let ids = parse_ids(&request.into_inner().post_ids)?;
        let found = self.store.find_many(&ids).await.map_err(refuse)?;
        let posts = found.iter().filter(|post| post.deleted_at.is_none());
        Ok(Response::new(GetPostsResponse {
            posts: posts.map(Post::from).collect(),
        }))
    }
}
