//! Compares the search with a naive oracle, with blocks of 1 to 17 bytes and of the real sizes.

mod filters;
mod peers;

use super::oracle::*;
use super::*;
use crate::filter::Filter;
use proptest::prelude::*;
use std::collections::BTreeSet;

mod pages;

fn releases() -> impl Strategy<Value = Releases> {
    let steps = prop_oneof![
        Just(BTreeSet::new()),
        prop::collection::btree_set(0usize..200, 0..20),
        // Many steps in a row.
        (0usize..100, 1usize..20).prop_map(|(from, len)| (from..from + len).collect()),
    ];
    (0usize..5, steps).prop_map(|(every, steps)| Releases { every, steps })
}

fn keyword_set() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let plain = prop::collection::vec(prop::sample::select(b"ab\r\xff\0".to_vec()), 1..4);
    let across = prop::collection::vec(prop::sample::select(b"ab\n\n\0".to_vec()), 1..6);
    prop_oneof![
        2 => prop::collection::vec(plain.clone(), 0..3),
        // So many keywords that a block is searched in pieces.
        1 => prop::collection::vec(plain, 5..8),
        3 => across.prop_map(|mut k| { if !k.contains(&b'\n') { k.push(b'\n'); } vec![k] }),
    ]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(
        prop_oneof![
            9 => prop::sample::select(b"aab\n\n\r\0\xff".to_vec()).prop_map(|byte| vec![byte]),
            1 => (1usize..30).prop_map(|nuls| vec![0; nuls]),
            1 => (1usize..30).prop_map(|nuls| [&b"\n"[..], &vec![0; nuls]].concat()),
        ],
        0..120,
    )
    .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    // F1: blocks of 1 to 17 bytes.
    #[test]
    fn agrees_with_the_oracle_at_every_small_block(
        file in content(), keywords in keyword_set(), n in prop::option::of(0u64..6),
        line in 1usize..40, record in 1usize..60, nul_run in 1usize..12, runs in 0usize..4,
        releases in releases(), has_holes in any::<bool>(),
    ) {
        let limits = Limits { line, record, nul_run, runs };
        for block_len in 1..=17 {
            check(&file, &keywords, n, limits, block_len, &releases, has_holes);
        }
        check(&file, &keywords, n, Limits::default(), 7, &releases, has_holes);
        // With runs as the only limit, lines and records are complete.
        check(&file, &keywords, n, Limits { nul_run, ..Limits::default() }, 7, &releases, has_holes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_window_is_searched_as_if_it_were_a_file_of_its_own(
        before in content(), inside in content(), after in content(), keywords in keyword_set(),
        n in prop::option::of(0u64..6), line in 1usize..40, nul_run in 1usize..12,
        releases in releases(), has_holes in any::<bool>(), align in 1u64..9,
    ) {
        let ended = |mut bytes: Vec<u8>| {
            bytes.push(b'\n');
            bytes
        };
        let limits = Limits { line, record: 60, nul_run, runs: 2 };
        let before = if before.is_empty() { before } else { ended(before) };
        let inside = if after.is_empty() { inside } else { ended(inside) };
        let file = [&before[..], &inside, &after].concat();
        let start = before.len() as u64;
        let window = Window { start, end: start + inside.len() as u64 };
        let mut expected = oracle(&inside, &keywords, n, limits);
        for record in &mut expected {
            record.0 += start;
        }
        for blocks_of in 1..=8 {
            let plan = ReadPlan::with_ramp(window, blocks(blocks_of * usize::try_from(align).unwrap()), align);
            let (records, summary) = drive(&file, &keywords, n, limits, plan, &releases, has_holes);
            prop_assert_eq!(&records, &expected);
            if n.is_none() && !has_holes {
                prop_assert_eq!(summary.bytes_scanned, window.len());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn lines_taken_in_one_go_are_those_that_come_one_by_one(
        file in content(), n in prop::option::of(0u64..9), line in 1usize..40, full in 1usize..50,
        longest in 0usize..50, nul_run in 1usize..12, releases in releases(),
    ) {
        let limits = Limits { line, record: 60, nul_run, ..Limits::default() };
        let expected = oracle(&file, &[], n, limits);
        for block_len in 1..=17 {
            let mut plan = ReadPlan::with_ramp(Window::whole(file.len() as u64), blocks(block_len), 1);
            let mut search: Search<&[u8]> = Search::new(&Filter::All, n, plan.window(), limits);
            let (mut out, mut steps) = (Vec::new(), 0);
            loop {
                if releases.steps.contains(&steps) {
                    search.release();
                }
                steps += 1;
                let room = out.len() + full;
                if search.take_lines(&mut out, room, longest) {
                    continue;
                }
                match search.step() {
                    Step::Record(record) => {
                        out.extend_from_slice(record.bytes);
                        out.push(b'\n');
                    }
                    Step::NeedBlock => {
                        let span = plan.next_span().unwrap();
                        search.feed(span, &file[usize::try_from(span.offset).unwrap()..][..span.len]);
                    }
                    Step::NeedAgain(span) => {
                        search.feed(span, &file[usize::try_from(span.offset).unwrap()..][..span.len]);
                    }
                    Step::Working => {}
                    Step::Done => break,
                }
            }
            let text: Vec<u8> = expected.iter().flat_map(|record| [&record.1[..], b"\n"].concat()).collect();
            prop_assert_eq!(out, text);
            prop_assert_eq!(search.summary().lines, expected.len() as u64);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // F1: the blocks that are read.
    #[test]
    fn agrees_with_the_oracle_at_the_real_blocks(
        lens in prop::collection::vec(prop_oneof![0usize..200, 65_500usize..65_600, 131_000usize..131_100], 1..12),
        fill in prop::sample::select(b"ab".to_vec()),
        keywords in prop_oneof![Just(vec![]), Just(vec![b"needle".to_vec()]), Just(vec![b"needle".to_vec(), b"ab".to_vec()]), Just(vec![b"dle\nneed".to_vec()])],
        ended in any::<bool>(),
    ) {
        let mut file = Vec::new();
        for (i, len) in lens.iter().enumerate() {
            if i % 2 == 0 { file.extend_from_slice(b"needle"); }
            file.extend(std::iter::repeat_n(fill, *len));
            if i % 3 != 1 { file.extend_from_slice(b"needle"); }
            file.push(b'\n');
        }
        if !ended { file.pop(); }
        let (records, _) = drive(&file, &keywords, None, Limits::default(), ReadPlan::new(Window::whole(file.len() as u64)), &Releases { every: 3, ..Releases::default() }, false);
        prop_assert_eq!(records, oracle(&file, &keywords, None, Limits::default()));
    }
}

fn lines_of(file: &[u8], keywords: &[&[u8]]) -> Vec<Vec<u8>> {
    let keywords: Vec<Vec<u8>> = keywords.iter().map(|k| k.to_vec()).collect();
    drive(
        file,
        &keywords,
        None,
        Limits::default(),
        ReadPlan::new(Window::whole(file.len() as u64)),
        &Releases::default(),
        false,
    )
    .0
    .into_iter()
    .map(|r| r.1)
    .collect()
}

#[test]
fn a_file_that_ends_in_a_feed_has_no_empty_line_after_it() {
    assert_eq!(lines_of(b"a\nb\n", &[]), [b"b", b"a"]);
    assert_eq!(lines_of(b"a\n\nb", &[]), [&b"b"[..], b"", b"a"]);
    assert_eq!(lines_of(b"\n", &[]), [b""]);
    assert!(lines_of(b"", &[]).is_empty());
}

#[test]
fn matches_that_share_a_line_are_one_record() {
    let file = b"x\nfoo\nbar\nfoo\nbar\nfoo\ny\n";
    assert_eq!(lines_of(file, &[b"foo\nbar"]), [b"foo\nbar", b"foo\nbar"]);
    assert_eq!(lines_of(file, &[b"o\nb"]), [b"foo\nbar", b"foo\nbar"]);
    assert_eq!(lines_of(file, &[b"r\nf"]), [b"bar\nfoo", b"bar\nfoo"]);
    assert_eq!(lines_of(b"a\n\n\n\nb\n", &[b"\n\n"]), [b"a\n\n\n"]);
    // A line feed belongs to the line that it ends, so the match touches no byte of the next line.
    assert_eq!(lines_of(b"foo\nbar\n", &[b"foo\n"]), [b"foo"]);
    assert!(lines_of(b"foo", &[b"foo\n"]).is_empty());
}

#[test]
fn a_long_line_is_matched_whole_cut_and_held_in_bounded_memory() {
    // 64 MiB in one line. The keyword is at its very end, past the limit.
    const LEN: usize = 64 << 20;
    let mut search: Search<Vec<u8>> =
        Search::new(&filter(&[b"tail".to_vec()]), None, Window::whole(LEN as u64), Limits::default());
    let mut plan = ReadPlan::new(Window::whole(LEN as u64));
    let mut newest = true;
    let record = loop {
        match search.step() {
            Step::Record(r) => break (r.bytes.len(), r.offset, r.truncated_lines),
            Step::Working => {}
            Step::NeedBlock => {
                let span = plan.next_span().unwrap();
                let mut block = vec![b'x'; span.len];
                if std::mem::take(&mut newest) {
                    let at = span.len - 4;
                    block[at..].copy_from_slice(b"tail");
                }
                search.feed(span, block);
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(record, (1 << 20, 0, 1));
    // The keyword is at the end of the excerpt.
    assert_eq!(search.excerpt(), Some(Span { offset: (LEN - (1 << 20)) as u64, len: 1 << 20 }));
}

#[test]
fn the_plan_covers_every_byte_once_and_begins_reads_at_pages() {
    for size in [1u64, 4095, 4096, 65_536, 65_537, 1 << 20, (1 << 20) + 1, (5 << 32) + 17] {
        let mut plan = ReadPlan::new(Window::whole(size));
        let mut end = size;
        let mut blocks = 0;
        while end > 0 && blocks < 1000 {
            let depth = plan.depth();
            let span = plan.next_span().unwrap();
            assert_eq!(span.end(), end);
            assert_eq!(span.offset % 4096, 0);
            assert!((1..=16).contains(&depth) && span.len <= 512 << 10);
            end = span.offset;
            blocks += 1;
        }
    }
}

#[test]
fn a_block_full_of_matches_across_lines_is_worked_off_in_turns() {
    let file = b"ab\n".repeat(1 << 12);
    let mut search: Search<&[u8]> = Search::new(
        &filter(&[b"b\na".to_vec()]),
        None,
        Window::whole(file.len() as u64),
        Limits { line: 8, record: 64, ..Limits::default() },
    );
    let (mut records, mut in_a_row, mut turns) = (0, 0, 0);
    assert_eq!(search.step(), Step::NeedBlock);
    search.feed(Span { offset: 0, len: file.len() }, &file);
    loop {
        match search.step() {
            Step::Record(_) => (records, in_a_row) = (records + 1, in_a_row + 1),
            Step::Working => (turns, in_a_row) = (turns + 1, 0),
            Step::Done => break,
            other => panic!("{other:?}"),
        }
        assert!(in_a_row < 10, "records of one piece");
    }
    assert!(turns > 1000 && records > 100, "{turns} turns, {records} records");
}
