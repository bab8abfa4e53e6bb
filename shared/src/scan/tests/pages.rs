//! A search that ends anywhere and one that goes on there find what one search finds.

use super::*;

/// One page: at most `n` records, and at most `patience` steps. Returns its records, and where the
/// next page goes on.
fn page(
    file: &[u8],
    filter: &Filter,
    (settled, n, patience): (u64, u64, usize),
    limits: Limits,
    (block_len, in_one_go): (usize, bool),
) -> (Vec<Vec<u8>>, u64) {
    let end = (settled + Search::<&[u8]>::reach(filter, limits)).min(file.len() as u64);
    let mut plan = ReadPlan::with_ramp(Window::whole(end), blocks(block_len), 1);
    let mut search: Search<&[u8]> = Search::new(filter, Some(n), plan.window(), limits).resumed(settled);
    let bytes = |span: Span| &file[usize::try_from(span.offset).unwrap()..][..span.len];
    let mut records = Vec::new();
    let mut before = settled;
    for _ in 0..patience {
        let mut out = Vec::new();
        if in_one_go && search.take_lines(&mut out, 9, 20) {
            records.extend(out[..out.len() - 1].split(|b| *b == b'\n').map(<[u8]>::to_vec));
        } else {
            match search.step() {
                Step::Record(record) => {
                    let whole = record.bytes.to_vec();
                    records.push(search.excerpt().map_or(whole, |span| bytes(span).to_vec()));
                }
                Step::NeedBlock => {
                    let span = plan.next_span().unwrap();
                    search.feed(span, bytes(span));
                }
                Step::NeedAgain(span) => search.feed(span, bytes(span)),
                Step::Working => {}
                Step::Done => break,
            }
        }
        assert!(search.settled() <= before, "it goes one way");
        before = search.settled();
        let is_line = before == 0 || before == settled || file[usize::try_from(before).unwrap() - 1] == b'\n';
        assert!(is_line, "a line begins at {before}");
    }
    (records, before)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn page_after_page_is_the_whole_search(
        file in content(), keywords in keyword_set(), line in 1usize..40, record in 1usize..60,
        nul_run in 1usize..12, block_len in 1usize..18, in_one_go: bool,
        pages in prop::collection::vec((0u64..5, 0usize..40), 1..8),
    ) {
        let limits = match &keywords[..] {
            // A match that reaches over a run into what an earlier page has cut off is not seen again.
            [keyword] if keyword.contains(&b'\n') => Limits { line, record, ..Limits::default() },
            _ => Limits { line, nul_run, ..Limits::default() },
        };
        let filter = filter(&keywords);
        let expected: Vec<Vec<u8>> = oracle(&file, &keywords, None, limits).into_iter().map(|r| r.1).collect();
        let (mut records, mut settled) = (Vec::new(), file.len() as u64);
        for (n, patience) in pages {
            let (more, at) = page(&file, &filter, (settled, n, patience), limits, (block_len, in_one_go));
            records.extend(more);
            settled = at;
        }
        let (rest, _) = page(&file, &filter, (settled, u64::MAX, usize::MAX), limits, (block_len, in_one_go));
        records.extend(rest);
        prop_assert_eq!(records, expected);
    }
}
