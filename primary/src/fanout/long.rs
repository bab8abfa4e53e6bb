//! Long records: put together once it is their turn, and written in parts.
//!
//! A host tells the time of a record before its bytes, so a record waits for its turn without
//! them. Then room is waited for, of which all answers together have little, and the rest of
//! it comes. So a request holds one long record whole, however many hosts have one, and one
//! whose host fails in the middle of it is not begun. One whose client takes nothing loses its
//! room to others that wait for it, and its answer ends there.

use super::source::{Event, Source, verdict_of};
use super::{Fanout, SPARE_BYTES};
use crate::long::{FREE_BYTES, Record};
use backscroll_shared::wire::frames::Framed;
use backscroll_shared::wire::problem::{Code, Problem};
use bytes::Bytes;
use std::pin::Pin;
use tokio::time::timeout_at;

/// A long record whose bytes are waited for.
pub(super) struct Assembly {
    index: usize,
    framed: Framed,
    #[expect(clippy::type_complexity, reason = "what `Source::assemble` gives")]
    future: Pin<Box<dyn Future<Output = (Box<Source>, Result<Record, Event>)> + Send>>,
}

/// A record that is written in parts.
pub(super) struct Written {
    index: usize,
    source: Box<Source>,
    framed: Framed,
    cursor: super::write::Written,
    /// Who has its bytes, where they came in parts.
    record: Option<Record>,
}

impl Fanout {
    /// Takes a record whose turn it is, where it is long.
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

    fn write_long(&mut self, index: usize, source: Box<Source>, mut framed: Framed, record: Option<Record>) {
        if let Some(record) = &record {
            let Ok(bytes) = record.bytes() else { return self.lost_room() };
            framed.bytes = bytes;
        }
        let cursor = self.writer.begin(index, &framed, &mut self.out);
        if record.is_some() {
            framed.bytes = Bytes::new();
        }
        self.written = Some(Written { index, source, framed, cursor, record });
    }

    /// Goes on with the record that is written in parts, if there is one.
    pub(super) fn go_on_writing(&mut self) {
        let most = self.chunk_bytes();
        let room = most + SPARE_BYTES;
        if self.out.capacity() < room {
            self.out.reserve_exact(room.saturating_sub(self.out.len()));
        }
        let Some(long) = &mut self.written else { return };
        if let Some(record) = &long.record {
            let Ok(bytes) = record.bytes() else { return self.lost_room() };
            long.framed.bytes = bytes;
        }
        let is_written = self.writer.go_on(long.index, &long.framed, &mut long.cursor, most, &mut self.out);
        if long.record.is_some() {
            // Its room is taken away with its bytes.
            long.framed.bytes = Bytes::new();
        }
        if !is_written {
            return;
        }
        if let Some(Written { index, source, framed, .. }) = self.written.take() {
            self.is_written(index, source, &framed);
        }
    }

    /// Others waited for the room of the record in hand, and the client took nothing of it: the
    /// answer ends here, whatever the other hosts still have.
    fn lost_room(&mut self) {
        let time = Record::STALLED;
        let detail = format!(
            "the client took nothing of a long record for {time:?}, and other requests needed its room: the records from there on are missing; read faster, or ask for less"
        );
        tracing::warn!(detail, "an answer was given up");
        let verdict = verdict_of(&Problem::new(Code::Overloaded, detail));
        for (_, name) in self.names.iter().enumerate().filter(|(index, _)| !self.twins.is_left(*index)) {
            self.verdicts.entry(name.clone()).or_insert_with(|| verdict.clone());
        }
        self.end();
    }

    /// Waits for the rest of the long record whose turn it is.
    pub(super) async fn assemble(&mut self) {
        let until = self.lateness.next_look();
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
