//! The lines before a record that carries no time, until one does.

use crate::read::{ReadAt, ReadFailure, Readahead};
use backscroll_shared::scan::{Limits, ReadPlan, Search, Step};
use backscroll_shared::time::Stamps;

/// Reads the lines before `offset`, newest first, until `stamps` has seen enough of them.
/// `readahead` is that of the record's own search, and has been parked: two blocks for one
/// answer could be waited for by everybody at once. May be dropped and called again.
pub async fn look_back<F: ReadAt>(
    readahead: &Readahead<F>,
    stamps: &mut Stamps,
    offset: u64,
) -> Result<(), ReadFailure> {
    let mut ahead = readahead.of_same_file(ReadPlan::new(offset));
    let mut search = Search::new(Vec::new(), None, offset, Limits::default());
    let mut read = 0;
    loop {
        match search.step() {
            Step::Record(line) => {
                if stamps.older_line(offset, line.offset, line.bytes) {
                    return Ok(());
                }
            }
            Step::Working => {}
            Step::NeedBlock if read >= stamps.look_back_bytes() => break,
            Step::NeedBlock => {
                let Some((span, block, _)) = ahead.next().await? else { break };
                read += span.len as u64;
                search.feed(span, block);
            }
            Step::NeedAgain(_) | Step::Done => break,
        }
    }
    stamps.give_up(offset);
    Ok(())
}
