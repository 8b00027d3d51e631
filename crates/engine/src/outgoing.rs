//! The one way out to addresses that people enter: probes, scraping, discovery, notifications.
//!
//! An address is resolved once and the connection goes to what was checked, so that a name cannot change in
//! between; where clouds hand out credentials to whoever asks, nothing goes. Redirects are not followed: what
//! they lead to was never checked. Answers are bounded.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What goes by the name of outcomes here: an error is a sentence for a person.
pub type Outcome<T> = std::result::Result<T, String>;

/// Where a question goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Http { tls: bool, host: String, port: u16, path: String },
    Tcp { tls: bool, host: String, port: u16 },
}

impl Target {
    /// Reads `https://host/path`, `http://host:port/`, `tcp://host:port` or `tls://host:port`.
    ///
    /// # Errors
    /// A sentence saying what a target looks like.
    pub fn parse(text: &str) -> Outcome<Target> {
        let wrong =
            || "a target is https://host/path, http://host:port/path, tcp://host:port or tls://host:port".to_string();
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_once('/').map_or((rest, String::new()), |(a, p)| (a, p.to_string()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse::<u16>().map_err(|_| wrong())?)),
            _ => (authority, None),
        };
        let host = host.trim_matches(['[', ']']).to_string();
        let bad = |c: char| c.is_whitespace() || c.is_control() || c == '@';
        if host.is_empty() || text.len() > 2000 || authority.contains(bad) || path.contains(bad) {
            return Err(wrong());
        }
        match (scheme, port) {
            ("tcp", Some(port)) => Ok(Target::Tcp { tls: false, host, port }),
            ("tls", Some(port)) => Ok(Target::Tcp { tls: true, host, port }),
            ("http", port) => Ok(Target::Http { tls: false, host, port: port.unwrap_or(80), path: format!("/{path}") }),
            ("https", port) => {
                Ok(Target::Http { tls: true, host, port: port.unwrap_or(443), path: format!("/{path}") })
            }
            _ => Err(wrong()),
        }
    }
}

/// Addresses that nothing may reach: link-local ones, where clouds hand out credentials to whoever
/// asks, and those that name no single host.
pub fn forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => forbidden(IpAddr::V4(v4)),
            // fe80::/10, and the one address of a cloud's metadata service outside it.
            None => {
                v6.is_unspecified()
                    || v6.is_multicast()
                    || v6.segments()[0] & 0xffc0 == 0xfe80
                    || v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
            }
        },
    }
}

/// Resolves once and connects to what was checked, so that a name cannot change in between.
async fn connect(host: &str, port: u16) -> Outcome<TcpStream> {
    let mut problem = format!("{host} has no address");
    for address in tokio::net::lookup_host((host, port)).await.map_err(|e| e.to_string())? {
        if forbidden(address.ip()) {
            problem = format!("{} is link-local or no single host; nothing goes there", address.ip());
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => problem = error.to_string(),
        }
    }
    Err(problem)
}

/// How long certificates of a server are good for, and its answer.
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
    pub certificate_days: Option<f64>,
    /// Seconds that it asks to be left alone.
    pub retry_after: Option<i64>,
}

/// Connects, and says no more; of a host that speaks TLS, how many days its certificate is good for.
pub async fn reach(tls: bool, host: &str, port: u16) -> Outcome<Option<f64>> {
    let stream = connect(host, port).await?;
    if tls { Ok(days_of(&secured(host, stream).await?)) } else { Ok(None) }
}

/// Asks by GET; `headers` go along, at most `most` bytes of the answer are read.
pub async fn get(target: (bool, &str, u16, &str), headers: &[(&str, &str)], most: usize) -> Outcome<Answer> {
    send(target, Sent { method: Method::GET, headers, body: Bytes::new() }, most).await
}

/// Bytes that are read of what a destination answers to a message.
const RECEIPT_MAX: usize = 64 << 10;

/// How long a destination has to take a message and answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends a body to a URL by POST.
///
/// # Errors
/// A sentence: no such address, no connection, no answer within the time.
pub async fn post(url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Outcome<Answer> {
    ask(Method::POST, url, headers, body).await
}

/// The same by any method.
///
/// # Errors
/// As [`post`].
pub async fn ask(method: Method, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Outcome<Answer> {
    let Target::Http { tls, host, port, path } = Target::parse(url)? else {
        return Err("a message goes to https:// or http://".into());
    };
    let sent = Sent { method, headers, body: Bytes::from(body) };
    match tokio::time::timeout(PATIENCE, send((tls, &host, port, &path), sent, RECEIPT_MAX)).await {
        Ok(outcome) => outcome,
        Err(_) => Err("no answer within 10 s".into()),
    }
}

/// Writes bytes to a host that answers nothing, and closes. That they were taken is all that can be known: such a
/// protocol has no receipt.
///
/// # Errors
/// A sentence: no such address, no connection, or what stopped the writing.
pub async fn write(tls: bool, host: &str, port: u16, bytes: &[u8]) -> Outcome<()> {
    async fn all(mut stream: impl AsyncWrite + AsyncRead + Unpin, bytes: &[u8]) -> std::io::Result<()> {
        stream.write_all(bytes).await?;
        stream.shutdown().await?;
        // Whoever refuses resets the connection; whoever takes it closes when it has read all, with or without a word.
        match tokio::time::timeout(Duration::from_secs(1), stream.read(&mut [0])).await {
            Ok(Err(error)) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(()),
        }
    }
    let written = async {
        let stream = connect(host, port).await?;
        let outcome = if tls { all(secured(host, stream).await?, bytes).await } else { all(stream, bytes).await };
        outcome.map_err(|e| e.to_string())
    };
    match tokio::time::timeout(PATIENCE, written).await {
        Ok(outcome) => outcome,
        Err(_) => Err("it took nothing within 10 s".into()),
    }
}

/// What goes out.
struct Sent<'a> {
    method: Method,
    headers: &'a [(&'a str, &'a str)],
    body: Bytes,
}

async fn send((tls, host, port, path): (bool, &str, u16, &str), sent: Sent<'_>, most: usize) -> Outcome<Answer> {
    let stream = connect(host, port).await?;
    let standard = if tls { 443 } else { 80 };
    let authority = if port == standard { host.to_string() } else { format!("{host}:{port}") };
    if !tls {
        return request(TokioIo::new(stream), &authority, path, sent, most).await;
    }
    let stream = secured(host, stream).await?;
    let days = days_of(&stream);
    let answer = request(TokioIo::new(stream), &authority, path, sent, most).await?;
    Ok(Answer { certificate_days: days, ..answer })
}

/// How TLS is spoken: made once, with the authorities that are trusted.
static CONNECTOR: OnceLock<TlsConnector> = OnceLock::new();

/// Trusts authorities, PEM, beside the public ones: those by which a company signs what runs within it. To be called
/// before anything goes out; what is called later changes nothing.
///
/// # Errors
/// A sentence: nothing in it is a certificate.
pub fn trust(authorities: &[u8]) -> Outcome<()> {
    let made = connector(authorities)?;
    let _ = CONNECTOR.set(made);
    Ok(())
}

fn connector(authorities: &[u8]) -> Outcome<TlsConnector> {
    let mut roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let public = roots.len();
    for certificate in CertificateDer::pem_slice_iter(authorities) {
        roots.add(certificate.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    }
    if roots.len() == public && !authorities.is_empty() {
        return Err("there is no certificate in it; it has lines between BEGIN and END CERTIFICATE".into());
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The connection with TLS around it, if the host proves its name.
async fn secured(host: &str, stream: TcpStream) -> Outcome<TlsStream<TcpStream>> {
    let connector = match CONNECTOR.get() {
        Some(made) => made,
        None => {
            let made = connector(&[])?;
            CONNECTOR.get_or_init(|| made)
        }
    };
    let name = ServerName::try_from(host.to_string()).map_err(|e| e.to_string())?;
    connector.connect(name, stream).await.map_err(|e| e.to_string())
}

/// How long the host's own certificate is good for.
fn days_of(stream: &TlsStream<TcpStream>) -> Option<f64> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(parsed.validity().time_to_expiration()?.whole_seconds() as f64 / 86_400.0)
}

async fn request<S>(stream: S, authority: &str, path: &str, sent: Sent<'_>, most: usize) -> Outcome<Answer>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.map_err(|e| e.to_string())?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(sent.method)
        .uri(path)
        .header("host", authority)
        .header("user-agent", concat!("plimsoll/", env!("CARGO_PKG_VERSION")));
    for (name, value) in sent.headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(sent.body)).map_err(|e| e.to_string())?;
    let outcome = match sender.send_request(request).await {
        Err(error) => Err(error.to_string()),
        Ok(response) => {
            let status = response.status().as_u16();
            let asked = response.headers().get("retry-after").and_then(|v| v.to_str().ok());
            let retry_after = asked.and_then(|v| v.trim().parse().ok()).filter(|s| (0..=86_400).contains(s));
            match Limited::new(response.into_body(), most).collect().await {
                Ok(body) => Ok(Answer { status, body: body.to_bytes(), certificate_days: None, retry_after }),
                Err(error) => Err(format!("its answer could not be read: {error}; at most {most} bytes are")),
            }
        }
    };
    driver.abort();
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_where_credentials_are_handed_out() {
        for bad in
            ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "::", "224.0.0.1"]
        {
            assert!(forbidden(bad.parse().expect("an address")), "{bad}");
        }
        for good in ["127.0.0.1", "10.1.2.3", "192.0.2.7", "::1", "2001:db8::1"] {
            assert!(!forbidden(good.parse().expect("an address")), "{good}");
        }
    }

    #[test]
    fn authorities_are_certificates() {
        assert!(connector(&[]).is_ok());
        let wrong = connector(b"not a certificate").err().expect("refused");
        assert!(wrong.contains("BEGIN"), "{wrong}");
    }

    #[test]
    fn targets_are_read_and_nonsense_is_refused() {
        assert_eq!(Target::parse("tcp://db:5432"), Ok(Target::Tcp { tls: false, host: "db".into(), port: 5432 }));
        assert_eq!(
            Target::parse("https://example.com/health?x=1"),
            Ok(Target::Http { tls: true, host: "example.com".into(), port: 443, path: "/health?x=1".into() })
        );
        for bad in ["", "db:5432", "tcp://db", "ftp://x/", "http://", "http://a b/", "http://u@h/"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }
}
