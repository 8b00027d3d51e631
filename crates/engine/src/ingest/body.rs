//! A body on its way in: whole in memory when it is small, else decoded while it comes.

use std::io::{Cursor, Read};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::cells::Table;
use super::decode::{self, Format};
use crate::{EngineError, Result};

/// Bytes up to which a body is taken whole before it is decoded.
pub const WHOLE_MAX: usize = 1 << 20;

pub enum Body {
    /// All of it, at most [`WHOLE_MAX`] bytes.
    Whole(Bytes),
    /// Bytes that are still coming.
    Coming(Box<dyn Read + Send>),
}

/// The tables of a body, one after the other.
pub(super) enum Tables {
    Here(decode::Pieces),
    Elsewhere(mpsc::Receiver<Result<Table>>),
}

impl Tables {
    /// A small body of text is decoded where it is: that takes less than waking another thread.
    /// All others get a thread of their own. The connection's task must stay free meanwhile: it is
    /// what brings the rest of the body, and a handler that blocked it would wait for ever.
    pub(super) fn of(format: Option<Format>, body: Body) -> Result<Tables> {
        let packed = |bytes: &[u8]| {
            bytes.starts_with(b"PAR1") || bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&decode::ZSTD)
        };
        let reader: Box<dyn Read + Send> = match body {
            Body::Whole(bytes) if !packed(&bytes) => {
                return decode::tables(format, Box::new(Cursor::new(bytes))).map(Tables::Here);
            }
            Body::Whole(bytes) => Box::new(Cursor::new(bytes)),
            Body::Coming(reader) => reader,
        };
        let (sender, receiver) = mpsc::channel(1);
        tokio::task::spawn_blocking(move || match decode::tables(format, reader) {
            Err(error) => drop(sender.blocking_send(Err(error))),
            Ok(tables) => {
                for table in tables {
                    // Nobody listens any more: the request is over.
                    if sender.blocking_send(table).is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Tables::Elsewhere(receiver))
    }

    pub(super) async fn next(&mut self) -> Option<Result<Table>> {
        match self {
            Tables::Here(pieces) => pieces.next(),
            Tables::Elsewhere(receiver) => receiver.recv().await,
        }
    }
}

/// Runs work on a table where it is, or, if it is long, where it holds nobody up.
pub(super) fn work<T>(rows: usize, work: impl FnOnce() -> std::result::Result<T, EngineError>) -> Result<T> {
    if rows <= 1024 { work() } else { tokio::task::block_in_place(work) }
}
