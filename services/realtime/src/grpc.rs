//! The internal API: `anufy.realtime.v1`.

use std::sync::Arc;

use contracts::{
    realtime::v1::{
        DeliverRequest, DeliverResponse, Disconnect, DisconnectRequest, DisconnectResponse,
        delivery_service_server::DeliveryService, disconnect, disconnect_request,
    },
    rpc::{parse_id, parse_ids},
};
use domain::{SessionId, UserId};
use tonic::{Request, Response, Status};

use crate::{
    delivery::{Delivery, Parcel},
    error::DeliveryError,
    refusal::Refusal,
};

pub(crate) struct DeliveryApi {
    pub(crate) delivery: Arc<Delivery>,
}

#[tonic::async_trait]
impl DeliveryService for DeliveryApi {
    async fn deliver(
        &self,
        request: Request<DeliverRequest>,
    ) -> Result<Response<DeliverResponse>, Status> {
        let request = request.into_inner();
        let users: Vec<UserId> = parse_ids(&request.user_ids)?;
        let except = &request.except_socket_id;
        let parcel = Parcel::pack(users, request.event, request.payload, except).map_err(refuse)?;
        let online = if request.is_volatile {
            self.delivery.emit(&parcel).await
        } else {
            let id = &request.delivery_id;
            self.delivery.deliver(&parcel, id).await
        };
        let online = online.map_err(refuse)?;
        let online_user_ids = online.iter().map(ToString::to_string).collect();
        Ok(Response::new(DeliverResponse { online_user_ids }))
    }

    async fn disconnect(
        &self,
        request: Request<DisconnectRequest>,
    ) -> Result<Response<DisconnectResponse>, Status> {
        use disconnect_request::Whose;

        let request = request.into_inner();
        let whose = match request.whose {
            Some(Whose::UserId(id)) => {
                let id: UserId = parse_id(&id)?;
                disconnect::Whose::UserId(id.to_string())
            }
            Some(Whose::SessionId(id)) => {
                let id: SessionId = parse_id(&id)?;
                disconnect::Whose::SessionId(id.to_string())
            }
            None => return Err(refuse(DeliveryError::Invalid("whose is required"))),
        };
        let reason = match request.reason.as_str() {
            "" => Refusal::SessionRevoked.code(),
            reason => reason,
        };
        let disconnect = Disconnect {
            whose: Some(whose),
            reason: reason.to_owned(),
        };
        let told = self.delivery.disconnect(disconnect).await;
        told.map_err(refuse)?;
        Ok(Response::new(DisconnectResponse {}))
    }
}

/// The status for a failure.
#[expect(clippy::needless_pass_by_value, reason = "the end of the error")]
fn refuse(error: DeliveryError) -> Status {
    contracts::refuse(error.kind(), error.code(), &error)
}
