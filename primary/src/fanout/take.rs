//! Handles what comes from a host.

use super::source::{Event, Source};
use super::state::Fanout;
use super::verdict::{self, nothing_left};
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::query::OnError;
use backscroll_shared::wire::frames::Framed;
use backscroll_shared::wire::problem::Code;
use backscroll_shared::wire::verdict::Status;

impl Fanout {
    /// Handles what came from a host.
    pub(super) fn take(&mut self, mut source: Box<Source>, event: Event) {
        let index = source.index;
        if let Some(instance) = source.instance.take() {
            let has_refused = matches!(&event, Event::Ended(verdict) if verdict.status != Status::Complete);
            if let Some(twin) = self.twins.meet(index, instance, has_refused) {
                let request_id = Exchange::logged(self.exchange.as_ref());
                tracing::debug!(
                    host = self.names[twin],
                    request_id,
                    "another name of a host that is asked: left"
                );
                self.merge.over(twin);
                self.verdicts.remove(&self.names[twin]);
                if twin == index {
                    return;
                }
            }
            if let (Some(file), Some(positions)) = (source.file.take(), &mut self.positions) {
                positions.opened(index, file);
            }
        }
        match event {
            Event::Record(_) if self.wants_none() => {
                let ended =
                    source.failed(Code::UpstreamUnreachable, "sent records where none were asked for");
                self.take(source, ended);
            }
            Event::Record(framed) => {
                self.delivered[index].came(&framed);
                self.merge.offer(index, framed.stamp.map(|s| s.nanos), (source, framed));
            }
            Event::Mark(nanos) => {
                self.merge.mark(index, nanos);
                self.pulls.push(Box::pin(source.pull()));
            }
            Event::Ended(mut verdict) => {
                self.merge.over(index);
                if let Some(positions) = &mut self.positions {
                    positions.ended(index, &verdict);
                    if verdict.is_failure() && positions.has_nothing_left(source.name()) {
                        verdict = nothing_left();
                    }
                }
                (verdict.older, verdict.newer) = (None, None);
                self.is_out_of_time |= verdict::is_out_of_time(&verdict) && self.limit.is_some();
                let is_last = verdict::has_failed(&verdict) && self.on_error == OnError::Fail;
                self.verdicts.insert(source.name().to_owned(), verdict);
                if is_last {
                    self.end();
                }
            }
        }
    }

    /// Counts a record of a host that is written, and goes on with the host.
    /// `is_whole`: whether its bytes are at hand.
    pub(super) fn is_written(
        &mut self,
        index: usize,
        mut source: Box<Source>,
        framed: &Framed,
        is_whole: bool,
    ) {
        self.records += 1;
        if let Some(positions) = &mut self.positions {
            positions.delivered(index, framed, self.merge.key(index), is_whole);
        }
        let delivered = &mut self.delivered[index];
        // A host may say any number.
        delivered.lines = delivered.lines.saturating_add(framed.lines);
        delivered.truncated_lines = delivered.truncated_lines.saturating_add(framed.truncated_lines);
        source.passed_on(framed.lines);
        match source.next_at_hand() {
            Some(event) => self.take(source, event),
            None => self.pulls.push(Box::pin(source.pull())),
        }
    }
}
