//! What the primary passes on of a host's NDJSON: whole lines of records only, and the same for any
//! cuts. What the encoder writes is always passed on.

#![no_main]

use arbitrary::Unstructured;
use backscroll_primary::fuzzing::PassedOn;
use backscroll_shared::scan::Record;
use backscroll_shared::time::LineTimes;
use backscroll_shared::wire::ndjson;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    let Ok(step) = input.arbitrary::<u8>() else { return };
    let stream = input.take_rest();
    let beginning = ndjson::beginning("h", b"a");
    let whole = PassedOn::of(&beginning, [stream]);
    let pieces = PassedOn::of(&beginning, stream.chunks(1 + usize::from(step)));
    assert_eq!((&pieces.bytes, pieces.lines, &pieces.error), (&whole.bytes, whole.lines, &whole.error));
    assert!(stream.starts_with(&whole.bytes));
    let mut lines = 0;
    for line in whole.bytes.split_inclusive(|byte| *byte == b'\n') {
        assert!(line.starts_with(&beginning) && line.ends_with(b"\n"));
        assert!(
            !line[..line.len() - 1].iter().any(|byte| *byte < b' '),
            "some clients would end the line there"
        );
        lines += 1;
    }
    assert_eq!(whole.lines, lines);

    let record = Record { offset: u64::from(step), bytes: stream, lines: 1, truncated_lines: 0, older: &[] };
    let mut out = Vec::new();
    let time = LineTimes::new(1_800_000_000).of(stream);
    ndjson::Encoder::new("h", b"a").encode(&record, time, &mut out);
    let object: serde_json::Value = serde_json::from_slice(&out).expect("it is JSON");
    if let Ok(text) = std::str::from_utf8(stream) {
        assert_eq!(object["line"], text);
    }
    let passed_on = PassedOn::of(&beginning, [&out[..]]);
    assert_eq!((passed_on.bytes, passed_on.lines, passed_on.error), (out, 1, None));
});
