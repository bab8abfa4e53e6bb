//! Long records: they are put together once it is their turn, and written in parts.
//!
//! A host sends the time of a record before its bytes, so a long record waits for its turn without
//! its bytes. Then it waits for memory, of which all answers together have little, and then for its
//! bytes. So a request holds one long record at most, however many of its hosts have one. If the
//! host fails in the middle of a long record, nothing of the record has been written. If the client
//! takes nothing of it, it loses its memory to others that wait, and the answer ends there.

use super::source::Source;
use super::state::{Assembly, Fanout, SPARE_BYTES, Written};
use crate::capacity::FREE_BYTES;
use crate::capacity::records::HeldRecord;
use crate::host::verdict::of_problem;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::wire::frames::Framed;
use backscroll_shared::wire::problem::{Code, Problem};
use bytes::Bytes;
use tokio::time::timeout_at;

impl Fanout {
    /// Takes a record whose turn it is, if it is long. Gives it back if it is not.
    pub(super) fn take_long(
        &mut self,
        index: usize,
        source: Box<Source>,
        framed: Framed,
    ) -> Option<(Box<Source>, Framed)> {
        if source.is_long() {
            let future = Box::pin(source.assemble(self.lateness.next_look()));
            self.assembly = Some(Assembly { index, framed, future });
        } else if framed.bytes.len() > FREE_BYTES {
            self.write_long(index, source, framed, None);
        } else {
            return Some((source, framed));
        }
        None
    }

    fn write_long(
        &mut self,
        index: usize,
        source: Box<Source>,
        mut framed: Framed,
        record: Option<HeldRecord>,
    ) {
        if let Some(record) = &record {
            let Ok(bytes) = record.bytes() else { return self.lost_memory() };
            framed.bytes = bytes;
        }
        let cursor = self.writer.begin(index, &framed, &mut self.out);
        if record.is_some() {
            framed.bytes = Bytes::new();
        }
        self.written = Some(Written { index, source, framed, cursor, record });
    }

    /// Goes on with the record that is written in parts.
    pub(super) fn go_on_writing(&mut self) {
        let most = self.chunk_bytes();
        let room = most + SPARE_BYTES;
        if self.out.capacity() < room {
            self.out.reserve_exact(room.saturating_sub(self.out.len()));
        }
        let Some(long) = &mut self.written else { return };
        if let Some(record) = &long.record {
            let Ok(bytes) = record.bytes() else { return self.lost_memory() };
            long.framed.bytes = bytes;
        }
        let is_written = self.writer.go_on(long.index, &long.framed, &mut long.cursor, most, &mut self.out);
        if long.record.is_some() {
            // Not kept: others may need the memory.
            long.framed.bytes = Bytes::new();
        }
        if !is_written {
            return;
        }
        if let Some(Written { index, source, framed, record, .. }) = self.written.take() {
            self.is_written(index, source, &framed, record.is_none());
        }
    }

    /// Ends the answer, because the record that is written has lost its memory: others waited for
    /// it, and the client took nothing of it.
    fn lost_memory(&mut self) {
        let time = HeldRecord::STALLED;
        let detail = format!(
            "the client took nothing of a long record for {time:?}, and other requests needed its room: the records from there on are missing; read faster, or ask for less"
        );
        let request_id = Exchange::logged(self.exchange.as_ref());
        tracing::warn!(detail, request_id, "an answer was given up");
        self.judge_the_others(&of_problem(&Problem::new(Code::Overloaded, detail)));
        self.end();
    }

    /// Waits for the bytes of the long record whose turn it is.
    pub(super) async fn assemble(&mut self) {
        let until = self.next_look();
        let Some(assembly) = &mut self.assembly else { return };
        let assembled = timeout_at(until, &mut assembly.future).await;
        let Some(Assembly { index, framed, .. }) = self.assembly.take() else { return };
        match assembled {
            Ok((source, Ok(record))) => self.write_long(index, source, framed, Some(record)),
            Ok((source, Err(ended))) => self.take(source, ended),
            Err(_) => self.late_with(index),
        }
    }
}
