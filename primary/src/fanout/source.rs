//! One host's stream of records, from the question to its verdict.

use crate::capacity::FREE_BYTES;
use crate::capacity::records::{HeldRecord, NoMemory, RecordMemory};
use crate::host::Host;
use crate::host::ask::{Asking, HostAnswer};
use crate::host::body::{Broken, HostBody};
use crate::host::permits::Permits;
use crate::host::upstream::Upstream;
use crate::host::verdict::{checked, of_problem};
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::telemetry::request_id::RequestId;
use backscroll_shared::wire::frames::{self, Decoder, Framed, Item};
use backscroll_shared::wire::instance::Instance;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Status, Verdict};
use http::{HeaderValue, Method};
use http_body_util::BodyExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::field::DisplayValue;

/// Hosts that one request asks at once. A switch and a connection tracker can take such a burst, and
/// few rounds are needed, so that some hosts that hang do not hold up the rest.
pub const ASKED_AT_ONCE: usize = 256;

/// The request that all hosts get.
#[derive(Debug)]
pub struct Question {
    /// What they are asked.
    pub asking: Asking,
    /// Limits the hosts that are asked at once.
    pub turns: Semaphore,
    /// The permits of the request.
    pub permits: Permits,
    /// Hosts that have not begun to answer.
    pub silent: AtomicUsize,
}

/// One host.
#[derive(Debug)]
pub struct Source {
    /// Its number among the hosts that are asked.
    pub index: usize,
    host: Arc<Host>,
    /// The request for which it is asked.
    exchange: Option<Arc<Exchange>>,
    stage: Stage,
    decoder: Decoder,
    records: RecordMemory,
    /// Which secondary has begun to answer, until the merge takes it.
    pub instance: Option<Instance>,
    /// The file that it has opened, as it tells it, until the merge takes it.
    pub file: Option<HeaderValue>,
}

#[derive(Debug)]
enum Stage {
    Unasked(Arc<Question>, Upstream),
    Streaming(HostBody),
    Over,
}

/// What comes next from a host.
#[derive(Debug)]
pub enum Event {
    /// Its next newest record.
    Record(Framed),
    /// No record that follows is newer than this, in nanoseconds since 1970.
    Mark(i64),
    /// It has ended.
    Ended(Verdict),
}

impl Source {
    /// A host that has not been asked yet.
    pub fn new(index: usize, host: Arc<Host>, question: Arc<Question>, upstream: Upstream) -> Source {
        let records = upstream.capacity().records.clone();
        let exchange = question.asking.exchange.clone();
        let stage = Stage::Unasked(question, upstream);
        Source {
            index,
            host,
            exchange,
            stage,
            decoder: Decoder::in_parts(FREE_BYTES),
            records,
            instance: None,
            file: None,
        }
    }

    /// Its name in the fleet.
    pub fn name(&self) -> &str {
        &self.host.name
    }

    /// Its request, as a field of a message in the log.
    fn request_id(&self) -> Option<DisplayValue<&RequestId>> {
        Exchange::logged(self.exchange.as_ref())
    }

    /// Leaves the host, and notes how it ended.
    fn leave(&mut self, how: impl FnOnce(&mut HostBody)) {
        if let Stage::Streaming(mut body) = std::mem::replace(&mut self.stage, Stage::Over) {
            how(&mut body);
        }
    }

    /// Notes that lines of it were passed on.
    pub fn passed_on(&mut self, lines: u64) {
        if let Stage::Streaming(body) = &mut self.stage {
            body.part().passed_on(lines);
        }
    }

    /// Waits for what comes next from the host, and gives it together with the host.
    pub async fn pull(mut self: Box<Source>) -> (Box<Source>, Event) {
        let event = self.next().await;
        (self, event)
    }

    /// The next event in what has come already; None where the next chunk is needed for it.
    pub fn next_at_hand(&mut self) -> Option<Event> {
        match self.decoder.next_item() {
            Ok(None) => None,
            Ok(Some(Item::Record(framed))) => Some(Event::Record(framed)),
            Ok(Some(Item::Mark(nanos))) => Some(Event::Mark(nanos)),
            Ok(Some(Item::End(verdict))) => Some(self.ended(verdict)),
            Err(why) => {
                let request_id = self.request_id();
                tracing::warn!(host = self.host.name, %why, request_id, "host does not answer like a secondary");
                Some(self.failed(Code::UpstreamUnreachable, "sent what no secondary sends"))
            }
        }
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.next_at_hand() {
                return event;
            }
            if let Err(ended) = self.more().await {
                return ended;
            }
        }
    }

    /// Whether bytes of the last record are still to come.
    pub fn is_long(&self) -> bool {
        self.decoder.left() > 0
    }

    /// Waits for memory for the last record, no longer than `until`, and then for its bytes. Gives
    /// them together with the host. It holds no other memory meanwhile.
    pub async fn assemble(mut self: Box<Source>, until: Instant) -> (Box<Source>, Result<HeldRecord, Event>) {
        let record = self.record(until).await;
        (self, record)
    }

    async fn record(&mut self, until: Instant) -> Result<HeldRecord, Event> {
        let len = self.decoder.left();
        let record = match self.records.hold(len, until).await {
            Ok(record) => record,
            Err(NoMemory) => return Err(self.give_up(&no_memory(self.name(), len))),
        };
        while self.is_long() {
            let is_there = if let Some(part) = self.decoder.next_part() {
                record.extend(&part).is_ok()
            } else {
                tokio::select! {
                    more = self.more() => { more?; true }
                    () = record.lost() => false,
                }
            };
            if !is_there {
                return Err(self.give_up(&lost_memory(self.name(), len)));
            }
        }
        match record.is_whole() {
            Ok(()) => Ok(record),
            Err(_) => Err(self.give_up(&lost_memory(self.name(), len))),
        }
    }

    /// Leaves the host, because the primary has no memory for its record.
    fn give_up(&mut self, detail: &str) -> Event {
        self.leave(|body| body.part().failed(Some(Code::Overloaded)));
        let request_id = self.request_id();
        tracing::warn!(host = self.host.name, detail, request_id, "a long record was given up");
        Event::Ended(of_problem(&Problem::new(Code::Overloaded, detail.to_owned())))
    }

    /// Asks the host, or takes the next chunk of its answer.
    async fn more(&mut self) -> Result<(), Event> {
        let mut body = match std::mem::replace(&mut self.stage, Stage::Over) {
            // Boxed, so that the future of a host that is read is not as large as the one that asks.
            Stage::Unasked(question, upstream) => return Box::pin(self.ask(&question, &upstream)).await,
            Stage::Streaming(body) => body,
            Stage::Over => {
                return Err(self.failed(Code::UpstreamUnreachable, "was asked for more than it had"));
            }
        };
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(chunk) = frame.into_data() {
                    self.decoder.push(chunk);
                }
                self.stage = Stage::Streaming(body);
                Ok(())
            }
            Some(Err(Broken::Connection(error))) => {
                // The inner text is for the log: it names addresses.
                let request_id = self.request_id();
                tracing::warn!(host = self.host.name, %error, request_id, "host broke off");
                Err(self.failed(Code::UpstreamUnreachable, "broke off in the middle of its answer"))
            }
            Some(Err(Broken::Late)) => {
                Err(self.failed(Code::UpstreamTimeout, "had not ended when the time was over"))
            }
            Some(Err(Broken::Idle(time))) => {
                Err(self.failed(Code::UpstreamTimeout, &format!("sent nothing for {time:?}")))
            }
            None => Err(self.failed(Code::UpstreamUnreachable, "ended its answer without a verdict")),
        }
    }

    async fn ask(&mut self, question: &Question, upstream: &Upstream) -> Result<(), Event> {
        let turn = question.turns.acquire().await;
        let Question { asking, permits, .. } = question;
        let asked = upstream.ask(&self.host, asking, frames::CONTENT_TYPE, permits).await;
        drop(turn);
        question.silent.fetch_sub(1, Relaxed);
        let asked = asked.map(|(instance, answer)| {
            self.instance = Some(instance);
            answer
        });
        match asked {
            Ok(HostAnswer::Streaming(_)) if asking.method == Method::HEAD => {
                Err(self.ended(Verdict::new(Status::Complete)))
            }
            Ok(HostAnswer::Streaming(mut body)) => {
                self.file = body.take_file();
                self.stage = Stage::Streaming(body);
                Ok(())
            }
            Ok(HostAnswer::Refused(refusal)) => Err(Event::Ended(refusal.into_verdict(&self.host.name))),
            Err(problem) => Err(Event::Ended(of_problem(&problem))),
        }
    }

    /// The host has given its verdict.
    fn ended(&mut self, given: Verdict) -> Event {
        let verdict = match checked(given) {
            Ok(verdict) => verdict,
            Err(what) => return self.failed(Code::UpstreamUnreachable, &what.to_string()),
        };
        self.leave(|body| body.part().ended(&verdict));
        if let Some(error) = &verdict.error {
            tracing::warn!(
                host = self.host.name,
                code = error.code.as_str(),
                detail = error.detail,
                request_id = self.request_id(),
                "host failed"
            );
        }
        // Records are counted when they are written. The host's own count is not passed on.
        Event::Ended(Verdict { lines: 0, truncated_lines: 0, ..verdict })
    }

    /// Leaves the host, because of what it did.
    pub fn failed(&mut self, code: Code, what: &str) -> Event {
        self.leave(|body| {
            body.part().failed(Some(code));
            if code == Code::UpstreamUnreachable {
                body.is_unsound();
            }
        });
        tracing::warn!(host = self.host.name, what, request_id = self.request_id(), "host failed");
        let detail = format!("host {} {what}: its records are missing", self.host.name);
        Event::Ended(of_problem(&Problem::new(code, detail)))
    }
}

fn no_memory(host: &str, len: usize) -> String {
    format!(
        "the primary has no room for the next record of host {host}, which has {len} bytes, as too many answers hold long ones: records of this host are missing; try again in a moment"
    )
}

fn lost_memory(host: &str, len: usize) -> String {
    let time = HeldRecord::STALLED;
    format!(
        "a record of {len} bytes of host {host} did not come within {time:?}, and other requests needed its room: records of this host are missing; try again in a moment"
    )
}
