//! Static files: built by `cargo xtask`, named by their content, precompressed.
//!
//! With the feature `embed` they are inside the program; without it they are read from the folder
//! that `PLIMSOLL_SITE` names, so that no check of the server waits for the browser half, or from that
//! which `cargo leptos watch` fills.

use app::Assets;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Answer;

#[cfg(feature = "embed")]
#[derive(rust_embed::RustEmbed)]
#[folder = "$PLIMSOLL_SITE"]
struct Embedded;

/// The bytes of a site file.
fn read(path: &str) -> Option<Vec<u8>> {
    #[cfg(feature = "embed")]
    return Embedded::get(path).map(|file| file.data.into_owned());
    #[cfg(not(feature = "embed"))]
    {
        let plain = path.split('/').all(|part| !part.is_empty() && part != ".." && !part.contains('\\'));
        if !plain {
            return None;
        }
        if let Ok(folder) = std::env::var("PLIMSOLL_SITE") {
            return std::fs::read(std::path::Path::new(&folder).join(path)).ok();
        }
        watched::read(path)
    }
}

/// What `cargo leptos watch` makes: files that keep their names, beside the style sheets as they were written.
#[cfg(not(feature = "embed"))]
mod watched {
    use std::path::PathBuf;
    use std::time::UNIX_EPOCH;

    use app::Assets;

    fn folder() -> Option<PathBuf> {
        std::env::var("LEPTOS_SITE_ROOT").ok().map(PathBuf::from)
    }

    pub fn read(path: &str) -> Option<Vec<u8>> {
        let made = std::fs::read(folder()?.join(path));
        // A style sheet is copied, those that it imports are not.
        let written = || std::fs::read(PathBuf::from("style").join(path.strip_prefix("pkg/")?)).ok();
        made.ok().or_else(written)
    }

    /// The names carry when the module was made: that is how an open page knows of another one.
    pub fn assets() -> Option<Assets> {
        let name = std::env::var("LEPTOS_OUTPUT_NAME").ok()?;
        let module = std::fs::metadata(folder()?.join(format!("pkg/{name}.wasm"))).ok()?;
        let made = module.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_millis();
        let file = |end: &str| format!("/pkg/{name}.{end}?{made}");
        Some(Assets { js: file("js"), wasm: file("wasm"), css: file("css") })
    }
}

/// What the pages load, as the build named it.
pub fn assets() -> Assets {
    let manifest = read("manifest.json").unwrap_or_default();
    let known = serde_json::from_slice(&manifest).ok();
    #[cfg(not(feature = "embed"))]
    let known = known.or_else(watched::assets);
    known.unwrap_or_else(|| {
        tracing::warn!(
            "no site files were found: pages come without style and script; build them with `cargo xtask start`"
        );
        Assets::default()
    })
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).any(
        |c| {
            c.split(';').next().is_some_and(|c| c.trim() == coding) && !c.contains("q=0,") && !c.trim().ends_with("q=0")
        },
    )
}

/// A site file, or the answer that there is nothing here.
pub async fn fallback(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_string();
    let headers = request.headers();
    if !path.is_empty() && !path.ends_with(".json") {
        for (coding, suffix) in [("br", ".br"), ("gzip", ".gz"), ("", "")] {
            if !coding.is_empty() && !accepts(headers, coding) {
                continue;
            }
            if let Some(bytes) = read(&format!("{path}{suffix}")) {
                return file(&path, coding, bytes);
            }
        }
    }
    if request.uri().path().starts_with("/api/") {
        return Answer::new(404, "not-found", "Not there", "there is no such address in the API").into_response();
    }
    (
        StatusCode::NOT_FOUND,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        "There is nothing at this address.\n",
    )
        .into_response()
}

fn file(path: &str, coding: &'static str, bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !coding.is_empty() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    // These names change with their content, but for those that `cargo leptos watch` gives.
    let watched = cfg!(not(feature = "embed")) && std::env::var_os("LEPTOS_WATCH").is_some();
    let cache = if path.ends_with(".woff2") || path.starts_with("pkg/") && !watched {
        "public, max-age=31536000, immutable"
    } else if path.starts_with("pkg/") {
        "no-cache"
    } else {
        "public, max-age=3600"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}
