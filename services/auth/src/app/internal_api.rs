use std::sync::Arc;

use contracts::auth::v1::{
    counters_service_server::CountersServiceServer, operator_service_server::OperatorServiceServer,
    relations_service_server::RelationsServiceServer,
    sessions_service_server::SessionsServiceServer, users_service_server::UsersServiceServer,
};
use tonic::service::RoutesBuilder;

use super::parts::Parts;
use crate::{
    administrators::Administrators,
    counters::CounterCheck,
    grpc::{CountersApi, OperatorApi, RelationsApi, SessionsApi, UsersApi},
};

impl Parts {
    /// What other services may call.
    pub(super) fn internal_api(&self) -> impl FnOnce(&mut RoutesBuilder) + use<> {
        let users = UsersServiceServer::new(UsersApi {
            users: self.accounts.relations.users.clone(),
        });
        let sessions = SessionsServiceServer::new(SessionsApi {
            sessions: self.accounts.sessions.clone(),
            signer: Arc::clone(&self.accounts.sessions.signer),
        });
        let relations = RelationsServiceServer::new(RelationsApi {
            lists: self.lists.clone(),
        });
        let operator = OperatorServiceServer::new(OperatorApi {
            administrators: Administrators {
                moderation: self.moderation.clone(),
                passwords: self.accounts.passwords.clone(),
                clock: Arc::clone(&self.moderation.clock),
            },
        });
        let counters = CountersServiceServer::new(CountersApi {
            check: CounterCheck {
                store: self.store.clone(),
                counters: self.counters.clone(),
            },
        });
        move |routes| {
            routes
                .add_service(users)
                .add_service(sessions)
                .add_service(relations)
                .add_service(operator)
                .add_service(counters);
        }
    }
}
