//! Reads the lines before a record that has no time of its own, until one has a time.

use crate::read::{BlockSource, Engine, ReadFailure, SourceBlock, TURN};
use backscroll_shared::filter::Filter;
use backscroll_shared::scan::{Limits, Search, Step, Window};
use backscroll_shared::time::Stamps;
use std::time::Instant;

/// Bytes of a line that are held while the rest of it is read. A line's time stands near its
/// beginning, and many answers may look back at once. A longer line of JSON with its time at the
/// end is skipped.
const LINE_BYTES: usize = 32 << 10;

/// Lines that are looked at, newest first.
pub(super) trait OlderLines {
    /// Where they end.
    fn from(&self) -> u64;

    /// How many bytes to read at most.
    fn most_bytes(&self) -> u64;

    /// Takes the next line, which begins at `at`. True once no more lines are needed.
    fn take(&mut self, at: u64, line: &[u8]) -> bool;
}

/// The lines before the record at `offset`, for its stamp.
struct ForStamp<'a> {
    stamps: &'a mut Stamps,
    offset: u64,
}

impl OlderLines for ForStamp<'_> {
    fn from(&self) -> u64 {
        self.stamps.looked_to()
    }

    fn most_bytes(&self) -> u64 {
        self.stamps.look_back_bytes()
    }

    fn take(&mut self, at: u64, line: &[u8]) -> bool {
        self.stamps.older_line(self.offset, at, line)
    }
}

/// Reads the lines before a record at `offset`, newest first, until `stamps` has seen enough of
/// them. It has already seen those that were in memory. `source` is the source of the record's own
/// search. May be dropped and called again.
pub async fn look_back<E: Engine>(
    engine: E,
    source: &impl BlockSource,
    stamps: &mut Stamps,
    offset: u64,
) -> Result<(), ReadFailure> {
    let (is_enough, _) = older_lines(engine, source, &mut ForStamp { stamps: &mut *stamps, offset }).await?;
    if !is_enough {
        stamps.give_up();
    }
    Ok(())
}

/// Reads lines until there are enough of them. Returns whether there are, and how many bytes were
/// read.
pub(super) async fn older_lines<E: Engine>(
    engine: E,
    source: &impl BlockSource,
    lines: &mut impl OlderLines,
) -> Result<(bool, u64), ReadFailure> {
    // The time of a record may stand before the window that is searched.
    let window = Window::whole(lines.from());
    let mut older = source.beside(Some(window));
    let mut search =
        Search::new(&Filter::All, None, window, Limits { line: LINE_BYTES, ..Limits::default() });
    let mut read = 0;
    let mut worked_since = Instant::now();
    loop {
        // Megabytes of lines without a time may have to be looked at, one by one.
        if worked_since.elapsed() >= TURN {
            engine.pause().await;
            worked_since = Instant::now();
        }
        match search.step() {
            Step::Record(line) => {
                if lines.take(line.offset, line.bytes) {
                    return Ok((true, read));
                }
            }
            Step::Working => {}
            Step::NeedBlock if let Some(hole) = older.skip_hole() => search.feed_hole(hole),
            Step::NeedBlock if read >= lines.most_bytes() => break,
            Step::NeedBlock => {
                let Some(SourceBlock { span, block, .. }) = older.next().await? else { break };
                read += span.len as u64;
                search.feed(span, block);
            }
            Step::NeedAgain(_) | Step::Done => break,
        }
    }
    Ok((false, read))
}
