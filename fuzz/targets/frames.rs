//! The decoder of frames: the same for any cuts, and what it reads survives being written again.

#![no_main]

use arbitrary::Unstructured;
use backscroll_shared::wire::frames::{Decoder, Encoder, Framed, Item, Malformed};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

/// Records of more bytes come in parts, in the second decoder.
const WHOLE_BYTES: usize = 16;

fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    let Ok(step) = input.arbitrary::<u8>() else { return };
    let stream = input.take_rest();
    let (items, error, is_over) = decoded(Decoder::default(), [stream]);
    let pieces = || stream.chunks(1 + usize::from(step));
    assert_eq!(decoded(Decoder::default(), pieces()), (items.clone(), error, is_over));
    let (in_parts, parted_error, _) = decoded(Decoder::in_parts(WHOLE_BYTES), pieces());
    assert_eq!(parted_error, error);
    // A long record whose end has not come is given by the second one alone.
    assert!(in_parts.starts_with(&items) && in_parts.len() <= items.len() + 1);

    let mut encoder = Encoder::default();
    let mut out = Vec::new();
    for item in &items {
        match item {
            Item::Record(framed) => encoder.record(&framed.record(), framed.stamp, &mut out),
            Item::Mark(nanos) => encoder.mark(*nanos, &mut out),
            Item::End(verdict) => Encoder::end(verdict, &mut out),
        }
    }
    let has_ended = matches!(items.last(), Some(Item::End(_)));
    assert_eq!(is_over, has_ended && error.is_none(), "{error:?}");
    assert_eq!(decoded(Decoder::default(), [&out[..]]), (items, None, has_ended));
});

fn decoded<'c>(
    mut decoder: Decoder,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> (Vec<Item>, Option<Malformed>, bool) {
    let mut items = Vec::new();
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        loop {
            while let Some(part) = decoder.next_part() {
                let Some(Item::Record(Framed { bytes, .. })) = items.last_mut() else { panic!("no record") };
                *bytes = [&bytes[..], &part].concat().into();
            }
            match decoder.next_item() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Some(error), false),
            }
        }
    }
    (items, None, decoder.is_over())
}
