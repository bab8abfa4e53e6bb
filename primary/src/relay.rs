//! The answer of one host, passed on as it comes. Nothing is read from the host unless the client
//! reads.
//!
//! Only whole lines are passed on: what follows the last line feed is held until the rest of its
//! line has come. So if the host breaks off, half a line never looks like a line. All answers
//! together hold a limited number of bytes of such lines. If there is no memory for a line of more
//! than 8 KiB, it leaves as it comes. If the host then breaks off within it, the answer is cut
//! there, without a line feed. In NDJSON each line has to be a record of this host, because the
//! primary writes the last object itself.
//!
//! An answer that fails is cut, or ends with a verdict that says so, whatever `on_error` is: there
//! are no other hosts whose records would be worth an incomplete answer.

mod lines;
mod paged;
#[cfg(feature = "fuzzing")]
mod passed_on;
mod scanned;

#[cfg(feature = "fuzzing")]
pub use passed_on::PassedOn;

use crate::answer::{Incomplete, Options};
use crate::capacity::Capacity;
use crate::host::body::{Broken, HostBody};
use crate::host::verdict;
use crate::paging::WantedPaging;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::wire::notice::Notice;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Failure, Status, Verdict};
use backscroll_shared::wire::{Format, ndjson};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use lines::Lines;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::Sleep;

/// Bytes that are taken from a host before the answer begins, if they have come already. A shorter
/// answer is sent at once.
const PRIMED_BYTES: usize = 64 << 10;

/// How often the other tasks of the thread get a turn before the next chunk counts as not there: the
/// task of the connection hands it over.
const GATHERING_TURNS: usize = 2;

/// The body of an answer of `/logs` from one host.
#[derive(Debug)]
pub struct Relay {
    options: Options,
    /// The name of the host.
    host: String,
    /// The host's answer. Dropped, and with it the connection, as soon as it has ended or failed.
    body: Option<HostBody>,
    lines: Lines,
    trailers: Option<HeaderMap>,
    /// What follows the data, once the host has ended.
    last: Last,
    /// Who keeps a record of the request.
    exchange: Option<Arc<Exchange>>,
    /// Why records are missing, once the host has ended.
    failure: Option<Failure>,
    /// What is worth knowing beside the verdict, once the host has ended.
    notices: Vec<Notice>,
    /// Whether something has left.
    has_begun: bool,
    /// How the answer can be continued, if its verdict can say so.
    paging: WantedPaging,
    /// Ends when the host is given up, because the time that the client gives is over.
    time: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
enum Last {
    /// The trailers.
    Trailers(HeaderMap),
    /// The end of an answer that is cut because it is incomplete.
    Cut,
    /// The proper end.
    End,
}

impl Relay {
    /// Passes on the `body`, with which the host of this name answers for the `file`. None where the
    /// host has not answered in the time that the client gave: see [`Relay::give_up`].
    pub fn new(
        options: Options,
        host: String,
        file: &[u8],
        body: Option<HostBody>,
        capacity: &Capacity,
    ) -> Relay {
        let beginning = match options.format {
            Format::Ndjson => ndjson::beginning(&host, file),
            Format::Text | Format::Frames => Vec::new(),
        };
        Relay {
            options,
            host,
            body,
            lines: Lines::new(beginning, capacity.lines.clone()),
            trailers: None,
            last: Last::End,
            exchange: None,
            failure: None,
            notices: Vec::new(),
            has_begun: false,
            paging: None,
            time: None,
        }
    }

    /// Sets who keeps a record of the request.
    pub fn seen_by(&mut self, exchange: Option<Arc<Exchange>>) {
        self.exchange = exchange;
    }

    /// Waits for something to send. May be dropped and called again.
    pub async fn begin(&mut self) {
        poll_fn(|cx| {
            while self.body.is_some() && self.lines.ready.is_empty() {
                ready!(self.poll_body(cx));
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Takes what has come already. It only waits for the other tasks of this thread, so it needs no
    /// timer, which would wake the thread once more.
    pub async fn gather(&mut self) {
        let mut turns = 0;
        poll_fn(|cx| {
            while self.body.is_some() && self.lines.ready.iter().map(Bytes::len).sum::<usize>() < PRIMED_BYTES
            {
                if self.poll_body(cx).is_ready() {
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

    /// The problem that is sent in place of the answer, if the host has failed before its first
    /// record.
    pub fn problem(&self) -> Option<Problem> {
        let Failure { code, detail } = self.failure.as_ref().filter(|_| self.lines.count == 0)?;
        // The client is to get its cursors.
        if *code == Code::Timeout {
            return None;
        }
        // Another code is about a request, and a stream that ends with it makes no sense.
        let code = code.for_problem().filter(|code| code.status().is_server_error());
        let code = code.unwrap_or(Code::UpstreamUnreachable);
        Some(Problem::new(code, detail.clone()).on_host(&self.host))
    }

    /// The notices beside the verdict, once the host has ended.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// All of the answer, if all of it has come and it ends properly without trailers: then its length
    /// is known.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        if self.body.is_some() || !matches!(self.last, Last::End) {
            return None;
        }
        let chunks = std::mem::take(&mut self.lines.ready);
        Some(match chunks.len() {
            1 => chunks.into_iter().next().unwrap_or_default(),
            _ => chunks.into_iter().flatten().collect(),
        })
    }

    /// Takes what the host sends next.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(body) = &mut self.body else { return Poll::Ready(()) };
        let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else { return self.poll_time(cx) };
        match frame {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(chunk) => {
                    if let Err(what) = self.lines.take(chunk) {
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

    /// Ends the answer: the host has ended, or is given up because it is `broken`.
    fn end(&mut self, broken: Option<Failure>) {
        let body = self.body.take();
        let verdict = self.continued(self.overall(broken));
        if let Some(mut body) = body {
            body.part().ended(&verdict);
            body.part().passed_on(verdict.lines);
        }
        if let Some(exchange) = &self.exchange {
            exchange.note_first_record();
            exchange.note_verdict(&verdict);
        }
        self.lines.drop_held();
        self.failure.clone_from(&verdict.error);
        if self.lines.is_open() && (self.options.format == Format::Ndjson || self.options.browser) {
            // The end is to be a line of its own.
            self.lines.ready.push_back(Bytes::from_static(b"\n"));
        }
        if self.options.format == Format::Ndjson {
            self.lines.ready.push_back(Bytes::from(ndjson::end(&verdict)));
        }
        let is_complete = verdict.status == Status::Complete;
        if self.options.browser {
            let last = if is_complete { verdict.notes() } else { verdict.last_line() };
            self.lines.ready.extend((!last.is_empty()).then(|| Bytes::from(last)));
        }
        self.notices.clone_from(&verdict.notices);
        self.last = if self.options.trailers {
            Last::Trailers(verdict.to_trailers())
        } else if is_complete || self.options.browser {
            Last::End
        } else {
            Last::Cut
        };
    }

    fn overall(&self, broken: Option<Failure>) -> Verdict {
        let name = &self.host;
        let given = match (broken, self.trailers.as_ref().and_then(Verdict::from_trailers)) {
            (Some(failure), _) => Err(failure),
            (None, None) => Err(self.no_secondary("ended its stream without a valid verdict")),
            (None, Some(given)) if given.status == Status::Complete && self.lines.is_in_a_line() => {
                Err(self.no_secondary("ended its stream in the middle of a line"))
            }
            (None, Some(given)) => {
                verdict::checked(given).map_err(|what| self.no_secondary(&what.to_string()))
            }
        };
        let of_host = given.unwrap_or_else(|failure| Verdict {
            lines: self.lines.count,
            bytes_scanned: self.lines.bytes_scanned(),
            stopped: paged::stopped(failure.code),
            ..verdict::failed(failure)
        });
        if let Some(error) = &of_host.error {
            let request_id = Exchange::logged(self.exchange.as_ref());
            tracing::warn!(
                host = name,
                code = error.code.as_str(),
                detail = error.detail,
                request_id,
                "host failed"
            );
        }
        let without_cursors = Verdict { older: None, newer: None, ..of_host.clone() };
        let hosts = BTreeMap::from([(name.clone(), without_cursors)]);
        let status = match &of_host.error {
            Some(error) if error.code == Code::Timeout => Status::Partial,
            _ if of_host.is_failure() => Status::Failed,
            _ => of_host.status,
        };
        Verdict { hosts, status, ..of_host }
    }

    fn no_secondary(&self, what: &str) -> Failure {
        let name = &self.host;
        let detail =
            format!("host {name} {what}: records are missing; ask again, or see what listens at its URL");
        Failure { code: Code::UpstreamUnreachable, detail }
    }

    fn broken(&self, error: &Broken) -> Failure {
        let name = &self.host;
        // The inner text is for the log: it names addresses.
        let request_id = Exchange::logged(self.exchange.as_ref());
        tracing::warn!(host = name, %error, request_id, "host broke off");
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

impl Body for Relay {
    type Data = Bytes;
    type Error = Incomplete;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        let this = &mut *self;
        loop {
            if let Some(data) = this.lines.ready.pop_front() {
                if !std::mem::replace(&mut this.has_begun, true)
                    && let Some(exchange) = &this.exchange
                {
                    exchange.note_first_record();
                }
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            if this.body.is_none() {
                return Poll::Ready(match std::mem::replace(&mut this.last, Last::End) {
                    Last::Trailers(fields) => Some(Ok(Frame::trailers(fields))),
                    Last::Cut => Some(Err(Incomplete)),
                    Last::End => None,
                });
            }
            ready!(this.poll_body(cx));
        }
    }
}
