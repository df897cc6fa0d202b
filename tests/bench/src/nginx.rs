//! nginx, as what a gateway is compared with.

use std::{fs, net::SocketAddr, path::Path};

use anyhow::{Context, ensure};

use crate::program::Program;

/// Where Debian has it.
const PATH: &str = "/usr/sbin/nginx";

/// Starts it at `door` before `service`, with its files in `folder`.
pub(crate) async fn start(
    door: SocketAddr,
    service: SocketAddr,
    folder: &Path,
) -> anyhow::Result<Program> {
    let path = Path::new(PATH);
    ensure!(path.exists(), "nginx is not installed");
    let own = folder.join("nginx");
    fs::create_dir_all(&own)?;
    let configuration = own.join("nginx.conf");
    fs::write(&configuration, settings(door, service))?;
    let [configuration, own] = [&configuration, &own].map(|path| path.to_str());
    let arguments = [
        "-p",
        own.context("a folder without a name")?,
        "-c",
        configuration.context("a file without a name")?,
    ];
    Program::start_other("nginx", path, &arguments, door, &folder.join("log")).await
}

/// A proxy that keeps its connections, in one process, and writes no log:
/// nginx at its cheapest.
fn settings(door: SocketAddr, service: SocketAddr) -> String {
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_requests 1000000000;
  upstream service {{ server {service}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen {door};
    location = /readyz {{ return 200; }}
    location / {{ proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_pass http://service; }}
  }}
}}
"
    )
}
