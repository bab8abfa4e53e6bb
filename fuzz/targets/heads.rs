//! The heads of requests: what hyper receives does not depend on where the bytes are cut, and its
//! parser finds the same end of each head, so that the two never disagree on where a request begins.

#![no_main]

use arbitrary::Unstructured;
use backscroll_shared::fuzzing::SeenHeads;
use backscroll_shared::limits;
use httparse::{EMPTY_HEADER, Request, Status};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    let Ok([first, second]) = input.arbitrary::<[u8; 2]>() else { return };
    let bytes = input.take_rest();
    let whole = SeenHeads::of(bytes, &[]);
    let mut cuts = [usize::from(first).min(bytes.len()), usize::from(second).min(bytes.len())];
    cuts.sort_unstable();
    let each: Vec<usize> = (1..bytes.len()).collect();
    for cuts in [&cuts[..], &each] {
        assert_eq!(SeenHeads::of(bytes, cuts), whole, "cut at {cuts:?}");
    }

    let (last, others) = match whole.heads.split_last() {
        Some((last, others)) => (last, others),
        None => return,
    };
    assert!(others.iter().all(|head| head.is_whole));
    for head in &whole.heads {
        let mut fields = [EMPTY_HEADER; limits::HEADERS];
        let mut request = Request::new(&mut fields);
        // hyper reads nothing after a head that it refuses.
        let Ok(status) = request.parse(&head.bytes) else { return };
        let has_body = request.headers.iter().any(|field| {
            ["content-length", "transfer-encoding"].iter().any(|name| field.name.eq_ignore_ascii_case(name))
        });
        match status {
            Status::Complete(len) if has_body => assert!(!head.is_whole && len <= head.bytes.len()),
            Status::Complete(len) => {
                if head.is_whole {
                    assert_eq!(len, head.bytes.len(), "the next request begins here");
                } else {
                    // A field that only begins like Content-Length counts as one: nothing is lost but
                    // that the requests after it are not followed.
                    assert!(whole.leaves_a_rest && std::ptr::eq(head, last), "{whole:?}");
                }
            }
            Status::Partial => assert!(!head.is_whole && std::ptr::eq(head, last), "{whole:?}"),
        }
    }
});
