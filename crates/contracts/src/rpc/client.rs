use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataKey, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use super::CREDENTIAL_HEADER;

/// What a generated client is made from: `UsersServiceClient::new(channel)`.
pub type CallerChannel = InterceptedService<Channel, Caller>;

/// The address or the credential cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEndpoint {
    /// Not an `http://host:port` address.
    #[error("not a gRPC address")]
    Address(#[from] tonic::transport::Error),
    /// The credential cannot travel in a header.
    #[error("the service credential is not visible ASCII")]
    Credential(#[from] tonic::metadata::errors::InvalidMetadataValue),
}

/// Adds to every call the service credential, the trace context of the current
/// span, and a deadline that both sides keep.
#[derive(Clone)]
pub struct Caller {
    credential: MetadataValue<Ascii>,
    deadline: Duration,
}

impl Caller {
    /// A channel to the service at `address` (`http://host:port`). It connects
    /// at the first call and again whenever it must; each call ends within
    /// `deadline`, as `Timeout` or `Unavailable`.
    pub fn channel(
        address: &str,
        credential: &SecretString,
        deadline: Duration,
    ) -> Result<CallerChannel, InvalidEndpoint> {
        let mut credential: MetadataValue<Ascii> = credential.expose_secret().parse()?;
        credential.set_sensitive(true);
        let channel = Endpoint::from_shared(address.to_owned())?
            .connect_timeout(Duration::from_secs(1).min(deadline))
            .timeout(deadline)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(3))
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
            .connect_lazy();
        let caller = Self {
            credential,
            deadline,
        };
        Ok(InterceptedService::new(channel, caller))
    }
}

impl Interceptor for Caller {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.set_timeout(self.deadline);
        let metadata = request.metadata_mut();
        metadata.insert(CREDENTIAL_HEADER, self.credential.clone());
        telemetry::inject_context(|key, value| {
            let key = MetadataKey::<Ascii>::from_bytes(key.as_bytes());
            if let (Ok(key), Ok(value)) = (key, value.parse()) {
                metadata.insert(key, value);
            }
        });
        Ok(request)
    }
}
