//! How the answer leaves, and how it ends.
//!
//! | hosts | `report` | `ignore` | `fail` |
//! | --- | --- | --- | --- |
//! | none failed | proper | proper | proper |
//! | some failed, and another one is complete | cut | proper | cut |
//! | some failed, and no other one is complete | cut | cut | cut |
//!
//! If the client reads trailers, the stream ends properly in each case, and the verdict is in the
//! trailers. For a browser it ends properly too, and the last line says that the answer is
//! incomplete. For any other client an answer that ends within a record is cut in
//! each case.
//!
//! With `ignore`, a text without trailers is also cut if it is empty and its head does not name the
//! hosts that failed: it would look as if no host had a match.

use super::state::{Fanout, Phase};
use crate::answer::Incomplete;
use axum::body::Body;
use backscroll_shared::query::OnError;
use backscroll_shared::wire::Format;
use backscroll_shared::wire::code::Code;
use backscroll_shared::wire::notice::Notice;
use backscroll_shared::wire::verdict::{Status, Verdict, hosts_failed};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::time::Instant;

impl Fanout {
    /// The hosts that are known to have failed, for `Log-Hosts-Failed` in the answer's head. Empty
    /// if there are none.
    pub fn failed_so_far(&mut self) -> String {
        let verdicts = self.all_verdicts();
        self.failed_in_head = failures(verdicts.values());
        hosts_failed(&verdicts)
    }

    /// The notices beside the verdict, if the answer has ended.
    pub fn notices(&self) -> &[Notice] {
        if let Phase::Ended(verdict) = &self.phase { &verdict.notices } else { &[] }
    }

    /// All of the answer, if it has ended properly and its client reads no trailers: then its length
    /// is known.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        let Phase::Ended(verdict) = &self.phase else { return None };
        if self.options.trailers || self.is_cut(verdict) {
            return None;
        }
        self.phase = Phase::Over;
        Some(std::mem::take(&mut self.out).into())
    }

    /// As the body of an answer.
    pub fn into_body(self) -> Body {
        let frames = futures_util::stream::unfold(self, |mut fanout| async move {
            fanout.next_frame().await.map(|frame| (frame, fanout))
        });
        Body::new(StreamBody::new(Box::pin(frames)))
    }

    /// The next frame of the body. May be dropped and called again.
    pub async fn next_frame(&mut self) -> Option<Result<Frame<Bytes>, Incomplete>> {
        // The time that the client took does not count as a host's.
        self.lateness.went_on();
        if self.is_merging() && Instant::now() >= self.deadline {
            self.late();
        }
        self.fill().await;
        if !self.out.is_empty() {
            if self.left == 0
                && let Some(exchange) = &self.exchange
            {
                exchange.note_first_record();
            }
            let mut data = std::mem::take(&mut self.out);
            self.left += data.len() as u64;
            if data.capacity() - data.len() > data.len() / 4 {
                // A client that hardly reads would keep the unused part of the buffer for long.
                data.shrink_to_fit();
            }
            return Some(Ok(Frame::data(data.into())));
        }
        let Phase::Ended(verdict) = std::mem::replace(&mut self.phase, Phase::Over) else { return None };
        if self.options.trailers {
            Some(Ok(Frame::trailers(verdict.to_trailers())))
        } else {
            self.is_cut(&verdict).then_some(Err(Incomplete))
        }
    }

    /// Whether an answer without trailers is cut.
    fn is_cut(&self, verdict: &Verdict) -> bool {
        if verdict.status == Status::Complete || self.options.browser {
            return false;
        }
        // The hosts have not failed: the client has to continue.
        if verdict.error.as_ref().is_some_and(|error| error.code == Code::Timeout) {
            return true;
        }
        // A client sees in no other way that the end of a record is missing.
        if self.is_in_record || verdict.status == Status::Failed || self.on_error != OnError::Ignore {
            return true;
        }
        let mut complete = verdict.hosts.values().filter(|host| host.status == Status::Complete);
        let is_named =
            self.options.format == Format::Ndjson || self.failed_in_head == failures(verdict.hosts.values());
        !complete.any(|host| is_named || host.lines > 0)
    }
}

fn failures<'v>(hosts: impl Iterator<Item = &'v Verdict>) -> usize {
    hosts.filter(|host| host.is_failure()).count()
}
