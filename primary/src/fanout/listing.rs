//! The lists of files of several hosts as one list, host by host.

mod entries;

use super::twins::Twins;
use super::verdict::{self, Absent, Asked};
use crate::answer::{Incomplete, Options};
use crate::fleet::missing::Missing;
use crate::host::Host;
use crate::host::ask::HostAnswer;
use crate::host::body::{Broken, HostBody};
use crate::host::verdict::of_problem;
use axum::body::Body;
use backscroll_shared::auth::FileGrant;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::query::OnError;
use backscroll_shared::wire::accept::ListFormat;
use backscroll_shared::wire::instance::Instance;
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::verdict::{HostsVisible, Status, Verdict};
use bytes::Bytes;
use entries::{Entries, Missing as MissingPart};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::BodyExt as _;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The outcome of asking a host.
type Answered = Result<(Instance, HostAnswer), Problem>;

/// One host's part.
#[derive(Debug)]
struct Part {
    host: String,
    body: HostBody,
}

/// An answer of `/files`.
#[derive(Debug)]
pub struct Listing {
    options: Options<ListFormat>,
    /// Whether entries have no host: exactly one was asked.
    is_bare: bool,
    asked: Asked,
    /// The hosts whose lists have not ended.
    parts: VecDeque<Part>,
    /// What has come from the first of them.
    entries: Entries,
    /// Whether no entry has been written.
    is_empty: bool,
    verdicts: BTreeMap<String, Verdict>,
    seen_by: SeenBy,
    step: Step,
}

/// Who gets the listing.
#[derive(Debug, Default)]
pub struct SeenBy {
    /// The files that the client may see.
    pub files: FileGrant,
    /// Whether it sees only a part of the fleet that it asks.
    pub hosts_visible: Option<HostsVisible>,
    /// Who keeps a record of the request.
    pub exchange: Option<Arc<Exchange>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Entries,
    Closing,
    /// The last line, which says that it is incomplete, has left.
    LastLine,
    Over,
}

impl Listing {
    /// The listing of these hosts, each with its answer, in the order of their names. `missing` is
    /// what is missing from the fleet. It is a problem if no host has a list.
    pub fn new(
        options: Options<ListFormat>,
        is_bare: bool,
        answers: Vec<(Arc<Host>, Answered)>,
        missing: &Missing,
        seen_by: SeenBy,
    ) -> Result<Listing, Problem> {
        let mut twins = Twins::new(answers.iter().map(|(host, _)| host.is_given));
        for (index, (_, answer)) in answers.iter().enumerate() {
            if let Ok((instance, answer)) = answer {
                twins.meet(index, *instance, matches!(answer, HostAnswer::Refused(_)));
            }
        }
        let mut verdicts = BTreeMap::new();
        let mut parts = VecDeque::new();
        for (index, (host, answer)) in answers.into_iter().enumerate() {
            if twins.is_left(index) {
                continue;
            }
            let host = host.name.clone();
            let verdict = match answer {
                Ok((_, HostAnswer::Streaming(body))) => {
                    parts.push_back(Part { host: host.clone(), body });
                    Verdict::new(Status::Complete)
                }
                // A host without files has an empty list, and does not refuse.
                Ok((_, HostAnswer::Refused(refusal))) => refusal.into_failure(&host),
                Err(problem) => of_problem(&problem),
            };
            verdicts.insert(host, verdict);
        }
        let asked = Asked { hosts: verdicts.len(), absent: Absent::of(missing) };
        // Last, so that no host of the same name hides one of them.
        verdicts.extend(verdict::missing(missing));
        if parts.is_empty()
            && let Some(problem) = verdict::problem(&verdicts, asked, OnError::default(), "")
        {
            return Err(problem);
        }
        Ok(Listing {
            options,
            is_bare,
            asked,
            parts,
            entries: Entries::default(),
            is_empty: true,
            verdicts,
            seen_by,
            step: Step::Entries,
        })
    }

    /// The hosts that are known to have failed. Empty if there are none.
    pub fn failed_so_far(&self) -> String {
        backscroll_shared::wire::verdict::hosts_failed(&self.verdicts)
    }

    /// As the body of an answer.
    pub fn into_body(self) -> Body {
        let frames = futures_util::stream::unfold(self, |mut listing| async move {
            listing.next_frame().await.map(|frame| (frame, listing))
        });
        Body::new(http_body_util::StreamBody::new(Box::pin(frames)))
    }

    async fn next_frame(&mut self) -> Option<Result<Frame<Bytes>, Incomplete>> {
        while self.step == Step::Entries {
            let Some(part) = self.parts.front_mut() else {
                self.step = Step::Closing;
                if self.options.format == ListFormat::Json {
                    return Some(Ok(Frame::data(Bytes::from_static(if self.is_empty {
                        b"[]\n"
                    } else {
                        b"\n]\n"
                    }))));
                }
                break;
            };
            let frame = part.body.frame().await;
            let ended = match frame {
                Some(Ok(frame)) => {
                    let chunk = match frame.into_data() {
                        Ok(chunk) => chunk,
                        Err(frame) => {
                            if frame.into_trailers().is_ok_and(|trailers| denies(&trailers)) {
                                self.leave(Err(MissingPart::Incomplete));
                            }
                            continue;
                        }
                    };
                    self.entries.push(&chunk);
                    let mut out = Vec::with_capacity(self.entries.len());
                    let host = (!self.is_bare).then_some(&*part.host);
                    let (format, files) = (self.options.format, &self.seen_by.files);
                    let written = self.entries.write(format, host, files, &mut self.is_empty, &mut out);
                    // The entries before the failure leave all the same.
                    if let Err(why) = written {
                        self.leave(Err(why));
                    }
                    if out.is_empty() {
                        continue;
                    }
                    return Some(Ok(Frame::data(out.into())));
                }
                Some(Err(error)) => {
                    let request_id = Exchange::logged(self.seen_by.exchange.as_ref());
                    tracing::warn!(host = part.host, %error, request_id, "host broke off");
                    Err(match error {
                        Broken::Connection(_) => MissingPart::BrokeOff,
                        Broken::Idle(_) | Broken::Late => MissingPart::Late,
                    })
                }
                None => self.entries.end(self.options.format),
            };
            self.leave(ended);
        }
        let mut verdict = verdict::overall(self.verdicts.clone(), self.asked, OnError::default());
        verdict.hosts_visible = self.seen_by.hosts_visible;
        if let Some(exchange) = self.seen_by.exchange.take() {
            exchange.note_verdict(&verdict);
        }
        let is_complete = verdict.status == Status::Complete;
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Over => None,
            Step::Entries | Step::Closing if self.options.browser && !is_complete => {
                self.step = Step::LastLine;
                Some(Ok(Frame::data(verdict.last_line().into())))
            }
            _ if self.options.trailers => Some(Ok(Frame::trailers(verdict.to_trailers()))),
            Step::LastLine => None,
            _ => (!is_complete).then_some(Err(Incomplete)),
        }
    }

    /// The list of the first host has ended, or is given up.
    fn leave(&mut self, ended: Result<(), MissingPart>) {
        self.entries = Entries::default();
        let Some(Part { host, .. }) = self.parts.pop_front() else { return };
        if let Err(why) = ended {
            let request_id = Exchange::logged(self.seen_by.exchange.as_ref());
            tracing::warn!(host, what = why.to_string(), request_id, "a listing is incomplete");
            let detail = format!("host {host} {why}: its files are missing");
            self.verdicts.insert(host, of_problem(&Problem::new(why.code(), detail)));
        }
    }
}

/// Whether the trailers of a host's list say that it is incomplete. A secondary sends none.
fn denies(trailers: &HeaderMap) -> bool {
    let has_verdict = trailers.keys().any(|name| name.as_str().starts_with("log-"));
    has_verdict && !Verdict::from_trailers(trailers).is_some_and(|verdict| verdict.status == Status::Complete)
}
