//! Requests whose length, end or target may be understood in two ways.

/// How it has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// With status 400, and the connection closed.
    Refused,
    /// Like that, or with one answer of another status.
    One,
}

#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) bytes: Vec<u8>,
    pub(super) outcome: Outcome,
}

/// The request that hides in the others.
pub(super) fn hidden(prefix: &str) -> String {
    format!("GET /logs?{prefix}filename=smuggled.log HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// All cases.
pub(super) fn cases(prefix: &str) -> Vec<Case> {
    let hidden = hidden(prefix);
    [framed(prefix, &hidden), chunked(prefix, &hidden), heads(&hidden)].concat()
}

fn case(bytes: impl Into<Vec<u8>>, outcome: Outcome) -> Case {
    Case { bytes: bytes.into(), outcome }
}

/// Odd lengths and encodings of a body. The body is the hidden request.
fn framed(prefix: &str, hidden: &str) -> Vec<Case> {
    use Outcome::{One, Refused};
    let len = hidden.len();
    let fields = [
        // Two lengths.
        (format!("Content-Length: {len}\r\nTransfer-Encoding: chunked"), Refused),
        (format!("Transfer-Encoding: chunked\r\nContent-Length: {len}"), Refused),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked".to_owned(), Refused),
        (format!("Content-Length: 0\r\nContent-Length: {len}"), Refused),
        (format!("Content-Length: {len}\r\nContent-Length: 0"), Refused),
        (format!("Content-Length: {len}\r\nContent-Length: {len}"), One),
        (format!("Content-Length: {len}, {len}"), Refused),
        (format!("Content-Length: 0, {len}"), Refused),
        // A length that is no number.
        (format!("Content-Length: +{len}"), Refused),
        (format!("Content-Length: -{len}"), Refused),
        (format!("Content-Length: {len:#x}"), Refused),
        (format!("Content-Length: {len}.0"), Refused),
        (format!("Content-Length: {len}e0"), Refused),
        (format!("Content-Length: {len};"), Refused),
        (format!("Content-Length: 0 {len}"), Refused),
        (format!("Content-Length: \"{len}\""), Refused),
        ("Content-Length:".to_owned(), Refused),
        ("Content-Length: 99999999999999999999999".to_owned(), Refused),
        (format!("Content-Length: {len}\u{b}"), Refused),
        // An encoding that is not known, or not the last one, or spelt in another way.
        ("Transfer-Encoding: chunked".to_owned(), Refused),
        ("Transfer-Encoding: CHUNKED".to_owned(), Refused),
        ("Transfer-Encoding: xchunked".to_owned(), Refused),
        ("Transfer-Encoding: chunked, identity".to_owned(), Refused),
        ("Transfer-Encoding: identity".to_owned(), Refused),
        ("Transfer-Encoding: gzip, chunked".to_owned(), Refused),
        ("Transfer-Encoding: chunked, chunked".to_owned(), Refused),
        ("Transfer-Encoding: chunked;q=1".to_owned(), Refused),
        ("Transfer-Encoding: \tchunked\t".to_owned(), Refused),
        ("Transfer-Encoding: \"chunked\"".to_owned(), Refused),
        ("Transfer-Encoding:".to_owned(), Refused),
        ("Transfer-Encoding: chunked\u{b}".to_owned(), Refused),
        ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked".to_owned(), Refused),
        // A name that some do not see, beside a length that covers what hides.
        (format!("Transfer-Encoding : chunked\r\nContent-Length: {len}"), Refused),
        (format!("Content-Length : 0\r\nContent-Length: {len}"), Refused),
        (format!("Content-Length\t: 0\r\nContent-Length: {len}"), Refused),
        (format!(" Transfer-Encoding: chunked\r\nContent-Length: {len}"), Refused),
        (format!("X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: {len}"), Refused),
        (format!("Transfer-Encoding:\r\n chunked\r\nContent-Length: {len}"), Refused),
        (format!("X: y\rTransfer-Encoding: chunked\r\nContent-Length: {len}"), Refused),
        (format!("Transfer\0-Encoding: chunked\r\nContent-Length: {len}"), Refused),
        (format!("Transfer-Encoding\0: chunked\r\nContent-Length: {len}"), Refused),
        (format!("X: \0\r\nContent-Length: {len}"), Refused),
        (format!(": chunked\r\nContent-Length: {len}"), Refused),
        (format!("Transfer_Encoding: chunked\r\nContent-Length: {len}"), One),
        (format!("X-Transfer-Encoding: chunked\r\nContent-Length: {len}"), One),
        (format!("Connection: Content-Length\r\nContent-Length: {len}"), One),
        (format!("Expect: 100-continue\r\nContent-Length: {len}"), One),
        (format!("Expect: nothing\r\nContent-Length: {len}"), One),
        (
            format!(
                "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: {len}"
            ),
            One,
        ),
    ];
    let requests = ["GET /healthz".to_owned(), format!("POST /logs?{prefix}filename=app.log")];
    let mut all = Vec::new();
    for (fields, outcome) in fields {
        for request in &requests {
            let bytes = format!("{request} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n{hidden}");
            all.push(case(bytes, outcome));
        }
    }
    // HTTP/1.0 knows no encoding of a body.
    all.push(case(
        format!("GET /healthz HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        Refused,
    ));
    all.push(case(
        format!("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: {len}\r\n\r\n{hidden}"),
        One,
    ));
    all.push(case(
        format!("GET /logs?{prefix}filename=app.log HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n\r\n{hidden}"),
        One,
    ));
    all
}

/// Bodies in chunks, with sizes that not all read alike.
fn chunked(prefix: &str, hidden: &str) -> Vec<Case> {
    let len = hidden.len();
    let bodies = [
        format!("{len:x}\r\n{hidden}\r\n0\r\n\r\n"),
        format!("0\r\n\r\n{hidden}"),
        format!("0\n\n{hidden}"),
        format!("{len:x};a=\"\r\n\"\r\n{hidden}\r\n0\r\n\r\n"),
        format!("{len:x}\n{hidden}\n0\n\n"),
        format!("0x{len:x}\r\n{hidden}\r\n0\r\n\r\n"),
        format!("+{len:x}\r\n{hidden}\r\n0\r\n\r\n"),
        format!("-1\r\n{hidden}\r\n0\r\n\r\n"),
        format!("fffffffffffffffff\r\n{hidden}\r\n0\r\n\r\n"),
        format!(" {len:x}\r\n{hidden}\r\n0\r\n\r\n"),
        format!("{len:x} \r\n{hidden}\r\n0\r\n\r\n"),
        format!("\r\n{hidden}\r\n0\r\n\r\n"),
        format!("1\r\naa\r\n{hidden}\r\n0\r\n\r\n"),
        format!("0\r\nContent-Length: {len}\r\n\r\n{hidden}"),
    ];
    let request = format!(
        "POST /logs?{prefix}filename=app.log HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
    );
    bodies.iter().map(|body| case(format!("{request}{body}"), Outcome::Refused)).collect()
}

/// Heads that are odd in another way, each followed by the hidden request.
fn heads(hidden: &str) -> Vec<Case> {
    use Outcome::{One, Refused};
    let heads = [
        // Which host?
        ("GET /healthz HTTP/1.1\r\n\r\n", Refused),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", Refused),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nhost: other\r\n\r\n", Refused),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n Host: other\r\n\r\n", Refused),
        // Where does a line end, and where a word?
        ("GET /healthz HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n", Refused),
        ("GET /healthz HTTP/1.1\rHost: localhost\r\r", Refused),
        ("GET /healthz HTTP/1.1 \r\nHost: localhost\r\n\r\n", Refused),
        ("GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", Refused),
        ("GET /healthz  HTTP/1.1\r\nHost: localhost\r\n\r\n", Refused),
        ("GET\t/healthz\tHTTP/1.1\r\nHost: localhost\r\n\r\n", Refused),
        (" GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", Refused),
        ("GET /healthz\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", Refused),
        ("GET /health\rz HTTP/1.1\r\nHost: localhost\r\n\r\n", Refused),
        ("G\0T /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", Refused),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX\r\n\r\n", Refused),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: \u{1}\r\n\r\n", Refused),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: \u{7f}\r\n\r\n", Refused),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX(y): z\r\n\r\n", Refused),
        // Which version?
        ("GET /healthz\r\n\r\n", Refused),
        ("GET /healthz HTTP/0.9\r\nHost: localhost\r\n\r\n", Refused),
        ("GET /healthz HTTP/1.2\r\nHost: localhost\r\n\r\n", Refused),
        ("GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n", Refused),
        ("GET /healthz HTTP/01.1\r\nHost: localhost\r\n\r\n", Refused),
        ("GET /healthz http/1.1\r\nHost: localhost\r\n\r\n", Refused),
        ("GET /healthz HTTP /1.1\r\nHost: localhost\r\n\r\n", Refused),
        // What comes after it has no meaning any more.
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", One),
        ("GET /healthz HTTP/1.0\r\n\r\n", One),
    ];
    let mut all: Vec<Case> =
        heads.iter().map(|(head, outcome)| case(format!("{head}{hidden}"), *outcome)).collect();
    // Targets that name another server, or none. They are alone: what follows would be a request.
    for line in
        ["GET http://other/healthz", "GET http://localhost:1/healthz", "OPTIONS *", "CONNECT other:443"]
    {
        all.push(case(
            format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n{hidden}"),
            One,
        ));
    }
    for target in ["healthz", "//other/healthz", "\\healthz", "/healthz#x", "http:/healthz", ""] {
        all.push(case(
            format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n{hidden}"),
            One,
        ));
    }
    all
}
