//! Syslog (RFC 5424) over UDP and TCP, where the configuration names an address for it.
//!
//! Syslog knows no keys and no answers: whoever reaches the address may send. Lines are taken in groups; what
//! cannot be kept in time is dropped and counted, as syslog's own way is.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::Engine;
use crate::ingest::log_lines::LINE_BYTES;

/// Messages that wait to be kept.
const QUEUE: usize = 10_000;
/// Messages kept together, and how long the first of them waits for others.
const GROUP: usize = 1000;
const PATIENCE: Duration = Duration::from_millis(200);
/// Senders by TCP at once.
const SENDERS: usize = 256;

type Message = (String, String);

pub(crate) async fn run(engine: Engine, address: String, stop: CancellationToken) {
    let (queue, messages) = mpsc::channel::<Message>(QUEUE);
    let (udp, tcp) = match (UdpSocket::bind(&address).await, TcpListener::bind(&address).await) {
        (Ok(udp), Ok(tcp)) => (udp, tcp),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, address, "syslog cannot be listened for; collect.syslog is not used");
            engine.note_arrival("syslog", 0, 0, Some(&format!("{address} cannot be listened on: {error}")));
            return;
        }
    };
    tracing::info!(address, "listening for syslog over UDP and TCP");
    tokio::select! {
        () = stop.cancelled() => {}
        () = datagrams(&engine, udp, queue.clone()) => {}
        () = connections(&engine, tcp, queue) => {}
        () = keep(&engine, messages) => {}
    }
}

fn offer(engine: &Engine, queue: &mpsc::Sender<Message>, text: &[u8], peer: &str) {
    let text = String::from_utf8_lossy(text).trim_end_matches(['\n', '\r', '\0']).to_string();
    if !text.is_empty() && queue.try_send((text, peer.to_string())).is_err() {
        engine.note_arrival("syslog", 0, 1, Some("more came than could be kept in time"));
    }
}

async fn datagrams(engine: &Engine, socket: UdpSocket, queue: mpsc::Sender<Message>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, peer)) => offer(engine, &queue, &buffer[..length], &peer.ip().to_string()),
            Err(error) => {
                tracing::debug!(%error, "a datagram was not received");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connections(engine: &Engine, listener: TcpListener, queue: mpsc::Sender<Message>) {
    let seats = std::sync::Arc::new(Semaphore::new(SENDERS));
    loop {
        let Ok(seat) = seats.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (engine, queue) = (engine.clone(), queue.clone());
                tokio::spawn(async move {
                    let _seat = seat;
                    frames(stream, peer, |text| offer(&engine, &queue, text, &peer.ip().to_string())).await;
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a sender of syslog was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// The messages of a stream: each with its length before it (RFC 6587), or one a line.
async fn frames(mut stream: impl AsyncRead + Unpin, peer: SocketAddr, mut each: impl FnMut(&[u8])) {
    let mut held: Vec<u8> = Vec::new();
    let mut chunk = vec![0; 16 * 1024];
    loop {
        // A sender that says nothing for an hour is gone.
        let read = tokio::time::timeout(Duration::from_secs(3600), stream.read(&mut chunk)).await;
        let Ok(Ok(length @ 1..)) = read else {
            if !held.is_empty() {
                each(&held);
            }
            return;
        };
        held.extend_from_slice(&chunk[..length]);
        while let Some((skip, end)) = frame(&held) {
            each(&held[skip..end]);
            held.drain(..end);
        }
        if held.len() > 2 * LINE_BYTES {
            tracing::debug!(%peer, "a message of syslog is too long; the sender is let go");
            return;
        }
    }
}

/// Where the first whole message begins and ends.
fn frame(held: &[u8]) -> Option<(usize, usize)> {
    if held.first().is_some_and(u8::is_ascii_digit) {
        let space = held.iter().take(8).position(|b| *b == b' ')?;
        let length: usize = std::str::from_utf8(&held[..space]).ok()?.parse().ok()?;
        let end = space + 1 + length;
        return (held.len() >= end).then_some((space + 1, end));
    }
    held.iter().position(|b| *b == b'\n').map(|end| (0, end + 1))
}

async fn keep(engine: &Engine, mut messages: mpsc::Receiver<Message>) {
    while let Some((first, peer)) = messages.recv().await {
        let mut group = vec![first];
        let until = tokio::time::Instant::now() + PATIENCE;
        let mut other: Option<Message> = None;
        while group.len() < GROUP {
            match tokio::time::timeout_at(until, messages.recv()).await {
                Ok(Some((text, from))) if from == peer => group.push(text),
                Ok(Some(next)) => {
                    other = Some(next);
                    break;
                }
                _ => break,
            }
        }
        for (group, peer) in [(group, peer)].into_iter().chain(other.map(|(text, from)| (vec![text], from))) {
            match engine.ingest_syslog(&group, &peer).await {
                Ok((kept, refused, reason)) => engine.note_arrival("syslog", kept, refused, reason.as_deref()),
                Err(error) => {
                    engine.note_arrival("syslog", 0, group.len() as u64, Some(&error.to_string()));
                    tracing::warn!(%error, lines = group.len(), "lines of syslog were not kept");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_are_told_apart_by_length_or_by_line() {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut found: Vec<String> = Vec::new();
        let bytes: &[u8] = b"5 <1>ab<2>one\n<3>two\n4 <4>x";
        frames(bytes, peer, |text| found.push(String::from_utf8_lossy(text).trim_end().to_string())).await;
        assert_eq!(found, ["<1>ab", "<2>one", "<3>two", "<4>x"]);
    }
}
