use super::encode::push;
use super::format::{END, MARK, OTHER_TIME, OWN_TIME, RECORD, RECORD_BYTES};
use super::*;
use crate::scan::Record;
use crate::time::{LineTime, Stamp};
use crate::wire::code::Code;
use crate::wire::verdict::Verdict;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

fn stamp() -> impl Strategy<Value = Option<Stamp>> {
    proptest::option::of(
        (any::<i64>(), proptest::option::of((prop_oneof![Just(0), any::<i64>()], -840i16..=840))).prop_map(
            |(nanos, own)| {
                let own = own.map(|(less, offset_minutes)| LineTime {
                    nanos: nanos.wrapping_sub(less),
                    offset_minutes,
                });
                Stamp { nanos, own }
            },
        ),
    )
}

fn item() -> impl Strategy<Value = Item> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
    let counts = prop_oneof![Just((1u64, 0u64)), (0u64..9, 0u64..9)];
    let record = (any::<u64>(), stamp(), counts, bytes).prop_map(
        |(offset, stamp, (lines, truncated_lines), bytes)| {
            Item::Record(Framed { offset, stamp, lines, truncated_lines, bytes })
        },
    );
    prop_oneof![4 => record, 1 => any::<i64>().prop_map(Item::Mark)]
}

fn encoded(items: &[Item]) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    for (i, item) in items.iter().enumerate() {
        encoder.progress(progress(i), &mut out);
        match item {
            Item::Record(framed) => encoder.record(&framed.record(), framed.stamp, &mut out),
            Item::Mark(nanos) => encoder.mark(*nanos, &mut out),
            Item::End(verdict) => Encoder::end(verdict, &mut out),
        }
    }
    out
}

/// What has been scanned before the item at `index`. Twice the same is said once.
fn progress(index: usize) -> u64 {
    (index as u64 / 2).pow(9)
}

/// Reads bytes that come in chunks of these sizes, again and again.
fn decoded(bytes: &[u8], sizes: &[usize]) -> Result<(Vec<Item>, bool), Malformed> {
    let mut decoder = Decoder::default();
    let mut items = Vec::new();
    let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Some(item) = decoder.next_item()? {
            items.push(item);
        }
        rest = after;
    }
    Ok((items, decoder.is_over()))
}

proptest! {
    #[test]
    fn what_is_framed_comes_back_however_it_is_cut(
        items in proptest::collection::vec(item(), 0..20),
        sizes in proptest::collection::vec(1usize..40, 1..5),
    ) {
        let mut items = items;
        items.push(Item::End(Verdict::failed(Code::IoError, "a \"disk\"".to_owned())));
        let bytes = encoded(&items);
        prop_assert_eq!(decoded(&bytes, &sizes), Ok((items.clone(), true)));
        // Cut anywhere before its end, it is not over.
        let cut = bytes.len() - 1 - sizes[0] % bytes.len();
        prop_assert!(!decoded(&bytes[..cut], &sizes).unwrap().1);
    }

    #[test]
    fn noise_is_refused_or_waits_for_more_and_never_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        sizes in proptest::collection::vec(1usize..40, 1..5),
    ) {
        let _ = decoded(&bytes, &sizes);
    }
}

#[test]
fn frames_of_neighbours_are_small() {
    let line = |offset, seconds: i64| {
        Item::Record(Framed {
            offset,
            stamp: Some(Stamp::carried(LineTime {
                nanos: 1_700_000_000_000_000_000 + seconds * 1_000_000_000,
                offset_minutes: 0,
            })),
            lines: 1,
            truncated_lines: 0,
            bytes: Bytes::from_static(b"x"),
        })
    };
    let one = encoded(&[line(1 << 40, 9)]).len();
    let two = encoded(&[line(1 << 40, 9), line((1 << 40) - 100, 8)]).len();
    assert!(two - one <= 11, "a tag, a length, an offset, a second, a zone: {}", two - one);
}

#[test]
fn what_has_been_scanned_so_far_is_said_between_the_items() {
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    encoder.mark(9, &mut out);
    encoder.progress(1 << 40, &mut out);
    encoder.mark(8, &mut out);
    let len = out.len();
    encoder.progress(1 << 40, &mut out);
    encoder.progress(7, &mut out);
    assert_eq!(out.len(), len, "no news is not said, and it never goes back");
    encoder.progress((1 << 40) + 5, &mut out);
    for size in [1, 2, 100] {
        let mut decoder = Decoder::default();
        let mut said = Vec::new();
        for chunk in out.chunks(size) {
            decoder.push(Bytes::copy_from_slice(chunk));
            while let Some(item) = decoder.next_item().unwrap() {
                said.push((item, decoder.scanned()));
            }
        }
        assert_eq!(said, [(Item::Mark(9), 0), (Item::Mark(8), 1 << 40)]);
        assert_eq!((decoder.scanned(), decoder.held()), ((1 << 40) + 5, 0));
    }
}

#[test]
fn what_no_secondary_sends_is_refused_by_its_kind() {
    assert_eq!(decoded(&[0x50], &[1]), Err(Malformed::Tag(0x50)));
    assert_eq!(decoded(&[RECORD | OWN_TIME], &[1]), Err(Malformed::Tag(RECORD | OWN_TIME)));
    assert_eq!(decoded(&[RECORD | OTHER_TIME], &[1]), Err(Malformed::Tag(RECORD | OTHER_TIME)));
    assert_eq!(decoded(&[RECORD], &[1]), Ok((vec![], false)));
    assert_eq!(decoded(&[&[MARK][..], &[0xFF; 11]].concat(), &[3]), Err(Malformed::Number));
    let mut endless = vec![RECORD];
    push(u64::MAX, &mut endless);
    assert_eq!(decoded(&endless, &[100]), Err(Malformed::Length(u64::MAX)));
    assert_eq!(decoded(&[END, 2, b'{', b'}'], &[100]), Err(Malformed::Verdict));
    let mut after = encoded(&[Item::End(Verdict::new(crate::wire::verdict::Status::Complete))]);
    after.push(MARK);
    assert_eq!(decoded(&after, &[100]), Err(Malformed::AfterEnd));
}

#[test]
fn a_long_record_in_small_chunks_is_not_copied_over_and_over() {
    let bytes = Bytes::from(vec![b'x'; RECORD_BYTES]);
    let item = Item::Record(Framed { offset: 0, stamp: None, lines: 2, truncated_lines: 0, bytes });
    let whole = encoded(std::slice::from_ref(&item));
    assert_eq!(decoded(&whole, &[16]).unwrap().0, [item]);
}

proptest! {
    #[test]
    fn a_record_in_parts_is_the_same_as_one_that_comes_whole(
        items in proptest::collection::vec(item(), 0..20),
        sizes in proptest::collection::vec(1usize..60, 1..9),
        whole_bytes in 0usize..150,
    ) {
        let bytes = encoded(&items);
        let (mut decoder, mut got) = (Decoder::in_parts(whole_bytes), Vec::new());
        let mut in_parts: Option<(Framed, BytesMut)> = None;
        let (mut rest, mut sizes) = (&bytes[..], sizes.iter().cycle());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            decoder.push(Bytes::copy_from_slice(chunk));
            loop {
                if let Some((framed, mut bytes)) = in_parts.take() {
                    while let Some(part) = decoder.next_part() {
                        bytes.extend_from_slice(&part);
                    }
                    if decoder.left() > 0 {
                        prop_assert_eq!(decoder.next_item(), Ok(None));
                        in_parts = Some((framed, bytes));
                        break;
                    }
                    got.push(Item::Record(Framed { bytes: bytes.freeze(), ..framed }));
                }
                match decoder.next_item().unwrap() {
                    Some(Item::Record(framed)) if decoder.left() > 0 => {
                        prop_assert!(decoder.left() > whole_bytes && framed.bytes.is_empty());
                        in_parts = Some((framed, BytesMut::new()));
                    }
                    Some(item) => got.push(item),
                    None => break,
                }
            }
            // Besides what is to be whole, a frame's beginning and the chunk that ends it.
            prop_assert!(decoder.held() <= whole_bytes + 70 + 60);
            rest = after;
        }
        prop_assert_eq!(got, items);
    }
}

#[test]
fn what_is_held_of_a_frame_takes_no_more_memory_than_it_needs() {
    let mut out = Vec::new();
    let bytes = [b'x'; 6000];
    let record = Record { offset: 0, bytes: &bytes, lines: 1, truncated_lines: 0, older: &[] };
    Encoder::default().record(&record, None, &mut out);
    let mut decoder = Decoder::in_parts(8 << 10);
    for chunk in out[..out.len() - 1].chunks(1000) {
        decoder.push(Bytes::copy_from_slice(chunk));
        assert_eq!(decoder.next_item(), Ok(None));
    }
    assert!(decoder.held.capacity() <= out.len(), "{}", decoder.held.capacity());
    decoder.push(Bytes::copy_from_slice(&out[out.len() - 1..]));
    assert!(matches!(decoder.next_item(), Ok(Some(Item::Record(_)))));
    assert_eq!(decoder.held.capacity(), 0, "nothing of it is kept");
}
