//! One host's records, passed through as they come. The client's reading is the only pump:
//! nothing is read from the host that the client has no room for.
//!
//! Whole lines only: what follows the last line feed is held back until the rest of its
//! line is there, so that a host that breaks off never has half a line delivered as one. In
//! NDJSON each line is to be a record of this host: the end is the primary's to write.
//!
//! What fails ends like this whatever `on_error` says: there is no other host whose records
//! would be worth an answer that is not all of it.

use crate::upstream::{Broken, Pieces, heard};
use backscroll_shared::limits;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Failure, Status, Verdict};
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
    /// The file that is asked for.
    pub file: Vec<u8>,
    /// How the records are written.
    pub format: Format,
    /// Whether the client reads the verdict from trailers.
    pub trailers: bool,
    /// Whether the client is a browser that gets text: an incomplete one ends properly, and says
    /// so.
    pub browser: bool,
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
    /// How each line begins; empty where it may begin like anything.
    beginning: Vec<u8>,
    /// What follows the data, once the host has ended.
    last: Last,
    /// What failed, once the host has ended.
    failure: Option<Failure>,
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
        let beginning = match wish.format {
            Format::Ndjson => ndjson::beginning(&wish.host, &wish.file),
            Format::Text | Format::Frames => Vec::new(),
        };
        Relay {
            wish,
            beginning,
            failure: None,
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

    /// What is answered instead, where the host has failed before any of its records came.
    pub fn problem(&self) -> Option<Problem> {
        let Failure { code, detail } = self.failure.as_ref().filter(|_| self.lines == 0)?;
        // That a stream ends with another one is no answer to what was asked.
        let code = Code::known(code).filter(|code| code.status().is_server_error());
        let code = code.unwrap_or(Code::UpstreamUnreachable);
        Some(Problem::new(code, detail.clone()).on_host(&self.wish.host))
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

    /// Takes a piece. The error says what about it no secondary does.
    fn take(&mut self, mut piece: Bytes) -> Result<(), &'static str> {
        if let Some(at) = memchr::memrchr(b'\n', &piece) {
            let rest = piece.split_off(at + 1);
            let sound = self.sound(&piece);
            let is_sound = sound == piece.len();
            piece.truncate(sound);
            self.lines += memchr::memchr_iter(b'\n', &piece).count() as u64;
            if !piece.is_empty() {
                if !self.held.is_empty() {
                    self.ready.push_back(self.held.split().freeze());
                }
                self.ready.push_back(piece);
            }
            if !is_sound {
                return Err("sent a line that is not one of its records");
            }
            piece = rest;
        }
        if self.held.len() + piece.len() > limits::ENCODED_RECORD_BYTES {
            return Err("sent a line longer than any record");
        }
        // Copied, so that the tail of a line does not keep the whole piece alive.
        self.held.extend_from_slice(&piece);
        Ok(())
    }

    /// Bytes of the lines before the first one that is no record, as far as can be seen without
    /// reading it as JSON. The first line began with what is held, and each has its end here.
    fn sound(&self, lines: &[u8]) -> usize {
        let beginning = &self.beginning[..];
        if beginning.is_empty() {
            return lines.len();
        }
        let is_record = |line: &[u8]| line.strip_prefix(beginning).is_some_and(ndjson::goes_on);
        let first = self.held.iter().chain(lines).copied().take(beginning.len() + ndjson::GOES_ON_BYTES);
        if has_control(&self.held) || !is_record(&first.collect::<Vec<u8>>()) {
            return 0;
        }
        let mut sound = lines;
        if has_control(lines) {
            // A client that ends lines there would take the rest for another one.
            let at = lines.iter().position(|b| is_control(*b)).unwrap_or_default();
            sound = &lines[..memchr::memrchr(b'\n', &lines[..at]).map_or(0, |feed| feed + 1)];
        }
        let starts = memchr::memchr_iter(b'\n', sound).map(|feed| feed + 1);
        let mut odd = starts.filter(|start| !is_record(&sound[*start..]));
        // The last one found is where the next piece goes on.
        odd.next().unwrap_or(sound.len())
    }

    /// Takes what the host sends next.
    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(upstream) = &mut self.upstream else { return Poll::Ready(()) };
        match ready!(Pin::new(upstream).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) => {
                    if let Err(what) = self.take(piece) {
                        self.end(Some(self.no_secondary(what)));
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
    fn end(&mut self, broken: Option<Failure>) {
        self.upstream = None;
        let verdict = self.overall(broken);
        self.held = BytesMut::new();
        self.failure.clone_from(&verdict.error);
        if self.wish.format == Format::Ndjson {
            self.ready.push_back(Bytes::from(ndjson::end(&verdict)));
        }
        let is_complete = verdict.status == Status::Complete;
        if self.wish.browser && !is_complete {
            self.ready.push_back(Bytes::from(verdict.last_line()));
        }
        self.last = if self.wish.trailers {
            Last::Trailers(verdict.to_trailers())
        } else if is_complete || self.wish.browser {
            Last::End
        } else {
            Last::Cut
        };
    }

    fn overall(&self, broken: Option<Failure>) -> Verdict {
        let name = &self.wish.host;
        let given = match (broken, self.trailers.as_ref().and_then(Verdict::from_trailers)) {
            (Some(failure), _) => Err(failure),
            (None, None) => Err(self.no_secondary("ended its stream without a valid verdict")),
            (None, Some(given)) if given.status == Status::Complete && !self.held.is_empty() => {
                Err(self.no_secondary("ended its stream in the middle of a line"))
            }
            (None, Some(given)) => heard::verdict(given).map_err(|what| self.no_secondary(what)),
        };
        let of_host = given.unwrap_or_else(|failure| Verdict { lines: self.lines, ..heard::failed(failure) });
        if let Some(error) = &of_host.error {
            tracing::warn!(host = name, code = error.code, detail = error.detail, "host failed");
        }
        let hosts = BTreeMap::from([(name.clone(), of_host.clone())]);
        let status = if of_host.is_failure() { Status::Failed } else { of_host.status };
        Verdict { hosts, status, ..of_host }
    }

    fn no_secondary(&self, what: &str) -> Failure {
        let name = &self.wish.host;
        let detail =
            format!("host {name} {what}: records are missing; ask again, or see what listens at its URL");
        Failure { code: Code::UpstreamUnreachable.as_str().to_owned(), detail }
    }

    fn broken(&self, error: &Broken) -> Failure {
        let name = &self.wish.host;
        // The inner text is for the log: it names addresses.
        tracing::warn!(host = name, %error, "host broke off");
        let (code, detail) = match error {
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
        };
        Failure { code: code.as_str().to_owned(), detail }
    }
}

/// Whether there is a control byte in lines of JSON, where each is escaped. All of it is looked
/// at, without a branch: that is faster than to stop at the first.
fn has_control(lines: &[u8]) -> bool {
    lines.iter().fold(false, |has, byte| has | is_control(*byte))
}

fn is_control(byte: u8) -> bool {
    byte < 0x20 && byte != b'\n'
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
