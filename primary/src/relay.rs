//! One host's records, passed through as they come. The client's reading is the only pump:
//! nothing is read from the host that the client has no room for.
//!
//! Whole lines only: what follows the last line feed is held back until the rest of its
//! line is there, so that a host that breaks off never has half a line delivered as one. All
//! answers together hold a bounded part of such lines. One that finds no room passes a line of
//! more than 8 KiB on as it comes: where the host then breaks off in it, the answer is cut in
//! it, without a line feed. In NDJSON each line is to be a record of this host: the end is the
//! primary's to write.
//!
//! What fails ends like this whatever `on_error` says: there is no other host whose records
//! would be worth an answer that is not all of it.

use crate::long::{FREE_BYTES, Hold, Long};
use crate::upstream::{Broken, Pieces, heard};
use backscroll_shared::limits;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Failure, Status, Verdict};
use backscroll_shared::wire::{Format, ndjson};
use bytes::Bytes;
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

/// By which part of itself a held line's buffer grows.
const GROWTH: usize = 8;

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

/// Why what a host sent is not what a secondary sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// A line of NDJSON does not begin like a record of the host, or holds a control byte.
    #[error("sent a line that is not one of its records")]
    NotARecord,
    /// A line has more than [`limits::ENCODED_RECORD_BYTES`].
    #[error("sent a line longer than any record")]
    TooLong,
}

/// The body of an answer of `/logs`.
#[derive(Debug)]
pub struct Relay {
    wish: Wish,
    /// Dropped, and with it the connection, as soon as it has ended or failed.
    upstream: Option<Pieces>,
    /// A line whose end has not come yet.
    held: Vec<u8>,
    /// The room for it, where it is long.
    room: Option<Hold>,
    long: Long,
    /// Bytes of a line whose beginning has been passed on and whose end has not come; none
    /// where no line is.
    open: Option<usize>,
    /// What leaves next; at most the held line and the rest of one piece.
    ready: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// Bytes of log lines that the host has read for what came, as far as can be told.
    scanned: Scanned,
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
    pub fn new(wish: Wish, upstream: Pieces, long: Long) -> Relay {
        let beginning = match wish.format {
            Format::Ndjson => ndjson::beginning(&wish.host, &wish.file),
            Format::Text | Format::Frames => Vec::new(),
        };
        Relay {
            wish,
            beginning,
            failure: None,
            upstream: Some(upstream),
            held: Vec::new(),
            room: None,
            long,
            open: None,
            scanned: Scanned::default(),
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
        let code = code.for_problem().filter(|code| code.status().is_server_error());
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

    /// Takes a piece.
    fn take(&mut self, mut piece: Bytes) -> Result<(), BadLine> {
        if let Some(bytes) = self.open {
            let feed = memchr::memchr(b'\n', &piece);
            let of_line = piece.split_to(feed.map_or(piece.len(), |feed| feed + 1));
            if !self.beginning.is_empty() && has_control(&of_line) {
                return Err(BadLine::NotARecord);
            }
            let bytes = bytes + of_line.len();
            if bytes > limits::ENCODED_RECORD_BYTES {
                return Err(BadLine::TooLong);
            }
            self.scanned.went_on(of_line.len());
            self.ready.push_back(of_line);
            if feed.is_none() {
                self.open = Some(bytes);
                return Ok(());
            }
            self.open = None;
            self.lines += 1;
        }
        if let Some(at) = memchr::memrchr(b'\n', &piece) {
            let rest = piece.split_off(at + 1);
            let sound = self.sound(&piece);
            let is_sound = sound == piece.len();
            piece.truncate(sound);
            self.lines += memchr::memchr_iter(b'\n', &piece).count() as u64;
            if !piece.is_empty() {
                self.scanned.came(&self.held, &piece, &self.beginning);
                self.release();
                self.ready.push_back(piece);
            }
            if !is_sound {
                return Err(BadLine::NotARecord);
            }
            piece = rest;
        }
        self.keep(&piece)
    }

    /// Holds back what has come of a line without its end.
    fn keep(&mut self, piece: &[u8]) -> Result<(), BadLine> {
        let bytes = self.held.len() + piece.len();
        if bytes > limits::ENCODED_RECORD_BYTES {
            return Err(BadLine::TooLong);
        }
        // A buffer that grows by itself doubles, and many are held at once.
        if self.held.capacity() < bytes {
            self.held.reserve_exact(piece.len().max(self.held.len() / GROWTH));
        }
        // Copied, so that the tail of a line does not keep the whole piece alive.
        self.held.extend_from_slice(piece);
        let has_room = bytes <= FREE_BYTES
            || if let Some(room) = &mut self.room {
                room.try_grow(&self.long, bytes)
            } else {
                self.room = self.long.try_hold(bytes);
                self.room.is_some()
            };
        if !has_room {
            if !self.begins(b"") {
                return Err(BadLine::NotARecord);
            }
            self.open = Some(bytes);
            self.scanned.came(&self.held, b"", &self.beginning);
            self.release();
        }
        Ok(())
    }

    /// Lets the held line, or its beginning, leave.
    fn release(&mut self) {
        if self.held.is_empty() {
            return;
        }
        // What is left of a long one is not to stay behind the next short ones.
        let held = Bytes::from(std::mem::take(&mut self.held));
        self.ready.push_back(match self.room.take() {
            Some(room) => room.keep(held),
            None => held,
        });
    }

    /// Bytes of the lines before the first one that is no record, as far as can be seen without
    /// reading it as JSON. The first line began with what is held, and each has its end here.
    fn sound(&self, lines: &[u8]) -> usize {
        if self.beginning.is_empty() {
            return lines.len();
        }
        if !self.begins(lines) {
            return 0;
        }
        let mut sound = lines;
        if has_control(lines) {
            // A client that ends lines there would take the rest for another one.
            let at = lines.iter().position(|b| is_control(*b)).unwrap_or_default();
            sound = &lines[..memchr::memrchr(b'\n', &lines[..at]).map_or(0, |feed| feed + 1)];
        }
        let starts = memchr::memchr_iter(b'\n', sound).map(|feed| feed + 1);
        let mut odd = starts.filter(|start| !self.is_record(&sound[*start..]));
        // The last one found is where the next piece goes on.
        odd.next().unwrap_or(sound.len())
    }

    /// Whether the line that begins with what is held, and goes on with this, begins like a
    /// record.
    fn begins(&self, rest: &[u8]) -> bool {
        let most = self.beginning.len() + ndjson::GOES_ON_BYTES;
        let first = self.held.iter().chain(rest).copied().take(most);
        self.beginning.is_empty() || !has_control(&self.held) && self.is_record(&first.collect::<Vec<u8>>())
    }

    fn is_record(&self, line: &[u8]) -> bool {
        line.strip_prefix(&self.beginning[..]).is_some_and(ndjson::goes_on)
    }

    /// Takes what the host sends next.
    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(upstream) = &mut self.upstream else { return Poll::Ready(()) };
        match ready!(Pin::new(upstream).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) => {
                    if let Err(what) = self.take(piece) {
                        self.end(Some(self.no_secondary(&what.to_string())));
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
        (self.held, self.room) = (Vec::new(), None);
        self.failure.clone_from(&verdict.error);
        if self.open.is_some() && (self.wish.format == Format::Ndjson || self.wish.browser) {
            // The end is to be a line of its own.
            self.ready.push_back(Bytes::from_static(b"\n"));
        }
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
            (None, Some(given)) if given.status == Status::Complete && self.is_in_a_line() => {
                Err(self.no_secondary("ended its stream in the middle of a line"))
            }
            (None, Some(given)) => heard::verdict(given).map_err(|what| self.no_secondary(&what.to_string())),
        };
        let of_host = given.unwrap_or_else(|failure| Verdict {
            lines: self.lines,
            bytes_scanned: self.scanned.bytes(),
            ..heard::failed(failure)
        });
        if let Some(error) = &of_host.error {
            tracing::warn!(host = name, code = error.code.as_str(), detail = error.detail, "host failed");
        }
        let hosts = BTreeMap::from([(name.clone(), of_host.clone())]);
        let status = if of_host.is_failure() { Status::Failed } else { of_host.status };
        Verdict { hosts, status, ..of_host }
    }

    fn is_in_a_line(&self) -> bool {
        !self.held.is_empty() || self.open.is_some()
    }

    fn no_secondary(&self, what: &str) -> Failure {
        let name = &self.wish.host;
        let detail =
            format!("host {name} {what}: records are missing; ask again, or see what listens at its URL");
        Failure { code: Code::UpstreamUnreachable, detail }
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
        Failure { code, detail }
    }
}

/// Bytes of its file that a host has looked at, where it does not say so itself: at least those
/// between the newest line that came and the oldest.
#[derive(Debug, Default)]
struct Scanned {
    /// Bytes of text that came.
    text: u64,
    /// Offsets of records.
    newest: Option<u64>,
    oldest: u64,
}

impl Scanned {
    /// These lines came, of which the first one began with what was held.
    fn came(&mut self, held: &[u8], lines: &[u8], beginning: &[u8]) {
        if beginning.is_empty() {
            self.text += (held.len() + lines.len()) as u64;
            return;
        }
        let offset = |line: &[u8]| -> Option<u64> {
            let rest = line.strip_prefix(beginning)?;
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
        };
        let most = beginning.len() + ndjson::GOES_ON_BYTES;
        if self.newest.is_none() {
            let first: Vec<u8> = held.iter().chain(lines).copied().take(most).collect();
            self.newest = offset(&first);
            self.oldest = self.newest.unwrap_or_default();
        }
        let feed = lines.split_last().and_then(|(_, before)| memchr::memrchr(b'\n', before));
        if let Some(oldest) = feed.and_then(|feed| offset(&lines[feed + 1..])) {
            self.oldest = oldest;
        }
    }

    /// The line in hand went on.
    fn went_on(&mut self, bytes: usize) {
        if self.newest.is_none() {
            self.text += bytes as u64;
        }
    }

    fn bytes(&self) -> u64 {
        self.newest.map_or(self.text, |newest| newest.saturating_sub(self.oldest) + 1)
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
