//! The least that a cached answer can cost behind a proxy: actix, a `GET` of
//! Redis over one shared connection, and nothing in between.

use std::net::SocketAddr;

use cache::{Cache, RedisSettings, redis};
use clap::Args;
use web::actix_web::{
    App, HttpResponse, HttpServer, error::ErrorBadGateway, http::header::ContentType, web as http,
};

/// Where it listens, and what it answers.
#[derive(Clone, Debug, Args)]
pub(crate) struct Settings {
    /// Address of the HTTP API
    #[arg(long, env = "HTTP_ADDR")]
    http_addr: SocketAddr,
    /// Where whoever starts it asks whether it is ready
    #[arg(long, env = "ADMIN_ADDR")]
    admin_addr: SocketAddr,
    /// The key of the value in Redis
    #[arg(long, env = "BARE_KEY")]
    key: String,
    #[command(flatten)]
    redis: RedisSettings,
}

struct Value {
    cache: Cache,
    key: String,
}

/// Serves until it is killed.
pub(crate) async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let value = http::Data::new(Value {
        cache: Cache::connect(&settings.redis)?,
        key: settings.key.clone(),
    });
    let app = move || {
        App::new()
            .app_data(http::Data::clone(&value))
            .route("/readyz", http::get().to(HttpResponse::Ok))
            .default_service(http::get().to(answer))
    };
    let server = HttpServer::new(app).disable_signals();
    let server = server.bind(settings.http_addr)?.bind(settings.admin_addr)?;
    Ok(server.run().await?)
}

async fn answer(value: http::Data<Value>) -> web::actix_web::Result<HttpResponse> {
    let mut connection = value.cache.shared();
    let mut get = redis::cmd("GET");
    let bytes: Vec<u8> = get
        .arg(&value.key)
        .query_async(&mut connection)
        .await
        .map_err(ErrorBadGateway)?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(bytes))
}
