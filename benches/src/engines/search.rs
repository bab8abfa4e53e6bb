//! The search in memory and in files. Only this module of the crate calls [`Search`].

use super::lines::Lines;
use backscroll_secondary::read::block::BLOCK_BYTES;
use backscroll_secondary::read::{BlockSource as _, ReadAt, ReadFailure, Readahead, SourceBlock};
use backscroll_shared::filter::Filter;
use backscroll_shared::scan::{Limits, ReadPlan, Search, Stage, Step, Window};
use std::hint::black_box;

/// The keywords: none for every line, several that a line must all contain, or one with a line
/// feed.
pub type Keywords<'a> = &'a [&'a [u8]];

/// Blocks of the size that a deep scan reads, one after another.
const FROM_MEMORY: &[Stage] = &[Stage { block_len: BLOCK_BYTES, depth: 1, until: u64::MAX }];

/// The page size, to which blocks are aligned.
pub const PAGE: u64 = 4096;

/// The results of a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// The number of records.
    pub records: u64,
    /// The number of lines in them.
    pub lines: u64,
    /// Their bytes, without line feeds.
    pub bytes: u64,
}

/// Searches `lines`: only matching, without reading or copying.
pub fn from_memory(lines: &Lines, keywords: Keywords<'_>) -> Tally {
    let mut plan = ReadPlan::with_ramp(Window::whole(lines.size()), FROM_MEMORY, PAGE);
    let mut search = search(keywords, lines.size());
    let mut tally = Tally::default();
    while advance(&mut search, &mut tally) {
        let Some(span) = plan.next_span() else { break };
        search.feed(span, lines.block(span));
    }
    tally
}

/// Searches a file of `size` bytes that `readahead` reads.
pub async fn from_file<F: ReadAt>(
    mut readahead: Readahead<F>,
    size: u64,
    keywords: Keywords<'_>,
) -> Result<Tally, ReadFailure> {
    let mut search = search(keywords, size);
    let mut tally = Tally::default();
    while advance(&mut search, &mut tally) {
        let Some(SourceBlock { span, block, .. }) = readahead.next().await? else { break };
        search.feed(span, block);
    }
    Ok(tally)
}

fn search<B: AsRef<[u8]>>(keywords: Keywords<'_>, size: u64) -> Search<B> {
    let filter = Filter::new(keywords.iter().map(|keyword| keyword.to_vec()).collect());
    let filter = filter.expect("a benchmark has few keywords");
    Search::new(&filter, None, Window::whole(size), Limits::default())
}

/// Takes all records of the current block. Returns whether the search needs another block.
fn advance<B: AsRef<[u8]>>(search: &mut Search<B>, tally: &mut Tally) -> bool {
    loop {
        match search.step() {
            Step::Record(record) => {
                tally.records += 1;
                tally.lines += record.lines;
                tally.bytes += black_box(record.bytes).len() as u64;
            }
            Step::Working => {}
            Step::NeedBlock => return true,
            // The search here keeps every block that it needs, so it never asks for one again.
            Step::NeedAgain(_) | Step::Done => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::{ABSENT, ACROSS_ABSENT, ACROSS_EVERY, ACROSS_RARE, EVERY, NEARLY, RARE};
    use super::*;

    #[test]
    fn the_search_finds_what_the_lines_hold() {
        for line_len in [40, 100, 4093] {
            let lines = Lines::new(line_len, 2 << 20);
            let found = |keywords: Keywords<'_>| from_memory(&lines, keywords).lines;
            assert_eq!(found(&[]), lines.lines());
            assert_eq!(found(&[EVERY]), lines.lines());
            assert_eq!(found(&[RARE]), lines.rare_lines());
            assert_eq!(found(&[RARE, EVERY]), lines.rare_lines());
            assert_eq!(found(&[ACROSS_RARE]), 2 * lines.rare_lines());
            assert_eq!(found(&[ACROSS_EVERY]), lines.lines());
            for absent in [ABSENT, NEARLY, ACROSS_ABSENT] {
                assert_eq!(from_memory(&lines, &[absent]), Tally::default());
            }
        }
    }

    #[test]
    fn every_byte_but_the_feeds_is_delivered_where_nothing_is_looked_for() {
        let lines = Lines::new(100, 1 << 20);
        assert_eq!(from_memory(&lines, &[]).bytes, lines.size() - lines.lines());
    }
}
