//! Several hosts' listings as one, host by host, with the host first.

use super::twins::Twins;
use super::verdict::Asked;
use crate::fleet::Host;
use crate::relay::Incomplete;
use crate::upstream::{Answer, Broken, Pieces};
use axum::body::Body;
use backscroll_shared::query::OnError;
use backscroll_shared::wire::accept::ListFormat;
use backscroll_shared::wire::instance::Instance;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Status, Verdict};
use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Bytes of one file's entry: the longest name, each byte escaped, and some more.
const ENTRY_BYTES: usize = 64 << 10;

/// What came of asking a host.
type Answered = Result<(Instance, Answer), Problem>;

/// Why files of a host are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Missing {
    #[error("gave a verdict that is not complete")]
    Incomplete,
    #[error("broke off")]
    BrokeOff,
    #[error("did not end in time")]
    Late,
    #[error("ended in the middle of an entry")]
    InEntry,
    #[error("did not end its array")]
    OpenArray,
    #[error("sent what is no list of files")]
    NoList,
    #[error("sent more than its array")]
    AfterArray,
    #[error("sent an entry that is too long")]
    TooLong,
}

impl Missing {
    fn code(self) -> Code {
        if self == Missing::Late { Code::UpstreamTimeout } else { Code::UpstreamUnreachable }
    }
}

/// One host's part.
#[derive(Debug)]
struct Part {
    host: String,
    /// Whether its entries go without it.
    is_bare: bool,
    pieces: Pieces,
}

/// A file, as a secondary tells it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    size: u64,
}

/// How the listing ends for a client of this kind, where it is incomplete.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// Whether it reads the verdict from trailers.
    pub trailers: bool,
    /// Whether it is a browser that gets text.
    pub browser: bool,
}

/// The listing on its way.
#[derive(Debug)]
pub struct Listing {
    format: ListFormat,
    ends: Ends,
    asked: Asked,
    parts: VecDeque<Part>,
    /// An entry whose end has not come.
    held: BytesMut,
    /// Whether the array of the host in hand has ended.
    is_closed: bool,
    is_empty: bool,
    verdicts: BTreeMap<String, Verdict>,
    phase: Phase,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Entries,
    Closing,
    /// The last line has said that it is incomplete.
    Told,
    Over,
}

impl Listing {
    /// Of these hosts, by name, each with its answer, and of what belongs to the fleet and could
    /// not be asked. A problem where none of them has one.
    pub fn new(
        format: ListFormat,
        ends: Ends,
        is_bare: bool,
        answers: Vec<(Arc<Host>, Answered)>,
        missing: &BTreeMap<String, String>,
    ) -> Result<Listing, Problem> {
        let mut twins = Twins::new(answers.iter().map(|(host, _)| host.is_given));
        for (index, (_, answer)) in answers.iter().enumerate() {
            if let Ok((instance, answer)) = answer {
                twins.meet(index, *instance, matches!(answer, Answer::Refused(_)));
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
                Ok((_, Answer::Streaming(pieces))) => {
                    parts.push_back(Part { host: host.clone(), is_bare, pieces });
                    Verdict::new(Status::Complete)
                }
                // That there are no files is an empty listing: no refusal says it.
                Ok((_, Answer::Refused(refusal))) => refusal.into_failure(&host),
                Err(problem) => super::source::verdict_of(&problem),
            };
            verdicts.insert(host, verdict);
        }
        let asked = Asked { hosts: verdicts.len(), sources: missing.len() };
        // Last, so that no host of the same name hides one of them.
        verdicts.extend(super::verdict::missing(missing));
        if parts.is_empty()
            && let Some(problem) = super::verdict::problem(&verdicts, asked, OnError::default(), "")
        {
            return Err(problem);
        }
        Ok(Listing {
            format,
            ends,
            asked,
            parts,
            held: BytesMut::new(),
            is_closed: false,
            is_empty: true,
            verdicts,
            phase: Phase::Entries,
        })
    }

    /// The hosts that are known to have failed; empty where none is.
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
        while self.phase == Phase::Entries {
            let Some(part) = self.parts.front_mut() else {
                self.phase = Phase::Closing;
                if self.format == ListFormat::Json {
                    return Some(Ok(Frame::data(Bytes::from_static(if self.is_empty {
                        b"[]\n"
                    } else {
                        b"\n]\n"
                    }))));
                }
                break;
            };
            let frame = part.pieces.frame().await;
            let ended = match frame {
                Some(Ok(frame)) => {
                    let piece = match frame.into_data() {
                        Ok(piece) => piece,
                        Err(frame) => {
                            if frame.into_trailers().is_ok_and(|trailers| denies(&trailers)) {
                                self.leave(Err(Missing::Incomplete));
                            }
                            continue;
                        }
                    };
                    self.held.extend_from_slice(&piece);
                    let mut out = Vec::with_capacity(self.held.len());
                    // What was whole before it went wrong is out: the array has begun with it.
                    if let Err(why) = self.entries(&mut out) {
                        self.leave(Err(why));
                    }
                    if out.is_empty() {
                        continue;
                    }
                    return Some(Ok(Frame::data(out.into())));
                }
                Some(Err(error)) => {
                    tracing::warn!(host = part.host, %error, "host broke off");
                    Err(match error {
                        Broken::Connection(_) => Missing::BrokeOff,
                        Broken::Idle(_) | Broken::Late => Missing::Late,
                    })
                }
                None if !self.held.is_empty() => Err(Missing::InEntry),
                None if self.format == ListFormat::Json && !self.is_closed => Err(Missing::OpenArray),
                None => Ok(()),
            };
            self.leave(ended);
        }
        let verdict = super::verdict::overall(self.verdicts.clone(), self.asked, OnError::default());
        let is_complete = verdict.status == Status::Complete;
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Over => None,
            Phase::Entries | Phase::Closing if self.ends.browser && !is_complete => {
                self.phase = Phase::Told;
                Some(Ok(Frame::data(verdict.last_line().into())))
            }
            _ if self.ends.trailers => Some(Ok(Frame::trailers(verdict.to_trailers()))),
            Phase::Told => None,
            _ => (!is_complete).then_some(Err(Incomplete)),
        }
    }

    /// The host in hand has ended.
    fn leave(&mut self, ended: Result<(), Missing>) {
        self.held.clear();
        self.is_closed = false;
        let Some(Part { host, .. }) = self.parts.pop_front() else { return };
        if let Err(why) = ended {
            tracing::warn!(host, what = %why, "a listing is incomplete");
            let detail = format!("host {host} {why}: its files are missing");
            self.verdicts.insert(host, super::source::verdict_of(&Problem::new(why.code(), detail)));
        }
    }

    /// The entries that have come whole, each with its host.
    fn entries(&mut self, out: &mut Vec<u8>) -> Result<(), Missing> {
        while let Some(feed) = memchr::memchr(b'\n', &self.held) {
            let line = self.held.split_to(feed);
            self.held.advance(1);
            let Some(Part { host, is_bare, .. }) = self.parts.front() else { break };
            if self.format == ListFormat::Text {
                if !is_file(&line) {
                    return Err(Missing::NoList);
                }
                if !is_bare {
                    out.extend_from_slice(host.as_bytes());
                    out.push(b'\t');
                }
                out.extend_from_slice(&line);
                out.push(b'\n');
                continue;
            }
            match &line[..] {
                _ if self.is_closed => return Err(Missing::AfterArray),
                b"[" => {}
                b"]" | b"[]" => self.is_closed = true,
                entry => {
                    let entry = entry.strip_suffix(b",").unwrap_or(entry);
                    // Its fields and no others: a second `host` would be believed.
                    let entry: Entry = serde_json::from_slice(entry).map_err(|_| Missing::NoList)?;
                    out.extend_from_slice(if std::mem::take(&mut self.is_empty) { b"[\n" } else { b",\n" });
                    let host = (!is_bare).then(|| host.clone());
                    let entry = Entry { host, ..entry };
                    serde_json::to_writer(&mut *out, &entry).expect("a Vec takes plain data");
                }
            }
        }
        if self.held.len() > ENTRY_BYTES { Err(Missing::TooLong) } else { Ok(()) }
    }
}

/// Whether a line of text is a file's: its size, when it was modified, and its name, each with
/// something in it. A secondary leaves out names with control bytes.
fn is_file(line: &[u8]) -> bool {
    let mut columns = 0;
    line.split(|b| *b == b'\t').all(|column| {
        columns += 1;
        !column.is_empty() && !column.iter().any(u8::is_ascii_control)
    }) && columns == 3
}

/// Whether the trailers of a listing say that it is not all of it. A secondary sends none; in
/// those of whoever does there is no word that could make it more complete.
fn denies(trailers: &HeaderMap) -> bool {
    let has_verdict = trailers.keys().any(|name| name.as_str().starts_with("log-"));
    has_verdict && !Verdict::from_trailers(trailers).is_some_and(|verdict| verdict.status == Status::Complete)
}
