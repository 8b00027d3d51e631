//! A lean HTTP/1.1 client on one keep-alive connection: the load must not cost more than the served.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A request as bytes, to be sent as often as wanted; where its body begins.
pub(crate) fn request(path: &str, key: &str, headers: &str, body: &[u8]) -> (Vec<u8>, usize) {
    let mut bytes = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    let start = bytes.len();
    bytes.extend_from_slice(body);
    (bytes, start)
}

/// Sends requests side by side, a queue a connection, each again while the server asks to wait; the
/// seconds it took. An answer other than `kept` ends it.
pub(crate) async fn send_all(
    connections: &mut Vec<Connection>,
    queues: Vec<Vec<Vec<u8>>>,
    kept: &'static [u16],
) -> Result<f64, String> {
    let start = Instant::now();
    let mut tasks = Vec::new();
    for (mut connection, queue) in connections.drain(..).zip(queues) {
        tasks.push(tokio::spawn(async move {
            for bytes in &queue {
                loop {
                    match connection.send(bytes).await? {
                        status if kept.contains(&status) => break,
                        429 | 503 => tokio::time::sleep(Duration::from_millis(20)).await,
                        other => return Err(format!("the answer was {other}")),
                    }
                }
            }
            Ok::<_, String>(connection)
        }));
    }
    for task in tasks {
        connections.push(task.await.map_err(|e| e.to_string())??);
    }
    Ok(start.elapsed().as_secs_f64())
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Connection, String> {
        let stream = TcpStream::connect(address).await.map_err(|e| format!("{address}: {e}"))?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        Ok(Connection { stream, buffer: Vec::with_capacity(1 << 14) })
    }

    /// Sends a whole request; the status of its answer.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<u16, String> {
        self.exchange(request).await.map(|(status, _)| status)
    }

    /// Sends a whole request; the status and body of its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<(u16, Vec<u8>), String> {
        self.stream.write_all(request).await.map_err(|e| e.to_string())?;
        self.answer().await
    }

    pub(crate) async fn get(&mut self, path: &str, key: &str) -> Result<(u16, Vec<u8>), String> {
        let text = format!("GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\r\n");
        self.exchange(text.as_bytes()).await
    }

    /// As a browser asks: packed.
    pub(crate) async fn page(&mut self, path: &str, key: &str) -> Result<(u16, Vec<u8>), String> {
        let text = format!(
            "GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\naccept-encoding: gzip, deflate, br\r\n\r\n"
        );
        self.exchange(text.as_bytes()).await
    }

    /// A JSON body by any method; the status of the answer.
    pub(crate) async fn json(&mut self, method: &str, path: &str, key: &str, body: &str) -> Result<u16, String> {
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(text.as_bytes()).await
    }

    async fn fill(&mut self) -> Result<(), String> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err("the connection was closed".into()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn answer(&mut self) -> Result<(u16, Vec<u8>), String> {
        self.buffer.clear();
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
            self.fill().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        let status = head.get(9..12).and_then(|s| s.parse().ok()).ok_or_else(|| format!("no status in {head}"))?;
        let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if let Some(length) = length {
            while self.buffer.len() < end + length {
                self.fill().await?;
            }
            return Ok((status, self.buffer[end..end + length].to_vec()));
        }
        if !head.contains("transfer-encoding: chunked") {
            return Ok((status, Vec::new()));
        }
        let mut body = Vec::new();
        let mut at = end;
        loop {
            let line = loop {
                if let Some(line) = self.buffer[at..].windows(2).position(|w| w == b"\r\n") {
                    break line;
                }
                self.fill().await?;
            };
            let text = String::from_utf8_lossy(&self.buffer[at..at + line]).into_owned();
            let size = usize::from_str_radix(text.trim(), 16).map_err(|_| format!("“{text}” is no chunk"))?;
            while self.buffer.len() < at + line + 2 + size + 2 {
                self.fill().await?;
            }
            at += line + 2;
            body.extend_from_slice(&self.buffer[at..at + size]);
            at += size + 2;
            if size == 0 {
                return Ok((status, body));
            }
        }
    }
}
