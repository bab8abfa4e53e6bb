//! Several hosts' listings as one, host by host, with the host first.

use crate::relay::Incomplete;
use crate::upstream::{Answer, Pieces};
use axum::body::Body;
use backscroll_shared::query::OnError;
use backscroll_shared::wire::accept::ListFormat;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Status, Verdict};
use bytes::{Buf as _, Bytes, BytesMut};
use http_body::Frame;
use http_body_util::BodyExt as _;
use std::collections::{BTreeMap, VecDeque};

/// Bytes of one file's entry: the longest name, each byte escaped, and some more.
const ENTRY_BYTES: usize = 64 << 10;

/// One host's part.
#[derive(Debug)]
struct Part {
    host: String,
    pieces: Pieces,
}

/// The listing on its way.
#[derive(Debug)]
pub struct Listing {
    format: ListFormat,
    trailers: bool,
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
    Over,
}

impl Listing {
    /// Of these hosts, by name, each with its answer. A problem where none of them has one.
    pub fn new(
        format: ListFormat,
        trailers: bool,
        answers: Vec<(String, Result<Answer, Problem>)>,
    ) -> Result<Listing, Problem> {
        let mut verdicts = BTreeMap::new();
        let mut parts = VecDeque::new();
        for (host, answer) in answers {
            let verdict = match answer {
                Ok(Answer::Streaming(pieces)) => {
                    parts.push_back(Part { host: host.clone(), pieces });
                    Verdict::new(Status::Complete)
                }
                Ok(Answer::Refused(response)) => {
                    let detail = format!("host {host} answered with status {}", response.status().as_u16());
                    Verdict::failed(Code::UpstreamUnreachable.as_str(), detail)
                }
                Err(problem) => super::source::verdict_of(&problem),
            };
            verdicts.insert(host, verdict);
        }
        if parts.is_empty()
            && let Some(problem) = super::verdict::problem(&verdicts, verdicts.len(), OnError::default(), "")
        {
            return Err(problem);
        }
        Ok(Listing {
            format,
            trailers,
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
                    let Ok(piece) = frame.into_data() else { continue };
                    self.held.extend_from_slice(&piece);
                    match self.entries() {
                        Ok(out) if out.is_empty() => continue,
                        Ok(out) => return Some(Ok(Frame::data(out.into()))),
                        Err(what) => Err(what),
                    }
                }
                Some(Err(error)) => {
                    tracing::warn!(host = part.host, %error, "host broke off");
                    Err("broke off")
                }
                None if !self.held.is_empty() => Err("ended in the middle of an entry"),
                None if self.format == ListFormat::Json && !self.is_closed => Err("did not end its array"),
                None => Ok(()),
            };
            self.leave(ended);
        }
        let verdict = super::verdict::overall(self.verdicts.clone(), self.verdicts.len(), OnError::default());
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Over => None,
            _ if self.trailers => Some(Ok(Frame::trailers(verdict.to_trailers()))),
            _ => (verdict.status != Status::Complete).then_some(Err(Incomplete)),
        }
    }

    /// The host in hand has ended.
    fn leave(&mut self, ended: Result<(), &str>) {
        self.held.clear();
        self.is_closed = false;
        let Some(Part { host, .. }) = self.parts.pop_front() else { return };
        if let Err(what) = ended {
            tracing::warn!(host, what, "a listing is incomplete");
            let detail = format!("host {host} {what}: its files are missing");
            self.verdicts.insert(host, Verdict::failed(Code::UpstreamUnreachable.as_str(), detail));
        }
    }

    /// The entries that have come whole, each with its host.
    fn entries(&mut self) -> Result<Vec<u8>, &'static str> {
        let mut out = Vec::with_capacity(self.held.len());
        while let Some(feed) = memchr::memchr(b'\n', &self.held) {
            let line = self.held.split_to(feed);
            self.held.advance(1);
            let Some(Part { host, .. }) = self.parts.front() else { break };
            if self.format == ListFormat::Text {
                out.extend_from_slice(host.as_bytes());
                out.push(b'\t');
                out.extend_from_slice(&line);
                out.push(b'\n');
                continue;
            }
            match &line[..] {
                _ if self.is_closed => return Err("sent more than its array"),
                b"[" => {}
                b"]" | b"[]" => self.is_closed = true,
                entry => {
                    let entry = entry.strip_suffix(b",").unwrap_or(entry);
                    if serde_json::from_slice::<serde::de::IgnoredAny>(entry).is_err()
                        || !entry.starts_with(b"{\"")
                    {
                        return Err("sent what is no list of files");
                    }
                    out.extend_from_slice(if std::mem::take(&mut self.is_empty) { b"[\n" } else { b",\n" });
                    out.extend_from_slice(b"{\"host\":");
                    serde_json::to_writer(&mut out, host).expect("a Vec takes every string");
                    out.push(b',');
                    out.extend_from_slice(&entry[1..]);
                }
            }
        }
        if self.held.len() > ENTRY_BYTES { Err("sent an entry that is too long") } else { Ok(out) }
    }
}
