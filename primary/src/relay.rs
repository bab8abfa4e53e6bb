//! One host's records, passed through as they come. The client's reading is the only pump:
//! nothing is read from the host that the client has no room for.
//!
//! Whole lines only: what follows the last line feed is held back until the rest of its
//! line is there, so that a host that breaks off never has half a line delivered as one.

use crate::upstream::{Broken, Pieces};
use backscroll_shared::limits;
use backscroll_shared::query::OnError;
use backscroll_shared::wire::problem::Code;
use backscroll_shared::wire::verdict::{Status, Verdict};
use backscroll_shared::wire::{Format, ndjson};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Bytes that are taken from a host before the answer begins, where they have come already:
/// an answer that is no longer is sent in one piece.
const PRIMED_BYTES: usize = 64 << 10;

/// Turns that the other tasks of the thread get for the next piece of what has come: the
/// connection's own task hands it over.
const GATHERING_TURNS: usize = 2;

/// What the client asked for, as far as it shapes the answer.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The name of the host that is passed through.
    pub host: String,
    /// How the records are written.
    pub format: Format,
    /// What becomes of an answer that is incomplete.
    pub on_error: OnError,
    /// Whether the client reads the verdict from trailers.
    pub trailers: bool,
}

/// The answer is incomplete, and the client has no other way to learn it than that the
/// connection is cut.
#[derive(Debug, thiserror::Error)]
#[error("the answer is incomplete")]
pub struct Incomplete;

/// The body of an answer of `/logs`.
#[derive(Debug)]
pub struct Relay {
    wish: Wish,
    /// Dropped, and with it the connection, as soon as it has ended or failed.
    upstream: Option<Pieces>,
    /// A line whose end has not come yet.
    held: BytesMut,
    /// What leaves next; at most the held line and the rest of one piece.
    ready: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// Lines passed on. In NDJSON a record is one line, so for a host that ends without a
    /// verdict it counts records.
    lines: u64,
    /// What follows the data, once the host has ended.
    last: Last,
}

#[derive(Debug)]
enum Last {
    /// The trailers.
    Trailers(HeaderMap),
    /// The end of an answer that is known to be incomplete.
    Cut,
    /// The proper end.
    End,
}

impl Relay {
    /// Passes `upstream` on.
    pub fn new(wish: Wish, upstream: Pieces) -> Relay {
        Relay {
            wish,
            upstream: Some(upstream),
            held: BytesMut::new(),
            ready: VecDeque::new(),
            trailers: None,
            lines: 0,
            last: Last::End,
        }
    }

    /// Waits for something to send. May be dropped and called again.
    pub async fn begin(&mut self) {
        poll_fn(|cx| {
            while self.upstream.is_some() && self.ready.is_empty() {
                ready!(self.poll_upstream(cx));
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Goes on as far as more has come already. It waits for nothing but for the other tasks
    /// of this thread: a timer around it would only wake the thread once more.
    pub async fn gather(&mut self) {
        let mut turns = 0;
        poll_fn(|cx| {
            while self.upstream.is_some() && self.ready.iter().map(Bytes::len).sum::<usize>() < PRIMED_BYTES {
                if self.poll_upstream(cx).is_ready() {
                    turns = 0;
                } else if turns == GATHERING_TURNS {
                    break;
                } else {
                    turns += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// All of the answer, where it has come and ends properly without trailers: then its
    /// length is known.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        if self.upstream.is_some() || !matches!(self.last, Last::End) {
            return None;
        }
        let pieces = std::mem::take(&mut self.ready);
        Some(match pieces.len() {
            1 => pieces.into_iter().next().unwrap_or_default(),
            _ => pieces.into_iter().flatten().collect(),
        })
    }

    /// Takes a piece. False where a line grows past every record that a secondary sends.
    fn take(&mut self, mut piece: Bytes) -> bool {
        if let Some(at) = memchr::memrchr(b'\n', &piece) {
            let rest = piece.split_off(at + 1);
            self.lines += memchr::memchr_iter(b'\n', &piece).count() as u64;
            if !self.held.is_empty() {
                self.ready.push_back(self.held.split().freeze());
            }
            self.ready.push_back(piece);
            piece = rest;
        }
        if self.held.len() + piece.len() > limits::ENCODED_RECORD_BYTES {
            return false;
        }
        // Copied, so that the tail of a line does not keep the whole piece alive.
        self.held.extend_from_slice(&piece);
        true
    }

    /// Takes what the host sends next.
    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(upstream) = &mut self.upstream else { return Poll::Ready(()) };
        match ready!(Pin::new(upstream).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) => {
                    if !self.take(piece) {
                        let detail = format!(
                            "host {} sent a line longer than any record: see what listens at its URL",
                            self.wish.host
                        );
                        self.end(Some((Code::UpstreamUnreachable, detail)));
                    }
                }
                Err(frame) => self.trailers = frame.into_trailers().ok(),
            },
            Some(Err(error)) => {
                let broken = self.broken(&error);
                self.end(Some(broken));
            }
            None => self.end(None),
        }
        Poll::Ready(())
    }

    /// The host has ended, or is given up: what is said of it, and how the answer ends.
    fn end(&mut self, broken: Option<(Code, String)>) {
        self.upstream = None;
        let verdict = self.overall(broken);
        self.held = BytesMut::new();
        if self.wish.format == Format::Ndjson {
            self.ready.push_back(Bytes::from(ndjson::end(&verdict)));
        }
        self.last = if self.wish.trailers {
            Last::Trailers(verdict.to_trailers())
        } else if verdict.status == Status::Complete || self.wish.on_error == OnError::Ignore {
            Last::End
        } else {
            Last::Cut
        };
    }

    fn overall(&self, broken: Option<(Code, String)>) -> Verdict {
        let name = &self.wish.host;
        let given = self.trailers.as_ref().and_then(Verdict::from_trailers);
        let broken = broken.or_else(|| match &given {
            None => Some((
                Code::UpstreamUnreachable,
                format!("host {name} ended its stream without a verdict: records are missing; ask again"),
            )),
            Some(given) if given.status == Status::Complete && !self.held.is_empty() => Some((
                Code::UpstreamUnreachable,
                format!(
                    "host {name} ended its stream in the middle of a line: records are missing; ask again"
                ),
            )),
            Some(_) => None,
        });
        let of_host = match (broken, given) {
            (Some((code, detail)), _) => {
                Verdict { lines: self.lines, ..Verdict::failed(code.as_str(), detail) }
            }
            (None, Some(given)) => given,
            (None, None) => unreachable!("a host without a verdict is a broken one"),
        };
        if let Some(error) = &of_host.error {
            tracing::warn!(host = name, code = error.code, detail = error.detail, "host failed");
        }
        let hosts = BTreeMap::from([(name.clone(), of_host.clone())]);
        Verdict { hosts, ..of_host }
    }

    fn broken(&self, error: &Broken) -> (Code, String) {
        let name = &self.wish.host;
        // The inner text is for the log: it names addresses.
        tracing::warn!(host = name, %error, "host broke off");
        match error {
            Broken::Connection(_) => (
                Code::UpstreamUnreachable,
                format!("the connection to host {name} broke: records are missing; ask again"),
            ),
            Broken::Late => (
                Code::UpstreamTimeout,
                format!(
                    "host {name} had not ended when the time for the request was over: records are missing; ask for less, or start the primary with a longer --request-timeout"
                ),
            ),
            Broken::Idle(time) => (
                Code::UpstreamTimeout,
                format!("host {name} sent nothing for {time:?}: records are missing; ask again"),
            ),
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = Incomplete;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        let this = &mut *self;
        loop {
            if let Some(data) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            if this.upstream.is_none() {
                return Poll::Ready(match std::mem::replace(&mut this.last, Last::End) {
                    Last::Trailers(fields) => Some(Ok(Frame::trailers(fields))),
                    Last::Cut => Some(Err(Incomplete)),
                    Last::End => None,
                });
            }
            ready!(this.poll_upstream(cx));
        }
    }
}
