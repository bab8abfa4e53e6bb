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

/// Reads the lines before a record at `offset`, newest first, until `stamps` has seen enough of
/// them. It has already seen those that were in memory. `source` is the source of the record's own
/// search. May be dropped and called again.
pub async fn look_back<E: Engine>(
    engine: E,
    source: &impl BlockSource,
    stamps: &mut Stamps,
    offset: u64,
) -> Result<(), ReadFailure> {
    let end = stamps.looked_to();
    // The time of a record may stand before the window that is searched.
    let window = Window::whole(end);
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
                if stamps.older_line(offset, line.offset, line.bytes) {
                    return Ok(());
                }
            }
            Step::Working => {}
            Step::NeedBlock if let Some(hole) = older.skip_hole() => search.feed_hole(hole),
            Step::NeedBlock if read >= stamps.look_back_bytes() => break,
            Step::NeedBlock => {
                let Some(SourceBlock { span, block, .. }) = older.next().await? else { break };
                read += span.len as u64;
                search.feed(span, block);
            }
            Step::NeedAgain(_) | Step::Done => break,
        }
    }
    stamps.give_up();
    Ok(())
}
