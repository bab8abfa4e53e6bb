//! The loop: merges and writes until there is a chunk to send.

use super::source::{Event, Source};
use super::state::Fanout;
use super::verdict;
use backscroll_shared::limits::FIRST_RECORD_WAIT;
use backscroll_shared::query::OnError;
use backscroll_shared::wire::problem::Problem;
use futures_util::{FutureExt as _, StreamExt as _};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::time::error::Elapsed;
use tokio::time::{timeout, timeout_at};

/// How often the answer checks whether every host has begun to answer.
const LOOK_TIME: Duration = Duration::from_millis(100);

/// What has come of a host, with the host.
type Pulled = (Box<Source>, Event);

impl Fanout {
    /// Works until there is something to send, or until every host has begun to answer and the
    /// first record has not come in [`FIRST_RECORD_WAIT`]. A failure by then is a problem with a
    /// status of its own.
    pub async fn prime(&mut self) -> Result<(), Problem> {
        let mut waited = Duration::ZERO;
        while waited < FIRST_RECORD_WAIT && timeout(LOOK_TIME, self.fill()).await.is_err() {
            if self.question.silent.load(Relaxed) == 0 {
                waited += LOOK_TIME;
            }
        }
        if self.records > 0 && self.on_error != OnError::Fail {
            return Ok(());
        }
        let is_over = !self.is_merging();
        let verdicts = self.all_verdicts();
        let is_doomed = self.on_error == OnError::Fail && verdicts.values().any(verdict::has_failed);
        if !(is_over || is_doomed) {
            return Ok(());
        }
        verdict::problem(&verdicts, self.asked(), self.on_error, &self.file).map_or(Ok(()), Err)
    }

    /// Whether the first record is there, or it is known that there is none.
    pub fn has_first_record(&self) -> bool {
        self.records > 0 || !self.is_merging()
    }

    /// Works until there is something to send, or all records are written. Records do not wait in
    /// a chunk for records that have not come.
    pub(super) async fn fill(&mut self) {
        while self.is_merging() {
            self.write_merged();
            if !self.is_merging() || self.out.len() >= self.chunk_bytes() {
                return;
            }
            if self.assembly.is_some() {
                if !self.out.is_empty() {
                    return;
                }
                self.assemble().await;
                continue;
            }
            let pulled = if self.out.is_empty() {
                self.wait().await
            } else {
                // There is something to send, so nothing waits for a host.
                self.waits_since = None;
                match self.pulls.next().now_or_never() {
                    Some(pulled) => Ok(pulled),
                    None => return,
                }
            };
            match pulled {
                Ok(Some((source, _))) if self.is_left(source.index) => {}
                Ok(Some((source, event))) => {
                    let is_mark = matches!(event, Event::Mark(_));
                    self.take(source, event);
                    // A host that sends nothing but marks does not keep the others waiting.
                    if is_mark && self.lateness.is_due() {
                        self.late();
                    }
                }
                Ok(None) => self.end(),
                Err(_) => self.late(),
            }
        }
    }

    /// Waits for what comes next of any host, but not longer than until the next look at those that
    /// are late.
    async fn wait(&mut self) -> Result<Option<Pulled>, Elapsed> {
        if let Some(pulled) = self.pulls.next().now_or_never() {
            self.waits_since = None;
            return Ok(pulled);
        }
        // It may go on over several looks, and be dropped and called again.
        let since = *self.waits_since.get_or_insert_with(Instant::now);
        let pulled = timeout_at(self.next_look(), self.pulls.next()).await;
        if pulled.is_ok() {
            self.waits_since = None;
            self.meter.merge_waited(since.elapsed());
        }
        pulled
    }

    /// Writes the records that are certain to be the newest.
    fn write_merged(&mut self) {
        while self.out.len() < self.chunk_bytes() && self.is_merging() {
            if self.written.is_some() {
                self.go_on_writing();
                continue;
            }
            if self.assembly.is_some() {
                return;
            }
            if self.n == Some(self.records) && !self.wants_none() {
                return self.stop();
            }
            if self.notes_the_time() {
                return self.wind_up();
            }
            let Some((index, (source, framed))) = self.merge.pop() else { break };
            if self.is_left(index) {
                self.merge.over(index);
                continue;
            }
            let Some((source, framed)) = self.take_long(index, source, framed) else { continue };
            self.make_room();
            self.writer.write(index, &framed, &mut self.out);
            self.is_written(index, source, &framed, true);
        }
        if self.merge.is_over() && self.is_merging() {
            self.end();
        }
    }
}
