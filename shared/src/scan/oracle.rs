//! What a search has to find, by reading the whole file at once and deciding by the definition of a
//! record; and what drives a search over bytes in memory. The property tests and the fuzz targets
//! compare the two.

#![allow(clippy::unwrap_used, reason = "an oracle that cannot go on fails its test")]

use super::{Limits, ReadPlan, Search, Span, Stage, Step, Summary, Window};
use crate::filter::Filter;
use crate::nuls::is_all_nul;
use std::collections::BTreeSet;

/// A record as it is delivered: offset, bytes, lines, truncated lines.
pub(super) type Owned = (u64, Vec<u8>, u64, u64);

/// The file without its NUL runs. For each run, its position in that file and its length.
pub(super) fn without_runs(file: &[u8], least: usize) -> (Vec<u8>, Vec<(usize, usize)>) {
    let (mut left, mut runs) = (Vec::new(), Vec::new());
    for line in file.split_inclusive(|b| *b == b'\n') {
        let nuls = line.iter().take_while(|b| **b == 0).count();
        let run = if nuls >= least { nuls } else { 0 };
        if run > 0 {
            runs.push((left.len(), run));
        }
        left.extend_from_slice(&line[run..]);
    }
    (left, runs)
}

/// The records that are found in the file without the runs, with their offsets in the file with
/// them.
pub(super) fn oracle(file: &[u8], keywords: &[Vec<u8>], n: Option<u64>, limits: Limits) -> Vec<Owned> {
    let (left, runs) = without_runs(file, limits.nul_run);
    let mut records = plain_oracle(&left, &runs, keywords, n, limits);
    for record in &mut records {
        // An excerpt begins inside a line, after the run. A line begins with the run.
        let is_window = record.2 == 1 && record.3 == 1 && show_match(&left, keywords, limits.line, record);
        let is_before = |at: usize| (at as u64) < record.0 || is_window && at as u64 == record.0;
        let missing = runs.iter().take_while(|(at, _)| is_before(*at)).map(|(_, run)| *run as u64);
        record.0 += missing.sum::<u64>();
    }
    records
}

/// Reads the whole file at once, and decides by the definition of a record. `runs`: positions of
/// the NUL runs, of which a record has only so many.
fn plain_oracle(
    file: &[u8],
    runs: &[(usize, usize)],
    keywords: &[Vec<u8>],
    n: Option<u64>,
    limits: Limits,
) -> Vec<Owned> {
    let mut lines = Vec::new();
    let mut start = 0;
    for piece in file.split_inclusive(|b| *b == b'\n') {
        lines.push((start, piece));
        start += piece.len();
    }
    let content = |piece: &[u8]| piece.strip_suffix(b"\n").unwrap_or(piece).to_vec();
    let cut = |bytes: Vec<u8>| bytes[..bytes.len().min(limits.line)].to_vec();
    let over = |piece: &[u8]| u64::from(content(piece).len() > limits.line);
    let mut records: Vec<Owned> = Vec::new();
    match keywords {
        [keyword] if keyword.contains(&b'\n') => {
            let matches: Vec<usize> = file
                .windows(keyword.len())
                .enumerate()
                .filter(|(_, w)| w == keyword)
                .map(|(at, _)| at)
                .collect();
            let both = |a: usize, b: usize| matches.iter().any(|s| *s < b && s + keyword.len() > a);
            let (mut joined, mut parted) = (false, 0);
            for (start, piece) in lines.into_iter().rev() {
                let end = start + piece.len();
                let touched = both(start, end);
                if touched {
                    let mut bytes = cut(content(piece));
                    let fits = records.last().is_some_and(|r| r.1.len() + 1 + bytes.len() < limits.record)
                        && parted <= limits.runs;
                    if joined && both(end, end) && fits {
                        let last = records.last_mut().unwrap();
                        bytes.push(b'\n');
                        bytes.extend_from_slice(&last.1);
                        *last = (start as u64, bytes, last.2 + 1, last.3 + over(piece));
                    } else {
                        records.push((start as u64, bytes, 1, over(piece)));
                        parted = 0;
                    }
                    parted += usize::from(runs.iter().any(|(at, _)| *at == start));
                }
                joined = touched;
            }
        }
        _ => {
            for (start, piece) in lines.into_iter().rev() {
                let holds = |k: &Vec<u8>| content(piece).windows(k.len()).any(|w| w == k);
                if keywords.iter().all(holds) {
                    records.push((start as u64, cut(content(piece)), 1, over(piece)));
                }
            }
        }
    }
    records.truncate(n.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)));
    records
}

/// If the record is a cut line without a match in its beginning, replaces its bytes by the excerpt:
/// the bytes with its first match in their middle. Returns whether it did.
fn show_match(file: &[u8], keywords: &[Vec<u8>], limit: usize, record: &mut Owned) -> bool {
    let start = usize::try_from(record.0).unwrap();
    let end = file[start..].iter().position(|b| *b == b'\n').map_or(file.len(), |at| start + at);
    let mut matches = Vec::new();
    for keyword in keywords {
        for at in start.saturating_sub(keyword.len())..=end {
            // Of a match across several lines, only the part in this line's content counts.
            let (from, to) = (at.clamp(start, end), (at + keyword.len()).clamp(start, end));
            let in_line = keyword.contains(&b'\n') || at + keyword.len() <= end;
            if file[at..].starts_with(keyword) && at + keyword.len() > start && in_line {
                matches.push((from, std::cmp::Reverse(to)));
            }
        }
    }
    let Some((from, std::cmp::Reverse(to))) = matches.into_iter().min() else { return false };
    let is_past = to > start + limit;
    if is_past {
        let before = limit.saturating_sub(to - from) / 2;
        let from = from.saturating_sub(before).min(end - limit).max(start);
        (record.0, record.1) = (from as u64, file[from..from + limit].to_vec());
    }
    is_past
}

/// When a search has to give up what it holds.
#[derive(Debug, Clone, Default)]
pub struct Releases {
    /// After this many records, and before as many blocks. Never if it is 0.
    pub every: usize,
    /// Before the steps with these numbers.
    pub steps: BTreeSet<usize>,
}

pub(super) fn filter(keywords: &[Vec<u8>]) -> Filter {
    Filter::new(keywords.to_vec()).unwrap()
}

/// Drives a search over bytes in memory. Skips holes if `has_holes`.
pub(super) fn drive(
    file: &[u8],
    keywords: &[Vec<u8>],
    n: Option<u64>,
    limits: Limits,
    plan: ReadPlan,
    releases: &Releases,
    has_holes: bool,
) -> (Vec<Owned>, Summary) {
    drive_by(file, &filter(keywords), n, limits, plan, releases, has_holes)
}

/// The same with any filter.
pub(super) fn drive_by(
    file: &[u8],
    filter: &Filter,
    n: Option<u64>,
    limits: Limits,
    mut plan: ReadPlan,
    releases: &Releases,
    has_holes: bool,
) -> (Vec<Owned>, Summary) {
    let mut search = Search::new(filter, n, plan.window(), limits);
    let mut records = Vec::new();
    let (mut blocks, mut again, mut steps) = (0, 0, 0);
    let block = |span: Span| file[usize::try_from(span.offset).unwrap()..][..span.len].to_vec();
    let mut last_was_nul = false;
    loop {
        if releases.steps.contains(&steps) {
            search.release();
        }
        steps += 1;
        let owned = match search.step() {
            Step::Record(r) => Some((r.offset, r.bytes.to_vec(), r.lines, r.truncated_lines)),
            // This may be in the middle of a line, which is then given up and fed again.
            Step::NeedBlock if releases.every > 0 && again < blocks / releases.every => {
                again += 1;
                search.release();
                None
            }
            Step::Working => None,
            Step::NeedBlock if has_holes && std::mem::take(&mut last_was_nul) => {
                // The NUL bytes before such a block count as a hole.
                let end = usize::try_from(plan.next_end()).unwrap();
                let start = usize::try_from(plan.window().start).unwrap();
                let nuls = file[start..end].iter().rev().take_while(|b| **b == 0).count();
                plan.skip_to((end - nuls) as u64);
                search.feed_hole(Span { offset: plan.next_end(), len: nuls });
                None
            }
            Step::NeedBlock => {
                let span = plan.next_span().expect("the search stops at the file's start");
                last_was_nul = is_all_nul(&block(span));
                blocks += 1;
                match search.block_matcher() {
                    // A matcher matches every second block, as a helper thread would.
                    Some(matcher) if blocks % 2 == 0 => {
                        let block = block(span);
                        let found = matcher.matches(span.offset, &block);
                        search.feed_matched(span, block, found);
                    }
                    _ => search.feed(span, block(span)),
                }
                None
            }
            Step::NeedAgain(span) => {
                search.feed(span, block(span));
                None
            }
            Step::Done => return (records, search.summary()),
        };
        if let Some(mut record) = owned {
            let spans = search.delivered();
            for span in &spans {
                let at_hand = search.at_hand(*span);
                assert!(at_hand.is_none_or(|bytes| bytes == block(*span)));
                assert!(limits != Limits::default() || at_hand.is_some());
            }
            let bytes = spans.iter().flat_map(|span| block(*span)).collect();
            if let Some(excerpt) = search.excerpt() {
                assert_eq!(spans, [excerpt]);
                (record.0, record.1) = (excerpt.offset, bytes);
            } else {
                assert_eq!(record.1, bytes, "it can be read again");
                assert!(spans.len() <= limits.runs + 1 || record.3 > 0);
            }
            records.push(record);
            if releases.every > 0 && records.len() % releases.every == 0 {
                search.release();
            }
        }
    }
}

/// The longest block that [`check`] reads in.
pub const BLOCK_BYTES: usize = 64;

/// A ramp that reads in blocks of one size.
pub(super) fn blocks(block_len: usize) -> &'static [Stage] {
    static RAMPS: [[Stage; 1]; BLOCK_BYTES] = {
        let mut ramps = [[Stage { block_len: 0, depth: 1, until: u64::MAX }]; BLOCK_BYTES];
        let mut at = 0;
        while at < BLOCK_BYTES {
            ramps[at][0].block_len = at + 1;
            at += 1;
        }
        ramps
    };
    &RAMPS[block_len - 1]
}

/// Searches `file` in blocks of one size, at most [`BLOCK_BYTES`], and compares the records and the
/// summary with the oracle. `has_holes`: NUL bytes before a block of them are fed as a hole.
pub fn check(
    file: &[u8],
    keywords: &[Vec<u8>],
    n: Option<u64>,
    limits: Limits,
    block_len: usize,
    releases: &Releases,
    has_holes: bool,
) {
    let plan = ReadPlan::with_ramp(Window::whole(file.len() as u64), blocks(block_len), 1);
    let (records, summary) = drive(file, keywords, n, limits, plan, releases, has_holes);
    let expected = oracle(file, keywords, n, limits);
    assert_eq!(records, expected, "blocks of {block_len}");
    assert_eq!(summary.lines, expected.iter().map(|r| r.2).sum::<u64>());
    assert_eq!(summary.truncated_lines, expected.iter().map(|r| r.3).sum::<u64>());
    if n.is_none() {
        if !has_holes {
            assert_eq!(summary.bytes_scanned, file.len() as u64);
        }
        let runs = without_runs(file, limits.nul_run).1;
        assert_eq!(summary.skipped_bytes, runs.iter().map(|(_, run)| *run as u64).sum::<u64>());
    }
}
