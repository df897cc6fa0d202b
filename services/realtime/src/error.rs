use cache::CacheError;
use domain::ErrorKind;
use socketio::LogError;

/// What can go wrong with a delivery: one variant per thing a caller can act on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// A part of the call breaks its rule.
    #[error("{0}")]
    Invalid(&'static str),
    /// An event was not written to every log.
    #[error("log failed")]
    Log(#[from] LogError),
    /// Redis, where there is no way around it.
    #[error("cache failed")]
    Cache(#[from] CacheError),
}

impl DeliveryError {
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Log(LogError::Unavailable(_)) => ErrorKind::Unavailable,
            Self::Log(LogError::Corrupt(_)) => ErrorKind::Internal,
            Self::Cache(error) => error.kind(),
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_delivery",
            Self::Log(_) | Self::Cache(_) => "redis_unavailable",
        }
    }
}
