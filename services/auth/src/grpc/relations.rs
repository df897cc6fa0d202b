use contracts::{
    auth::v1::{
        GetRelationsRequest, GetRelationsResponse, RelatedUser, ResolveMentionsRequest,
        ResolveMentionsResponse, StreamFolloweeIdsRequest, StreamFolloweeIdsResponse,
        StreamFolloweesRequest, StreamFolloweesResponse, StreamFollowersRequest,
        StreamFollowersResponse, User, UserRole, UserStatus, Viewer,
        relations_service_server::RelationsService,
    },
    rpc::{parse_id, parse_ids},
};
use domain::{ErrorKind, Follow, UserId};
use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use tonic::{Request, Response, Status};

use super::refuse;
use crate::{
    AuthError,
    follow_lists::{FollowLists, Position},
    mongo::FollowList,
    relations::Related,
};

/// Followees in one message, with what is to be told of each.
const FOLLOWEES: usize = 500;
/// Ids in one message.
const IDS: usize = 1_000;
/// Most names in one call.
const NAMES_MAX: usize = 100;

pub(crate) struct RelationsApi {
    pub(crate) lists: FollowLists,
}

impl From<&Related> for RelatedUser {
    fn from(related: &Related) -> Self {
        Self {
            user: Some(User::from(&related.user)),
            relation: Some(related.relation.into()),
        }
    }
}

#[tonic::async_trait]
impl RelationsService for RelationsApi {
    async fn get_relations(
        &self,
        request: Request<GetRelationsRequest>,
    ) -> Result<Response<GetRelationsResponse>, Status> {
        let request = request.into_inner();
        let viewer_id: UserId = parse_id(&request.viewer_id)?;
        let user_ids = parse_ids(&request.user_ids)?;
        let relations = &self.lists.relations;
        let (viewer, related) = relations.of(viewer_id, user_ids).await.map_err(refuse)?;
        let viewer = viewer.ok_or_else(|| refuse(AuthError::UserNotFound))?;
        Ok(Response::new(GetRelationsResponse {
            viewer: Some(Viewer {
                role: UserRole::from(viewer.role).into(),
                status: UserStatus::from(viewer.status).into(),
            }),
            users: related.iter().map(RelatedUser::from).collect(),
        }))
    }

    async fn resolve_mentions(
        &self,
        request: Request<ResolveMentionsRequest>,
    ) -> Result<Response<ResolveMentionsResponse>, Status> {
        let request = request.into_inner();
        let author_id: UserId = parse_id(&request.author_id)?;
        if request.usernames.len() > NAMES_MAX {
            let message = format!("at most {NAMES_MAX} names");
            return Err(contracts::status(ErrorKind::Invalid, message));
        }
        let relations = &self.lists.relations;
        let named = relations.named(author_id, &request.usernames);
        let named = named.await.map_err(refuse)?;
        let users = named.iter().map(RelatedUser::from).collect();
        Ok(Response::new(ResolveMentionsResponse { users }))
    }

    type StreamFolloweesStream = BoxStream<'static, Result<StreamFolloweesResponse, Status>>;

    /// Each message is read when the one before it is on its way, and nothing
    /// is when the caller has gone.
    async fn stream_followees(
        &self,
        request: Request<StreamFolloweesRequest>,
    ) -> Result<Response<Self::StreamFolloweesStream>, Status> {
        let user_id: UserId = parse_id(&request.into_inner().user_id)?;
        let lists = self.lists.clone();
        let messages = stream::try_unfold(Some(None), move |after: Option<Option<Position>>| {
            let lists = lists.clone();
            async move {
                let Some(after) = after else { return Ok(None) };
                let members = lists.followees(user_id, after, FOLLOWEES);
                let members = members.await.map_err(refuse)?;
                let Some(last) = members.last else {
                    return Ok(None);
                };
                let users = members.related.iter();
                let users = users.map(|(_, related)| related.into()).collect();
                let next = (!members.is_end).then_some(Some(last));
                Ok(Some((StreamFolloweesResponse { users }, next)))
            }
        });
        Ok(Response::new(Box::pin(messages)))
    }

    type StreamFolloweeIdsStream = BoxStream<'static, Result<StreamFolloweeIdsResponse, Status>>;

    async fn stream_followee_ids(
        &self,
        request: Request<StreamFolloweeIdsRequest>,
    ) -> Result<Response<Self::StreamFolloweeIdsStream>, Status> {
        let user_id: UserId = parse_id(&request.into_inner().user_id)?;
        let pages = pages(self.lists.clone(), FollowList::Following, user_id, None);
        let messages = pages.map_ok(|edges| StreamFolloweeIdsResponse {
            user_ids: members(FollowList::Following, &edges),
        });
        Ok(Response::new(messages.boxed()))
    }

    type StreamFollowersStream = BoxStream<'static, Result<StreamFollowersResponse, Status>>;

    async fn stream_followers(
        &self,
        request: Request<StreamFollowersRequest>,
    ) -> Result<Response<Self::StreamFollowersStream>, Status> {
        let request = request.into_inner();
        let user_id: UserId = parse_id(&request.user_id)?;
        let after: Option<Position> = match request.after_position.as_str() {
            "" => None,
            position => Some(parse_id(position)?),
        };
        let pages = pages(self.lists.clone(), FollowList::Followers, user_id, after);
        let messages = pages.map_ok(|edges| StreamFollowersResponse {
            user_ids: members(FollowList::Followers, &edges),
            position: edges
                .last()
                .map_or_else(String::new, |edge| edge.id.to_string()),
        });
        Ok(Response::new(if request.one_message {
            // Nothing is read ahead for nobody.
            messages.take(1).boxed()
        } else {
            messages.boxed()
        }))
    }
}

/// The edges of a list, oldest first, behind `after`: [`IDS`] at a time, none
/// of them empty.
fn pages(
    lists: FollowLists,
    list: FollowList,
    owner_id: UserId,
    after: Option<Position>,
) -> impl Stream<Item = Result<Vec<Follow>, Status>> + Send + 'static {
    stream::try_unfold(Some(after), move |after| {
        let lists = lists.clone();
        async move {
            let Some(after) = after else { return Ok(None) };
            let edges = lists.edges(list, owner_id, after, IDS).await;
            let edges = edges.map_err(refuse)?;
            let Some(position) = edges.last().map(|edge| edge.id) else {
                return Ok(None);
            };
            let next = (edges.len() == IDS).then_some(Some(position));
            Ok(Some((edges, next)))
        }
    })
}

fn members(list: FollowList, edges: &[Follow]) -> Vec<String> {
    let ids = edges.iter().map(|edge| list.member(edge).to_string());
    ids.collect()
}
