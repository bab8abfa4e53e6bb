//! One request and what became of it, for those who keep a record of each: the audit, the log, the
//! traces and the metrics.
//!
//! Whoever answers the request notes what it learns. The end comes when the body of the answer is
//! dropped, or the request itself if it has no answer yet. So it comes exactly once, however the
//! answer ends.

mod part;
mod recorders;
mod steps;

pub use part::{HostPart, Part};
pub use recorders::{Recorder, Recorders};
pub use steps::Steps;

use crate::query::LogQuery;
use crate::query::range::ScanMode;
use crate::telemetry::request_id::{REQUEST_ID, RequestId};
use crate::telemetry::trace_context::TraceContext;
use crate::wire::code::Code;
use crate::wire::verdict::{RangeFound, Status, Stopped, Verdict};
use http::{Extensions, Method, Request, Response, StatusCode};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::field::DisplayValue;

/// Names of hosts that are kept of one request. More of them are counted.
const HOSTS: usize = 64;

/// Bytes that are kept of a name that a client sends.
const NAME_BYTES: usize = 255;

/// The beginning of a name that a client sends.
pub fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_BYTES)]
}

/// One request, and what became of it.
#[derive(Debug)]
pub struct Exchange {
    /// Its method, or `other`: a client may send any word.
    pub method: &'static str,
    /// Its endpoint, one of those that the log names.
    pub endpoint: &'static str,
    /// Where it comes from; None for a Unix socket.
    pub client: Option<SocketAddr>,
    /// The id under which both servers log it.
    pub id: RequestId,
    /// The trace that it belongs to.
    pub trace: TraceContext,
    /// When its head had come.
    pub began: Instant,
    noted: Mutex<Noted>,
}

/// What is learnt of a request.
#[derive(Debug, Default, Clone)]
pub struct Noted {
    /// Who sends it: the id of a token, or the name in a certificate. On a secondary that a primary
    /// asks, the one who asks the primary.
    pub caller: Option<String>,
    /// On a secondary: the primary that asks for the caller.
    pub via: Option<String>,
    /// The hosts, as the request names them, or the first ones of them.
    pub hostnames: Vec<String>,
    /// The file that it asks for.
    pub filename: Option<Vec<u8>>,
    /// On a secondary: the file to which that leads, if it is an alias.
    pub real_filename: Option<Vec<u8>>,
    /// The hosts that are asked, or the first ones of them.
    pub hosts: Vec<String>,
    /// How many hosts are asked.
    pub hosts_asked: usize,
    /// The status of the answer; None where there was none.
    pub status: Option<StatusCode>,
    /// The code of a problem, or of the failure in a verdict.
    pub code: Option<Code>,
    /// Whether this server has refused it with a problem of its own.
    pub is_refused: bool,
    /// The verdict; None where there is none.
    pub verdict: Option<Status>,
    /// Lines that were delivered.
    pub lines: u64,
    /// Lines that were cut at the limit of a line.
    pub truncated_lines: u64,
    /// How many lines are asked for, at most.
    pub n: Option<u64>,
    /// Which kinds of filters the request has.
    pub filters: Filters,
    /// How a range of times is to be found; None if the request asks for none.
    pub range_asked: Option<ScanMode>,
    /// Whether it continues an earlier answer.
    pub has_cursor: bool,
    /// Why the search stopped; None where that is not known.
    pub stopped: Option<Stopped>,
    /// How the edges of the range of times were found; None where that is not known.
    pub range: Option<RangeFound>,
    /// Bytes of log files that were read.
    pub bytes_scanned: u64,
    /// How long it took until the first record left, or until it was known that there is none.
    pub first_record: Option<Duration>,
    /// On a secondary: when it did what.
    pub steps: Steps,
    /// On a primary that records the trace: what its hosts did, or the first ones of them to end.
    pub parts: Vec<Part>,
    /// Hosts whose parts are not among those.
    pub parts_left_out: u64,
}

/// The code of a problem that another server has given, among the extensions of an answer that
/// passes it on.
#[derive(Debug, Clone, Copy)]
pub struct PassedOn(pub Code);

/// Which kinds of filters a request has, and how many of each. Never their text.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Filters {
    /// Keywords.
    pub keywords: usize,
    /// Regular expressions.
    pub regexes: usize,
    /// Literals that exclude.
    pub excludes: usize,
    /// Regular expressions that exclude.
    pub exclude_regexes: usize,
    /// Whether the case of letters is ignored.
    pub ignore_case: bool,
}

impl Exchange {
    /// The one of a request of a primary with these extensions; None in tests that call an endpoint directly.
    pub fn of(extensions: &Extensions) -> Option<&Arc<Exchange>> {
        extensions.get()
    }

    /// Its id, as a field of a message in the log.
    pub fn logged(exchange: Option<&Arc<Exchange>>) -> Option<DisplayValue<&RequestId>> {
        exchange.map(|exchange| tracing::field::display(&exchange.id))
    }

    /// Notes something.
    pub fn note(&self, note: impl FnOnce(&mut Noted)) {
        note(&mut self.noted());
    }

    /// Notes the hosts as the request names them.
    pub fn note_hostnames(&self, names: &[String]) {
        self.noted().hostnames = names.iter().take(HOSTS).map(|name| shortened(name).to_owned()).collect();
    }

    /// Notes the hosts that are asked.
    pub fn note_hosts<'h>(&self, hosts: impl ExactSizeIterator<Item = &'h str>) {
        let mut noted = self.noted();
        noted.hosts_asked = hosts.len();
        noted.hosts = hosts.take(HOSTS).map(str::to_owned).collect();
    }

    /// Notes what is asked for. Of the filters only their kinds, and of a range of times or a cursor
    /// only that there is one.
    pub fn note_query(&self, query: &LogQuery) {
        let mut noted = self.noted();
        noted.filename = Some(query.filename.as_bytes().to_vec());
        noted.n = query.n;
        noted.filters = Filters { keywords: query.filter.keywords().len(), ..Filters::default() };
        if let Some(conditions) = query.filter.conditions() {
            noted.filters.regexes = conditions.regexes.len();
            noted.filters.excludes = conditions.excludes.len();
            noted.filters.exclude_regexes = conditions.exclude_regexes.len();
            noted.filters.ignore_case = conditions.ignore_case;
        }
        noted.range_asked = (!query.range.is_open()).then_some(query.scan);
        noted.has_cursor = query.cursor.is_some();
    }

    /// Notes the verdict.
    pub fn note_verdict(&self, verdict: &Verdict) {
        let mut noted = self.noted();
        noted.verdict = Some(verdict.status);
        noted.lines = verdict.lines;
        noted.truncated_lines = verdict.truncated_lines;
        noted.bytes_scanned = verdict.bytes_scanned;
        noted.code = verdict.error.as_ref().map(|error| error.code);
        noted.stopped = verdict.stopped;
        noted.range = verdict.range;
    }

    /// Notes that the first record leaves, or that there is none. Only the first call has an effect.
    pub fn note_first_record(&self) {
        let took = self.began.elapsed();
        self.noted().first_record.get_or_insert(took);
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a request. When it is dropped, the request is over.
#[derive(Debug)]
pub struct Ending {
    exchange: Arc<Exchange>,
    recorders: Recorders,
    is_whole: bool,
    has_client_left: bool,
    bytes_sent: u64,
}

/// A request that is over.
#[derive(Debug)]
pub struct Ended {
    /// The request.
    pub exchange: Arc<Exchange>,
    /// What was learnt of it.
    pub noted: Noted,
    /// Whether its answer was sent to its proper end. The client may have read less.
    pub is_whole: bool,
    /// Whether it ended early because its client left. Not where the server cut the answer.
    pub has_client_left: bool,
    /// Bytes of the answer's body.
    pub bytes_sent: u64,
    /// How long it took, from its head to the end of its answer.
    pub took: Duration,
}

impl Ended {
    /// Whether a file was read whole because of a range of times, though the request leaves it to the
    /// server how that is found.
    pub fn fell_back_to_scan(&self) -> bool {
        self.noted.range == Some(RangeFound::Scan) && self.noted.range_asked == Some(ScanMode::Auto)
    }

    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        let noted = &self.noted;
        let names = noted.hostnames.iter().chain(&noted.hosts).chain(&noted.caller).chain(&noted.via);
        let texts: usize = names.map(|name| name.len() + size_of::<String>()).sum();
        let parts: usize =
            noted.parts.iter().map(|part| size_of::<Part>() + part.host.len() + part.url.len()).sum();
        let state = self.exchange.trace.state().map_or(0, str::len);
        size_of::<Ended>()
            + size_of::<Exchange>()
            + texts
            + parts
            + state
            + noted.filename.as_ref().map_or(0, Vec::len)
            + noted.real_filename.as_ref().map_or(0, Vec::len)
    }

    /// Whether the request is one of those that only ask how the server is. They come every few
    /// seconds, and say nothing of what people do.
    pub fn is_of_health(&self) -> bool {
        matches!(self.exchange.endpoint, "/healthz" | "/readyz" | "/metrics")
    }
}

impl Ending {
    /// Begins a request for this endpoint.
    pub fn begin<B>(
        recorders: &Recorders,
        request: &Request<B>,
        endpoint: &'static str,
        client: Option<SocketAddr>,
    ) -> Ending {
        let method = match *request.method() {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            _ => "other",
        };
        let id = RequestId::of(request.headers());
        let trace = TraceContext::of(request.headers(), recorders.sampling.as_ref());
        let (began, noted) = (Instant::now(), Mutex::default());
        let exchange = Arc::new(Exchange { method, endpoint, client, id, trace, began, noted });
        for recorder in recorders.all.iter() {
            recorder.began(&exchange);
        }
        let recorders = recorders.clone();
        // Unless its answer is sent: then it is known how that ends.
        Ending { exchange, recorders, is_whole: false, has_client_left: true, bytes_sent: 0 }
    }

    /// The request.
    pub fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// Notes the head of the answer, and gives it the request's id.
    pub fn answered<B>(&self, answer: &mut Response<B>) {
        answer.headers_mut().insert(REQUEST_ID, self.exchange.id.value());
        let mut noted = self.exchange.noted();
        noted.status = Some(answer.status());
        if let Some(code) = answer.extensions().get::<Code>() {
            noted.code = Some(*code);
            noted.is_refused = true;
        } else if let Some(PassedOn(code)) = answer.extensions().get() {
            noted.code = Some(*code);
        }
    }

    /// Notes how the answer's body ended.
    pub(super) fn sent(&mut self, bytes: u64, is_whole: bool, has_client_left: bool) {
        self.bytes_sent = bytes;
        self.is_whole = is_whole;
        self.has_client_left = has_client_left;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if self.recorders.all.is_empty() {
            return;
        }
        let ended = Arc::new(Ended {
            noted: std::mem::take(&mut *self.exchange.noted()),
            is_whole: self.is_whole,
            has_client_left: self.has_client_left && !std::thread::panicking(),
            bytes_sent: self.bytes_sent,
            took: self.exchange.began.elapsed(),
            exchange: Arc::clone(&self.exchange),
        });
        for recorder in self.recorders.all.iter() {
            recorder.ended(&ended);
        }
    }
}
