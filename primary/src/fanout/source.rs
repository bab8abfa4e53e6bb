//! One host's stream of records, from the question to its verdict.

use crate::app::Room;
use crate::fleet::Host;
use crate::upstream::{Answer, Broken, Pieces, Upstream};
use axum::body::Body;
use backscroll_shared::wire::frames::{self, Decoder, Framed, Item};
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Failure, Status, Verdict};
use http::{Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Bytes of an unfinished record that every host may have here.
const LARGE_BYTES: usize = 64 << 10;

/// Bytes of a host's problem that are read.
const PROBLEM_BYTES: usize = 64 << 10;

/// The type of a problem.
const PROBLEM: &str = "application/problem+json";

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
    pub places: Semaphore,
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
    /// Where it waits for the rest of a long record, and until that is out.
    large: Option<OwnedSemaphorePermit>,
    room: Room,
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
        let room = upstream.room().clone();
        let state = State::Unasked(question, upstream);
        Source { index, host, state, decoder: Decoder::default(), large: None, room }
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
        // What it sent before is out.
        self.large = None;
        loop {
            if let Some(event) = self.next_at_hand() {
                return event;
            }
            match std::mem::replace(&mut self.state, State::Over) {
                State::Unasked(question, upstream) => {
                    if let Err(ended) = self.ask(&question, &upstream).await {
                        return ended;
                    }
                }
                State::Streaming(mut pieces) => match pieces.frame().await {
                    Some(Ok(frame)) => {
                        if let Ok(piece) = frame.into_data() {
                            self.decoder.push(piece);
                        }
                        if self.decoder.held() > LARGE_BYTES && self.large.is_none() {
                            self.large = Arc::clone(&self.room.large).try_acquire_owned().ok();
                            if self.large.is_none() {
                                return self.failed(
                                    Code::Overloaded,
                                    "sent a long line while too many are under way",
                                );
                            }
                        }
                        self.state = State::Streaming(pieces);
                    }
                    Some(Err(Broken::Connection(error))) => {
                        // The inner text is for the log: it names addresses.
                        tracing::warn!(host = self.host.name, %error, "host broke off");
                        return self
                            .failed(Code::UpstreamUnreachable, "broke off in the middle of its answer");
                    }
                    Some(Err(Broken::Late)) => {
                        return self.failed(Code::UpstreamTimeout, "had not ended when the time was over");
                    }
                    Some(Err(Broken::Idle(time))) => {
                        return self.failed(Code::UpstreamTimeout, &format!("sent nothing for {time:?}"));
                    }
                    None => {
                        return self.failed(Code::UpstreamUnreachable, "ended its answer without a verdict");
                    }
                },
                State::Over => {
                    return self.failed(Code::UpstreamUnreachable, "was asked for more than it had");
                }
            }
        }
    }

    async fn ask(&mut self, question: &Question, upstream: &Upstream) -> Result<(), Event> {
        let place = question.places.acquire().await;
        let Question { method, target, deadline, .. } = question;
        let asked = upstream.ask(&self.host, method, target, frames::CONTENT_TYPE, *deadline).await;
        drop(place);
        question.silent.fetch_sub(1, Relaxed);
        match asked {
            Ok(Answer::Streaming(_)) if method == Method::HEAD => {
                Err(self.ended(Verdict::new(Status::Complete)))
            }
            Ok(Answer::Streaming(pieces)) => {
                self.state = State::Streaming(pieces);
                Ok(())
            }
            Ok(Answer::Refused(response)) => {
                Err(Event::Ended(refusal(&self.host.name, method, response).await))
            }
            Err(problem) => Err(Event::Ended(verdict_of(&problem))),
        }
    }

    /// The host's own verdict, as the fleet's answer tells it.
    fn ended(&mut self, given: Verdict) -> Event {
        self.state = State::Over;
        let status = match &given.error {
            // Whatever it calls it.
            Some(error) if error.code == Code::UpstreamTimeout.as_str() => Status::Timeout,
            Some(_) => Status::Failed,
            None if given.status == Status::Complete => Status::Complete,
            None => return self.failed(Code::UpstreamUnreachable, "failed, and did not say why"),
        };
        if let Some(error) = &given.error {
            tracing::warn!(host = self.host.name, code = error.code, detail = error.detail, "host failed");
        }
        // Its records are counted where they leave: a host's own count is not passed on.
        let error = given.error.map(told);
        Event::Ended(Verdict {
            bytes_scanned: given.bytes_scanned,
            disorder_ms: given.disorder_ms,
            error,
            ..Verdict::new(status)
        })
    }

    /// Leaves the host, which did this.
    pub fn failed(&mut self, code: Code, what: &str) -> Event {
        self.state = State::Over;
        tracing::warn!(host = self.host.name, what, "host failed");
        let detail = format!("host {} {what}: its records are missing", self.host.name);
        Event::Ended(verdict_of(&Problem::new(code, detail)))
    }
}

/// A host that could not be asked.
pub fn verdict_of(problem: &Problem) -> Verdict {
    let status = if problem.code() == Code::UpstreamTimeout { Status::Timeout } else { Status::Failed };
    Verdict { status, ..Verdict::failed(problem.code().as_str(), problem.detail().to_owned()) }
}

/// What is read of a host's problem.
#[derive(Deserialize)]
struct Refusal {
    code: String,
    detail: String,
}

/// Bytes of a host's text that are passed on.
const DETAIL_BYTES: usize = 512;

/// What a host says of its failure, in the form of a secondary's: a code is one word.
fn told(failure: Failure) -> Failure {
    let Failure { code, mut detail } = failure;
    let is_word =
        !code.is_empty() && code.len() <= 40 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    detail.truncate(detail.floor_char_boundary(DETAIL_BYTES));
    Failure { code: if is_word { code } else { "unknown".to_owned() }, detail }
}

/// What a host says that refuses, as the verdict on it.
pub async fn refusal(name: &str, method: &Method, response: Response<Body>) -> Verdict {
    let status = response.status();
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let is_problem = content_type.is_some_and(|given| given.as_bytes().starts_with(PROBLEM.as_bytes()));
    if method == Method::HEAD && status == StatusCode::NOT_FOUND && is_problem {
        return Verdict::new(Status::NotFound);
    }
    let body = Limited::new(response.into_body(), PROBLEM_BYTES).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes);
    let refusal = body.ok().and_then(|body| serde_json::from_slice::<Refusal>(&body).ok());
    match refusal {
        // Whatever else says so may be no secondary, and then the file may be there.
        Some(Refusal { code, .. })
            if code == Code::NotFound.as_str() && status == StatusCode::NOT_FOUND && is_problem =>
        {
            Verdict::new(Status::NotFound)
        }
        Some(Refusal { code, detail }) => {
            let error = Some(told(Failure { code, detail }));
            Verdict { error, ..Verdict::new(Status::Failed) }
        }
        None => Verdict::failed(
            Code::UpstreamUnreachable.as_str(),
            format!("host {name} answered with status {} and did not say why", status.as_u16()),
        ),
    }
}
