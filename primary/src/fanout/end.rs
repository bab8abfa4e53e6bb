//! The end of the records, and the verdict.

use super::merge::Merge;
use super::source::Event;
use super::state::{Fanout, Phase};
use super::verdict;
use backscroll_shared::wire::verdict::{Status, Stopped, Verdict};
use backscroll_shared::wire::{Format, ndjson};
use futures_util::stream::FuturesUnordered;

impl Fanout {
    /// Whether this verdict spoils records of the host that are written already.
    fn is_tainted(&self, index: usize, verdict: &Verdict) -> bool {
        self.delivered[index].lines > 0 && verdict::spoils(verdict)
    }

    /// Ends the answer, because all records that the client wants are written. Hosts that have not
    /// ended have delivered their part.
    pub(super) fn stop(&mut self) {
        let held = self.held();
        // A host whose verdict has come already says how much it has read.
        for (mut source, _) in std::mem::replace(&mut self.merge, Merge::new(0)).into_items() {
            if self.is_left(source.index) {
                continue;
            }
            while let Some(event) = source.next_at_hand() {
                if let Event::Ended(verdict) = event {
                    // Any other failure after the last record that is wanted costs nothing.
                    if !verdict.is_failure() || self.is_tainted(source.index, &verdict) {
                        // Its cursors lie behind what is not delivered.
                        let verdict = Verdict { older: None, newer: None, ..verdict };
                        self.verdicts.insert(source.name().to_owned(), verdict);
                    }
                    break;
                }
            }
        }
        self.judge_the_others(&Verdict { stopped: Some(Stopped::N), ..Verdict::new(Status::Complete) });
        self.end_with(&held, Some(Stopped::N));
    }

    /// Ends the answer: drops every host that has not ended, and makes the verdict.
    pub(super) fn end(&mut self) {
        self.end_with(&self.held(), None);
    }

    /// The hosts of which a record has come that is not delivered.
    fn held(&self) -> Vec<usize> {
        self.merge.held().filter(|index| !self.is_left(*index)).collect()
    }

    /// `held`: the hosts of which a record has come that is not delivered.
    fn end_with(&mut self, held: &[usize], stopped: Option<Stopped>) {
        self.merge = Merge::new(0);
        self.pulls = FuturesUnordered::new();
        self.assembly = None;
        let has_last_line = self.options.format == Format::Ndjson || self.options.browser;
        self.is_in_record = self.written.take().is_some();
        if self.is_in_record && has_last_line {
            // The end is to be a line of its own, also if it cuts a record.
            self.out.push(b'\n');
        }
        let mut unsaid = 0_u64;
        for (name, delivered) in self.names.iter().zip(&self.delivered) {
            let Some(verdict) = self.verdicts.get_mut(name) else {
                unsaid = unsaid.saturating_add(delivered.bytes_scanned());
                continue;
            };
            (verdict.since, verdict.until) = (None, None);
            verdict.lines = delivered.lines;
            verdict.truncated_lines = delivered.truncated_lines;
            verdict.bytes_scanned = verdict.bytes_scanned.max(delivered.bytes_scanned());
        }
        for index in held {
            if let Some(verdict) = self.verdicts.get_mut(&self.names[*index]) {
                verdict.more = Some(true);
                if !verdict.is_failure() {
                    verdict.stopped = stopped;
                }
            }
        }
        let mut verdict = verdict::overall(self.all_verdicts(), self.asked(), self.on_error);
        verdict.stopped = stopped.or(verdict.stopped);
        self.add_cursors(&mut verdict);
        // Also of hosts without a verdict: another host has failed the request.
        verdict.lines = self.delivered.iter().map(|of| of.lines).fold(0, u64::saturating_add);
        verdict.truncated_lines =
            self.delivered.iter().map(|of| of.truncated_lines).fold(0, u64::saturating_add);
        verdict.bytes_scanned = verdict.bytes_scanned.saturating_add(unsaid);
        verdict.hosts_visible = self.hosts_visible;
        if let Some(exchange) = &self.exchange {
            exchange.note_first_record();
            exchange.note_verdict(&verdict);
        }
        if self.options.format == Format::Ndjson {
            self.out.extend_from_slice(&ndjson::end(&verdict));
        } else if self.options.browser {
            let is_complete = verdict.status == Status::Complete;
            self.out.extend(if is_complete { verdict.notes() } else { verdict.last_line() });
        }
        self.phase = Phase::Ended(Box::new(verdict));
    }

    /// Adds how the answer can be continued.
    fn add_cursors(&self, verdict: &mut Verdict) {
        let Some(positions) = &self.positions else { return };
        let hosts = || (0..self.names.len()).map(|index| (index, self.twins.asked_for(index)));
        positions.add_range(verdict);
        if !self.options.trailers && self.options.format != Format::Ndjson {
            // Nothing carries them.
            return;
        }
        if verdict.more != Some(false) {
            verdict.older = positions.older(&self.names, hosts());
        }
        verdict.newer = positions.newer(&self.names, hosts());
    }

    /// Gives this verdict to each host that has none yet.
    pub(super) fn judge_the_others(&mut self, verdict: &Verdict) {
        for name in self.distinct_names() {
            self.verdicts.entry(name).or_insert_with(|| verdict.clone());
        }
    }
}
