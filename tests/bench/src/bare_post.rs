//! The least that an authenticated `POST` can cost here: the project's own
//! HTTP kit, a JSON body, an answer, and nothing in between.

use std::{net::SocketAddr, sync::Arc};

use clap::Args;
use domain::PostId;
use garde::Validate;
use runtime::{
    Readiness, Shutdown, SystemClock,
    admin::AdminServer,
    settings::{LifecycleSettings, ServiceCredentialSettings},
};
use serde::{Deserialize, Serialize};
use telemetry::{Telemetry, TelemetrySettings};
use tokens::Verifier;
use web::{
    Access::Account,
    ApiError, Authenticator, Caller, HttpServer, Routes, ValidJson,
    actix_web::{
        HttpResponse,
        http::Method,
        web::{Data, Path},
    },
};

/// As many as posts remembers.
const REMEMBERED_TOKENS: usize = 10_000;

/// Where it listens, and what it believes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Settings {
    /// Address of the HTTP API
    #[arg(long, env = "HTTP_ADDR")]
    http_addr: SocketAddr,
    /// The key set that tokens are verified with
    #[arg(long, env = "TOKEN_KEYS")]
    token_keys: String,
    /// The credential of the deployment
    #[command(flatten)]
    credential: ServiceCredentialSettings,
    /// Admin port and drain
    #[command(flatten)]
    lifecycle: LifecycleSettings,
    /// Logs and traces
    #[command(flatten)]
    telemetry: TelemetrySettings,
}

/// Serves until the drain is over.
pub(crate) async fn serve(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let telemetry = Telemetry::init("bare", &settings.telemetry)?;
    let readiness = Readiness::new(&shutdown);
    let verifier = Arc::new(Verifier::new(REMEMBERED_TOKENS));
    verifier.set_keys(&settings.token_keys)?;
    let admin_addr = settings.lifecycle.admin_addr;
    let admin = AdminServer::bind(admin_addr, readiness.clone(), telemetry.render_metrics());
    admin.await?.spawn(&shutdown);
    HttpServer::bind(settings.http_addr)?.spawn(
        "bare",
        Routes::new().add(
            Method::POST,
            "/api/posts/{id}/like",
            Account,
            "like",
            answer,
        ),
        |_| {},
        Data::new(Authenticator::new(verifier, Arc::new(SystemClock))),
        settings.credential.service_credential,
        readiness.clone(),
        &settings.lifecycle,
        &shutdown,
    )?;
    readiness.set_started();
    shutdown.run_to_end(&settings.lifecycle).await
}

#[derive(Deserialize, Validate)]
#[garde(allow_unvalidated)]
struct Body {
    reaction: String,
}

#[derive(Serialize)]
struct View {
    post_id: PostId,
    is_liked: bool,
    reaction: String,
    likes_count: i64,
}

async fn answer(
    _: Caller,
    post_id: Path<PostId>,
    ValidJson(body): ValidJson<Body>,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(View {
        post_id: *post_id,
        is_liked: true,
        reaction: body.reaction,
        likes_count: 1,
    }))
}
