//! What hyper receives of the bytes that a client sends.

use super::*;

/// What hyper receives if the client's bytes arrive in pieces that end at `cuts`.
fn seen(bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Heads) {
    let mut heads = Heads::new();
    let mut out = Vec::new();
    let mut begin = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        let mut piece = &bytes[begin..end];
        while !piece.is_empty() {
            let (used, other) = heads.take(piece);
            out.extend_from_slice(&other.unwrap_or_else(|| piece[..used].to_vec()));
            piece = &piece[used..];
        }
        begin = end;
    }
    (out, heads)
}

/// Checks that it is the same wherever the bytes are cut, and if they arrive one by one.
fn seen_in_pieces(bytes: &[u8]) -> (Vec<u8>, Heads) {
    let (whole, _) = seen(bytes, &[]);
    for cut in 0..bytes.len() {
        assert_eq!(seen(bytes, &[cut]).0.escape_ascii().to_string(), whole.escape_ascii().to_string());
    }
    let each: Vec<usize> = (1..bytes.len()).collect();
    let (out, heads) = seen(bytes, &each);
    assert_eq!(out.escape_ascii().to_string(), whole.escape_ascii().to_string());
    (out, heads)
}

#[test]
fn what_a_target_may_hold_is_left_as_it_is() {
    let request =
        b"\r\nGET /logs?filename=a.log&keyword=%22a|b{}[]^\\'!$*+,;:@~ HTTP/1.1\r\nHost: \"<x>\"\r\n\r\n";
    assert!(Heads::new().take(request).1.is_none_or(|seen| seen == request));
    assert_eq!(seen_in_pieces(request).0, request);
    let plain = &request[2..];
    assert_eq!(Heads::new().take(plain), (plain.len(), None), "the plain case costs no copy");
}

#[test]
fn what_it_may_not_hold_is_percent_encoded_and_nothing_else_is() {
    for byte in 0..=255u8 {
        let request =
            |target: &[u8]| [b"GET /logs?keyword=a", target, b"b HTTP/1.1\r\nX: \"<\xff\r\n\r\n"].concat();
        let (out, heads) = seen_in_pieces(&request(&[byte]));
        let encoded = request(format!("%{byte:02X}").as_bytes());
        match byte {
            b'"' | b'<' | b'>' | b'`' | 0x7f.. | 1..=8 | 0x0e..=0x1f => {
                assert_eq!(out, encoded, "{byte:#x}");
                assert_eq!(heads.unsound, None);
            }
            b'!' | b'$'..=b';' | b'=' | b'?'..=b'~' => {
                assert_eq!(out, request(&[byte]), "{byte:#x}");
                assert_eq!(heads.unsound, None);
            }
            // What could mean several things is refused, and the reason is known.
            _ => assert!(heads.unsound.is_some(), "{byte:#x}"),
        }
    }
}

#[test]
fn each_request_of_a_pipeline_has_its_own_target() {
    let request =
        b"GET /?\"1\" HTTP/1.1\r\nHost: x\r\n\r\nHEAD /?<2> HTTP/1.0\nX: <\n\nGET /?3 HTTP/1.1\r\n\r\n";
    let expected: &[u8] =
        b"GET /?%221%22 HTTP/1.1\r\nHost: x\r\n\r\nHEAD /?%3C2%3E HTTP/1.0\nX: <\n\nGET /?3 HTTP/1.1\r\n\r\n";
    assert_eq!(seen_in_pieces(request).0, expected);
}

#[test]
fn nothing_changes_any_more_once_a_request_may_have_a_body() {
    let behind = b"GET /?\"x\" HTTP/1.1\r\n\r\n";
    for field in ["content-length: 0", "Content-Length: 23", "CONTENT-LENGTH:5", "Transfer-Encoding: chunked"]
    {
        let head = format!("POST /?<y> HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n");
        let (out, heads) = seen_in_pieces(&[head.as_bytes(), behind].concat());
        assert_eq!(out, [head.replace('<', "%3C").replace('>', "%3E").as_bytes(), behind].concat());
        assert!(heads.leaves_a_rest());
    }
    // A field whose name only begins like that of another field is a different one.
    let other = b"GET / HTTP/1.1\r\nContent-Type: x\r\nTe: x\r\nX: content-length: 1\r\n\r\n";
    let (out, _) = seen_in_pieces(&[other, &behind[..]].concat());
    assert!(out.ends_with(b"GET /?%22x%22 HTTP/1.1\r\n\r\n"));
}

#[test]
fn it_is_known_what_is_wrong_with_a_request_line() {
    for (line, unsound) in [
        (&b"GET /a b HTTP/1.1"[..], Unsound::Space),
        (b"GET /a  HTTP/1.1", Unsound::Space),
        (b"GET /a HTTP/1.1 ", Unsound::Space),
        (b"GET /a", Unsound::Version),
        (b"GET /a HTTP/3", Unsound::Version),
        (b"GET /a http/1.1", Unsound::Version),
        (b"GET /a#b HTTP/1.1", Unsound::Fragment),
        (b"GET /a\tb HTTP/1.1", Unsound::Byte(b'\t')),
        (b"GET /a\rb HTTP/1.1", Unsound::Byte(b'\r')),
        (b"PRI * HTTP/2.0", Unsound::Http2),
        (b"PRI * HTTP/1.1", Unsound::Http2),
        (b"\x16\x03\x01\x02", Unsound::Tls),
        (b"{\"a\":1}", Unsound::Method),
        (b"GET", Unsound::Method),
    ] {
        let (_, heads) = seen_in_pieces(&[line, b"\r\n\r\n"].concat());
        assert_eq!(heads.unsound, Some(unsound), "{}", line.escape_ascii());
    }
    // hyper refuses what it cannot read at once, so the first mistake is reported.
    for (line, refused_at, unsound) in [
        (&b"GET /a b HTTP/1.1"[..], 7, Unsound::Space),
        (b"GET /a Hb HTTP/1.1", 8, Unsound::Space),
        (b"GET /a HTTP/1.1 b", 15, Unsound::Space),
        (b"GET /a hello HTTP/1.1", 7, Unsound::Version),
        (b"GET /a HTTP/2.0", 12, Unsound::Version),
        (b"GET /a", 6, Unsound::Version),
        (b"GET /a\tb HTTP/1.1", 6, Unsound::Byte(b'\t')),
    ] {
        let request = [line, b"\r\n\r\n"].concat();
        for end in refused_at + 1..=request.len() {
            let (_, heads) = seen(&request[..end], &[]);
            assert_eq!(heads.unsound, Some(unsound), "{}", request[..end].escape_ascii());
        }
        assert_eq!(seen(&request[..refused_at], &[]).1.unsound, None);
    }
    let long = [&b"GET /"[..], &b"\"".repeat(60_000)].concat();
    let (out, heads) = seen(&long, &[]);
    assert_eq!(heads.unsound, Some(Unsound::TooLong));
    assert!(out.len() < 100_000, "an encoded target grows no further than it could be taken");
}

#[test]
fn it_is_taken_to_the_end_of_a_head_and_no_further() {
    for head in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"GET /?\"x\" HTTP/1.1\nHost: x\n\n"] {
        for behind in [&b"\r\n"[..], b"G", b"GET / HTTP/1.1\r\n\r\n"] {
            let mut heads = Heads::new();
            assert_eq!(heads.take(&[head, behind].concat()).0, head.len());
            let lines = heads.empty_lines(behind);
            assert_eq!(lines, if behind == b"\r\n" { 2 } else { 0 });
            assert!(heads.may_be_empty(b"\r") && !heads.may_be_empty(b"G"));
        }
    }
}
