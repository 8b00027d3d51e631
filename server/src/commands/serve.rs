//! `plimsoll serve`: the running program, from start to a shutdown that loses nothing.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio_util::sync::CancellationToken;

use super::{Outcome, open, text};
use crate::config::Config;
use crate::http;

/// Asks for memory in small pages. With huge ones, of two megabytes each, an idle server holds twice as much as it
/// uses and a busy one a fifth more, and is no faster for it.
fn small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "memory comes in huge pages where the system likes them");
    }
}

/// How long open requests may take once the program was told to stop.
const GRACE: Duration = Duration::from_secs(20);

pub async fn run(config: Config) -> Outcome {
    small_pages();
    let engine = open(&config).await?;
    let address = config
        .server
        .listen
        .to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next())
        .ok_or_else(|| format!("server.listen is “{}”; write ADDRESS:PORT", config.server.listen))?;
    let listener = std::net::TcpListener::bind(address).map_err(|e| {
        format!("cannot listen on {address}: {e}; is another Plimsoll running there? Choose another with --listen")
    })?;
    listener.set_nonblocking(true).map_err(text)?;
    let address = listener.local_addr().map_err(text)?;
    announce(&config, &engine, address).await?;

    let stop = CancellationToken::new();
    let tasks = engine.start(stop.clone(), config.collect.host, config.retention.keep());
    tokio::spawn(super::demo::simulator::run(engine.clone(), stop.clone()));
    let app = http::router(engine.clone(), &config, stop.clone());
    let handle = Handle::new();
    tokio::spawn(wait_for_the_end(handle.clone(), stop.clone()));
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let served = match (&config.server.tls_certificate, &config.server.tls_key) {
        (Some(certificate), Some(key)) => {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let tls = RustlsConfig::from_pem_file(certificate, key)
                .await
                .map_err(|e| format!("the TLS certificate or key cannot be used: {e}"))?;
            tokio::spawn(renew_certificate(tls.clone(), certificate.clone(), key.clone(), stop.clone()));
            axum_server::from_tcp_rustls(listener, tls).map_err(text)?.handle(handle).serve(service).await
        }
        _ => axum_server::from_tcp(listener).map_err(text)?.handle(handle).serve(service).await,
    };
    served.map_err(text)?;
    stop.cancel();
    tasks.wait().await;
    if let Err(error) = engine.settle().await {
        tracing::warn!(%error, "the newest samples stay in the log, from which the next start reads them");
    }
    engine.store.close().await;
    tracing::info!("stopped; everything acknowledged is kept");
    Ok(0)
}

async fn announce(config: &Config, engine: &engine::Engine, address: SocketAddr) -> Result<(), String> {
    let scheme = if config.server.tls_certificate.is_some() { "https" } else { "http" };
    let url = config.server.public_url.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
    let url = url.trim_end_matches('/').to_string();
    tracing::info!(%address, database = engine.store.backend().name(), version = env!("CARGO_PKG_VERSION"), "Plimsoll is serving");
    match engine.new_setup_token().await.map_err(text)? {
        // On standard output and not in the logs: logs travel further than consoles.
        Some(token) => println!("\n  Create the first administrator:  {url}/setup?token={token}\n"),
        None => println!("\n  Plimsoll:  {url}\n"),
    }
    Ok(())
}

async fn wait_for_the_end(handle: Handle<SocketAddr>, stop: CancellationToken) {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
    tracing::info!("stopping: open requests are finished first");
    // Ends the live streams, which would otherwise hold the door open.
    stop.cancel();
    handle.graceful_shutdown(Some(GRACE));
}

/// Reads the certificate again when its file changes.
async fn renew_certificate(
    tls: RustlsConfig,
    certificate: std::path::PathBuf,
    key: std::path::PathBuf,
    stop: CancellationToken,
) {
    let changed = |path: &std::path::Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let mut known = (changed(&certificate), changed(&key));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(30)) => {}
        }
        let now = (changed(&certificate), changed(&key));
        if now != known {
            match tls.reload_from_pem_file(&certificate, &key).await {
                Ok(()) => {
                    known = now;
                    tracing::info!("the renewed certificate is in use");
                }
                Err(error) => {
                    tracing::error!(%error, "the changed certificate cannot be used; the old one stays")
                }
            }
        }
    }
}
