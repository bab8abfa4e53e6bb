//! One host's stream of records, from the question to its verdict.

use crate::fleet::Host;
use crate::long::{FREE_BYTES, Long, NoRoom, Record};
use crate::upstream::{Answer, Broken, Pieces, Places, Upstream, heard};
use backscroll_shared::wire::frames::{self, Decoder, Framed, Item};
use backscroll_shared::wire::instance::Instance;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Status, Verdict};
use http::Method;
use http_body_util::BodyExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// What all hosts are asked alike.
#[derive(Debug)]
pub struct Question {
    /// GET, or HEAD: then no record is asked for.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// When the answer is to have ended.
    pub deadline: Instant,
    /// Who may be asked now.
    pub turns: Semaphore,
    /// The places of the request among all answers under way.
    pub places: Places,
    /// Hosts that have not begun to answer.
    pub silent: AtomicUsize,
}

/// One host.
#[derive(Debug)]
pub struct Source {
    /// Its number among the hosts that are asked.
    pub index: usize,
    host: Arc<Host>,
    state: State,
    decoder: Decoder,
    long: Long,
    /// Which secondary has begun to answer, until somebody takes note of it.
    pub instance: Option<Instance>,
}

#[derive(Debug)]
enum State {
    Unasked(Arc<Question>, Upstream),
    Streaming(Pieces),
    Over,
}

/// What came next of a host.
#[derive(Debug)]
pub enum Event {
    /// Its next newest record.
    Record(Framed),
    /// All that follows is no newer than this.
    Mark(i64),
    /// It has ended.
    Ended(Verdict),
}

impl Source {
    /// A host that has not been asked yet.
    pub fn new(index: usize, host: Arc<Host>, question: Arc<Question>, upstream: Upstream) -> Source {
        let long = upstream.room().long.clone();
        let state = State::Unasked(question, upstream);
        Source { index, host, state, decoder: Decoder::in_parts(FREE_BYTES), long, instance: None }
    }

    /// Its name in the fleet.
    pub fn name(&self) -> &str {
        &self.host.name
    }

    /// What comes next of it, with itself.
    pub async fn pull(mut self: Box<Source>) -> (Box<Source>, Event) {
        let event = self.next().await;
        (self, event)
    }

    /// What comes next of what has come already; None where it has to be waited for.
    pub fn next_at_hand(&mut self) -> Option<Event> {
        match self.decoder.next_item() {
            Ok(None) => None,
            Ok(Some(Item::Record(framed))) => Some(Event::Record(framed)),
            Ok(Some(Item::Mark(nanos))) => Some(Event::Mark(nanos)),
            Ok(Some(Item::End(verdict))) => Some(self.ended(verdict)),
            Err(why) => {
                tracing::warn!(host = self.host.name, %why, "host does not answer like a secondary");
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

    /// Whether the bytes of the record that came last are still to come.
    pub fn is_long(&self) -> bool {
        self.decoder.left() > 0
    }

    /// The bytes of the long record that came last, with the room that they take, and itself. It
    /// waits for that room first, without holding any, and no longer than `until`.
    pub async fn assemble(mut self: Box<Source>, until: Instant) -> (Box<Source>, Result<Record, Event>) {
        let record = self.record(until).await;
        (self, record)
    }

    async fn record(&mut self, until: Instant) -> Result<Record, Event> {
        let len = self.decoder.left();
        let record = match self.long.hold(len, until).await {
            Ok(record) => record,
            Err(NoRoom) => return Err(self.has_no_room(&no_room(self.name(), len))),
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
                return Err(self.has_no_room(&lost_room(self.name(), len)));
            }
        }
        match record.is_whole() {
            Ok(()) => Ok(record),
            Err(_) => Err(self.has_no_room(&lost_room(self.name(), len))),
        }
    }

    /// Leaves the host, for whose record the primary has no room.
    fn has_no_room(&mut self, detail: &str) -> Event {
        self.state = State::Over;
        tracing::warn!(host = self.host.name, detail, "a long record was given up");
        Event::Ended(verdict_of(&Problem::new(Code::Overloaded, detail.to_owned())))
    }

    /// Asks, or takes the next piece of the answer.
    async fn more(&mut self) -> Result<(), Event> {
        let mut pieces = match std::mem::replace(&mut self.state, State::Over) {
            // Apart, so that a host that is read costs no room for how it is asked.
            State::Unasked(question, upstream) => return Box::pin(self.ask(&question, &upstream)).await,
            State::Streaming(pieces) => pieces,
            State::Over => {
                return Err(self.failed(Code::UpstreamUnreachable, "was asked for more than it had"));
            }
        };
        match pieces.frame().await {
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data() {
                    self.decoder.push(piece);
                }
                self.state = State::Streaming(pieces);
                Ok(())
            }
            Some(Err(Broken::Connection(error))) => {
                // The inner text is for the log: it names addresses.
                tracing::warn!(host = self.host.name, %error, "host broke off");
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
        let Question { method, target, deadline, places, .. } = question;
        let asked = upstream.ask(&self.host, method, target, frames::CONTENT_TYPE, *deadline, places).await;
        drop(turn);
        question.silent.fetch_sub(1, Relaxed);
        let asked = asked.map(|(instance, answer)| {
            self.instance = Some(instance);
            answer
        });
        match asked {
            Ok(Answer::Streaming(_)) if method == Method::HEAD => {
                Err(self.ended(Verdict::new(Status::Complete)))
            }
            Ok(Answer::Streaming(pieces)) => {
                self.state = State::Streaming(pieces);
                Ok(())
            }
            Ok(Answer::Refused(refusal)) => Err(Event::Ended(refusal.into_verdict(&self.host.name))),
            Err(problem) => Err(Event::Ended(verdict_of(&problem))),
        }
    }

    /// The host's own verdict, as the fleet's answer tells it.
    fn ended(&mut self, given: Verdict) -> Event {
        self.state = State::Over;
        let verdict = match heard::verdict(given) {
            Ok(verdict) => verdict,
            Err(what) => return self.failed(Code::UpstreamUnreachable, &what.to_string()),
        };
        if let Some(error) = &verdict.error {
            tracing::warn!(
                host = self.host.name,
                code = error.code.as_str(),
                detail = error.detail,
                "host failed"
            );
        }
        // Its records are counted where they leave: a host's own count is not passed on.
        Event::Ended(Verdict { lines: 0, truncated_lines: 0, ..verdict })
    }

    /// Leaves the host, which did this.
    pub fn failed(&mut self, code: Code, what: &str) -> Event {
        self.state = State::Over;
        tracing::warn!(host = self.host.name, what, "host failed");
        let detail = format!("host {} {what}: its records are missing", self.host.name);
        Event::Ended(verdict_of(&Problem::new(code, detail)))
    }
}

fn no_room(host: &str, len: usize) -> String {
    format!(
        "the primary has no room for the next record of host {host}, which has {len} bytes, as too many answers hold long ones: records of this host are missing; try again in a moment"
    )
}

fn lost_room(host: &str, len: usize) -> String {
    let time = Record::STALLED;
    format!(
        "a record of {len} bytes of host {host} did not come within {time:?}, and other requests needed its room: records of this host are missing; try again in a moment"
    )
}

/// A host that could not be asked.
pub fn verdict_of(problem: &Problem) -> Verdict {
    let status = if problem.code() == Code::UpstreamTimeout { Status::Timeout } else { Status::Failed };
    Verdict { status, ..Verdict::failed(problem.code(), problem.detail().to_owned()) }
}
