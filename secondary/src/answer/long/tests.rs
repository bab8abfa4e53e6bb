use super::*;
use proptest::prelude::*;

/// A record of `bytes`, of which the file has them from 40 on, and 1,000 others after each of
/// `cuts`.
fn part(bytes: &[u8], cuts: &[usize]) -> (Part, Vec<u8>) {
    let mut file = vec![b'?'; 40];
    let mut spans = Vec::new();
    for (from, to) in [0].iter().chain(cuts).zip(cuts.iter().chain([&bytes.len()])) {
        spans.push(Span { offset: file.len() as u64, len: to - from });
        file.extend_from_slice(&bytes[*from..*to]);
        file.extend_from_slice(&[0; 1000]);
    }
    spans.retain(|span| span.len > 0);
    let span = Span { offset: 40, len: bytes.len() };
    (Part { offset: 40, span, spans, lines: 1, truncated_lines: 0 }, file)
}

fn written(bytes: &[u8], cuts: &[usize], sizes: Sizes, json: Option<&ndjson::Encoder>) -> Vec<Vec<u8>> {
    let (part, file) = part(bytes, cuts);
    let mut long = if json.is_some() { Long::json(part, None) } else { Long::text(part) };
    let mut frames = vec![Vec::new()];
    while !long.is_over() {
        if frames.last().unwrap().len() >= sizes.chunk {
            frames.push(Vec::new());
        }
        let frame = frames.last_mut().unwrap();
        let Span { offset, len } = long.wanted(sizes, frame);
        let from = usize::try_from(offset).unwrap();
        assert!(long.take(&file[from..from + len], sizes, json, frame));
    }
    frames
}

proptest! {
    #[test]
    fn pieces_make_the_record_that_is_written_in_one_go(
        text in "[a-z\u{e9}\u{1}\"\u{1f600}]{40,300}", cut in 0_usize..4, full in 10_usize..90, piece in 5_usize..9,
        feeds in prop::collection::btree_set(1_usize..200, 0..5),
    ) {
        // Cut, it may be no text. Its lines do not lie together.
        let mut bytes = text.as_bytes()[..text.len() - cut].to_vec();
        let cuts: Vec<usize> = feeds.into_iter().filter(|at| *at < bytes.len()).collect();
        for at in &cuts {
            bytes[at - 1] = b'\n';
        }
        let bytes = &bytes[..];
        let encoder = ndjson::Encoder::new("h", b"a");
        let record = backscroll_shared::scan::Record { offset: 40, bytes, lines: 1, truncated_lines: 0, older: &[] };
        let mut whole = Vec::new();
        encoder.encode(&record, None, &mut whole);
        let sizes = Sizes { chunk: full, piece };
        let frames = written(bytes, &cuts, sizes, Some(&encoder));
        prop_assert_eq!(frames.concat(), whole);
        // The beginning, or a piece of control characters, goes past the end.
        prop_assert!(frames.iter().all(|frame| frame.len() < full + 6 * piece + 60));
        let frames = written(bytes, &cuts, sizes, None);
        prop_assert_eq!(frames.concat(), [bytes, b"\n"].concat());
        prop_assert!(frames.iter().all(|frame| frame.len() <= full + piece + 1));
    }
}

#[test]
fn text_that_has_become_something_else_is_not_written() {
    let encoder = ndjson::Encoder::new("h", b"a");
    let sizes = Sizes { chunk: 100, piece: 10 };
    let mut long = Long::json(part(&[b'x'; 20], &[]).0, None);
    let mut frame = Vec::new();
    assert!(long.take(&[b'x'; 20], sizes, Some(&encoder), &mut frame) && long.has_begun());
    assert!(!long.take(&[0xff; 20], sizes, Some(&encoder), &mut frame));
}
