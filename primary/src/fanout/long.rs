//! Long records: put together once it is their turn, and written in parts.
//!
//! A host tells the time of a record before its bytes, so a record waits for its turn without
//! them. Then room is waited for, of which all answers together have little, and the rest of
//! it comes. So a request holds one long record whole, however many hosts have one, and one
//! whose host fails in the middle of it is not begun.

use super::Fanout;
use super::source::{Event, Source};
use crate::long::{FREE_BYTES, Hold};
use backscroll_shared::wire::frames::Framed;
use std::pin::Pin;
use tokio::time::timeout_at;

/// A long record whose bytes are waited for.
pub(super) struct Assembly {
    index: usize,
    #[expect(clippy::type_complexity, reason = "what `Source::assemble` gives")]
    future: Pin<Box<dyn Future<Output = (Box<Source>, Result<(Framed, Hold), Event>)> + Send>>,
}

/// A record that is written in parts.
pub(super) struct Written {
    index: usize,
    source: Box<Source>,
    framed: Framed,
    cursor: super::write::Written,
    _hold: Option<Hold>,
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
            self.assembly = Some(Assembly { index, future: Box::pin(source.assemble(framed)) });
        } else if framed.bytes.len() > FREE_BYTES {
            self.write_long(index, source, framed, None);
        } else {
            return Some((source, framed));
        }
        None
    }

    fn write_long(&mut self, index: usize, source: Box<Source>, framed: Framed, hold: Option<Hold>) {
        let cursor = self.writer.begin(index, &framed, &mut self.out);
        self.written = Some(Written { index, source, framed, cursor, _hold: hold });
    }

    /// Goes on with the record that is written in parts, if there is one.
    pub(super) fn go_on_writing(&mut self) {
        let most = self.chunk_bytes();
        let Some(long) = &mut self.written else { return };
        if !self.writer.go_on(long.index, &long.framed, &mut long.cursor, most, &mut self.out) {
            return;
        }
        if let Some(Written { index, source, framed, .. }) = self.written.take() {
            self.is_written(index, source, &framed);
        }
    }

    /// Waits for the rest of the long record whose turn it is.
    pub(super) async fn assemble(&mut self) {
        let until = self.lateness.next_look();
        let Some(assembly) = &mut self.assembly else { return };
        let index = assembly.index;
        let assembled = timeout_at(until, &mut assembly.future).await;
        self.assembly = None;
        match assembled {
            Ok((source, Ok((framed, hold)))) => self.write_long(index, source, framed, Some(hold)),
            Ok((source, Err(ended))) => self.take(source, ended),
            Err(_) => self.late_with(index),
        }
    }
}
