use std::time::Duration;

use contracts::posts::v1::{ExportAccountRequest, ExportAccountResponse};
use domain::UserId;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::Posts;
use crate::AuthError;

/// How long posts may take for the next part of an export.
const NEXT_PART: Duration = Duration::from_secs(30);

/// What posts tells of an account, part by part.
pub(crate) struct PostsExport {
    first: Option<ExportAccountResponse>,
    rest: Streaming<ExportAccountResponse>,
}

impl Posts {
    /// Begins to export what an account has made: the first part is here when
    /// this returns.
    pub(crate) async fn export(&self, user_id: UserId) -> Result<PostsExport, AuthError> {
        let request = ExportAccountRequest {
            user_id: user_id.to_string(),
        };
        let answer = self.accounts.clone().export_account(request).await;
        let mut rest = answer.map_err(failed)?.into_inner();
        let first = part(&mut rest).await?;
        Ok(PostsExport { first, rest })
    }
}

impl PostsExport {
    /// The next part; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<ExportAccountResponse>, AuthError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => part(&mut self.rest).await,
        }
    }
}

async fn part(
    parts: &mut Streaming<ExportAccountResponse>,
) -> Result<Option<ExportAccountResponse>, AuthError> {
    let part = timeout(NEXT_PART, parts.message()).await;
    let part = part.or(Err(Status::deadline_exceeded("no next part in time")));
    part.and_then(|part| part).map_err(failed)
}

fn failed(status: Status) -> AuthError {
    AuthError::Posts(Box::new(status))
}
