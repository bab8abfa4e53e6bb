//! How the answer leaves, and how it ends.
//!
//! | what of the hosts | `report` | `ignore` | `fail` |
//! | --- | --- | --- | --- |
//! | none failed | proper | proper | proper |
//! | some failed, and another one delivered | cut | proper | cut |
//! | some failed, and no other one delivered | cut | cut | cut |
//!
//! Where a client reads trailers, the stream ends properly in each case, and the verdict is in
//! them. For a browser it does too, and the last line says that the answer is incomplete. An answer
//! that ends within a record is cut in each case. To have delivered is to have ended as complete. For a text without trailers that is
//! not enough where there is nothing to see of it: an empty answer whose head names nobody
//! looks as if nothing matched anywhere, so it is cut.

use super::merge::Merge;
use super::source::Event;
use super::{Fanout, State, verdict};
use crate::relay::Incomplete;
use axum::body::Body;
use backscroll_shared::query::OnError;
use backscroll_shared::wire::verdict::{Status, Verdict, hosts_failed};
use backscroll_shared::wire::{Format, ndjson};
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::time::Instant;

impl Fanout {
    /// Whether this verdict spoils the records of a host that are out already.
    fn is_tainted(&self, index: usize, verdict: &Verdict) -> bool {
        self.delivered[index].lines > 0 && verdict::spoils(verdict)
    }

    /// What was wanted is out. A host that is still read has delivered its part.
    pub(super) fn stop(&mut self) {
        // One that has said all of it already has said what it read, too.
        for (mut source, _) in std::mem::replace(&mut self.merge, Merge::new(0)).into_items() {
            if self.is_left(source.index) {
                continue;
            }
            while let Some(event) = source.next_at_hand() {
                if let Event::Ended(verdict) = event {
                    // Any other failure behind what was wanted has cost nothing.
                    if !verdict.is_failure() || self.is_tainted(source.index, &verdict) {
                        self.verdicts.insert(source.name().to_owned(), verdict);
                    }
                    break;
                }
            }
        }
        for (_, name) in self.names.iter().enumerate().filter(|(index, _)| !self.twins.is_left(*index)) {
            self.verdicts.entry(name.clone()).or_insert_with(|| Verdict::new(Status::Complete));
        }
        self.end();
    }

    /// The records are out, or are given up: every host that is still read is left.
    pub(super) fn end(&mut self) {
        self.merge = Merge::new(0);
        self.pulls = FuturesUnordered::new();
        self.assembly = None;
        let has_last_line = self.wish.format == Format::Ndjson || self.wish.browser;
        self.is_in_record = self.written.take().is_some();
        if self.is_in_record && has_last_line {
            // The end is to be a line of its own, whatever became of the record in hand.
            self.out.push(b'\n');
        }
        let mut unsaid = 0_u64;
        for (name, delivered) in self.names.iter().zip(&self.delivered) {
            let Some(verdict) = self.verdicts.get_mut(name) else {
                unsaid = unsaid.saturating_add(delivered.bytes_scanned());
                continue;
            };
            verdict.lines = delivered.lines;
            verdict.truncated_lines = delivered.truncated_lines;
            verdict.bytes_scanned = verdict.bytes_scanned.max(delivered.bytes_scanned());
        }
        let mut verdict = verdict::overall(self.all_verdicts(), self.asked(), self.wish.on_error);
        // Those of hosts included on which there is no verdict, as others failed the request.
        verdict.lines = self.delivered.iter().map(|of| of.lines).fold(0, u64::saturating_add);
        verdict.truncated_lines =
            self.delivered.iter().map(|of| of.truncated_lines).fold(0, u64::saturating_add);
        verdict.bytes_scanned = verdict.bytes_scanned.saturating_add(unsaid);
        if self.wish.format == Format::Ndjson {
            self.out.extend_from_slice(&ndjson::end(&verdict));
        } else if self.wish.browser && verdict.status != Status::Complete {
            self.out.extend_from_slice(&verdict.last_line());
        }
        self.state = State::Ended(verdict);
    }

    /// The hosts that are known to have failed, for `Log-Hosts-Failed` in the answer's head;
    /// empty where none is.
    pub fn failed_so_far(&mut self) -> String {
        let verdicts = self.all_verdicts();
        self.told = failures(verdicts.values());
        hosts_failed(&verdicts)
    }

    /// All of the answer, where it has ended, as it should, and its client reads no trailers:
    /// then its length is known.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        let State::Ended(verdict) = &self.state else { return None };
        if self.wish.trailers || self.is_cut(verdict) {
            return None;
        }
        self.state = State::Over;
        Some(std::mem::take(&mut self.out).into())
    }

    /// As the body of an answer.
    pub fn into_body(self) -> Body {
        let frames = futures_util::stream::unfold(self, |mut fanout| async move {
            fanout.next_frame().await.map(|frame| (frame, fanout))
        });
        Body::new(StreamBody::new(Box::pin(frames)))
    }

    /// The next piece of the body. May be dropped and called again.
    pub async fn next_frame(&mut self) -> Option<Result<Frame<Bytes>, Incomplete>> {
        // The time that the client took is no host's.
        self.lateness.went_on();
        if matches!(self.state, State::Merging) && Instant::now() >= self.wish.deadline {
            self.late();
        }
        self.fill().await;
        if !self.out.is_empty() {
            let mut data = std::mem::take(&mut self.out);
            self.left += data.len() as u64;
            if data.capacity() - data.len() > data.len() / 4 {
                // Room that is not used would stay until a client that hardly reads has it.
                data.shrink_to_fit();
            }
            return Some(Ok(Frame::data(data.into())));
        }
        let State::Ended(verdict) = std::mem::replace(&mut self.state, State::Over) else { return None };
        if self.wish.trailers {
            Some(Ok(Frame::trailers(verdict.to_trailers())))
        } else {
            self.is_cut(&verdict).then_some(Err(Incomplete))
        }
    }

    /// Whether an answer without trailers is cut.
    fn is_cut(&self, verdict: &Verdict) -> bool {
        if verdict.status == Status::Complete || self.wish.browser {
            return false;
        }
        // Of a record whose end is missing a client sees nothing else, whatever it ignores.
        if self.is_in_record || verdict.status == Status::Failed || self.wish.on_error != OnError::Ignore {
            return true;
        }
        let mut complete = verdict.hosts.values().filter(|host| host.status == Status::Complete);
        let is_told = self.wish.format == Format::Ndjson || self.told == failures(verdict.hosts.values());
        !complete.any(|host| is_told || host.lines > 0)
    }
}

fn failures<'v>(hosts: impl Iterator<Item = &'v Verdict>) -> usize {
    hosts.filter(|host| host.is_failure()).count()
}
