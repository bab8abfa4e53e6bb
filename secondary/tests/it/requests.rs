//! Requests that are not valid HTTP, or only almost: each gets an answer.

use crate::support::{Response, Server, find, sleep};
use backscroll_secondary::Io;
use std::io::{Read as _, Write as _};
use std::time::Duration;

const LOG: &[u8] = b"{\"level\":\"error\",\"msg\":\"x\"}\nplain <error> a|b\nd\xfcrr `x`\n";

fn server() -> Server {
    let server = Server::start(Io::Uring);
    server.write("app.json", LOG);
    server
}

/// The answers that came over one connection.
fn answers(mut bytes: &[u8]) -> Vec<Response> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let head = find(bytes, b"\r\n\r\n").unwrap() + 4;
        let len = match Response::parse(&bytes[..head], true).header("content-length") {
            Some(len) => head + len.parse::<usize>().unwrap(),
            None => head + find(&bytes[head..], b"0\r\n\r\n").unwrap() + 5,
        };
        all.push(Response::parse(&bytes[..len], true));
        bytes = &bytes[len..];
    }
    all
}

fn exchange(server: &Server, pieces: &[&[u8]]) -> Vec<Response> {
    let mut socket = server.connect();
    socket.set_nodelay(true).unwrap();
    for piece in pieces {
        // The server may have refused the request already.
        let _ = socket.write_all(piece);
    }
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    answers(&bytes)
}

fn get(keyword: &[u8]) -> Vec<u8> {
    [
        b"GET /logs?filename=app.json&keyword=",
        keyword,
        b" HTTP/1.1\r\nhost: localhost\r\nuser-agent: \"<x>\"\r\nconnection: close\r\n\r\n",
    ]
    .concat()
}

#[test]
fn a_raw_byte_is_what_its_percent_encoding_is_or_is_refused_with_a_reason() {
    let server = server();
    for byte in 0..=255u8 {
        // A line feed ends the request line, and what follows it is not valid.
        if byte == b'\n' {
            continue;
        }
        let raw = &exchange(&server, &[&get(&[byte])])[0];
        if raw.status == 400 {
            assert!(matches!(byte, 0 | b'\t' | 0x0b | 0x0c | b'\r' | b' ' | b'#' | b'%'), "{byte:#x}");
            let code = raw.code();
            assert!(code == "bad_request" || byte == b'%' && code == "bad_parameter", "{byte:#x}: {code}");
            assert!(raw.header("backscroll-instance").is_some(), "a primary knows whose answer it is");
            continue;
        }
        let encoded = &exchange(&server, &[&get(format!("%{byte:02X}").as_bytes())])[0];
        if !matches!(byte, b'+' | b'&') {
            assert_eq!((raw.status, &raw.body), (200, &encoded.body), "{byte:#x}");
        }
    }
    let found = &exchange(&server, &[&get(b"\"level\":\"error\"")])[0];
    assert_eq!(found.body, b"{\"level\":\"error\",\"msg\":\"x\"}\n");
    assert_eq!(exchange(&server, &[&get(b"<error>")])[0].body, b"plain <error> a|b\n");
}

#[test]
fn a_request_is_the_same_however_it_comes() {
    let server = server();
    let request = get(b"\"msg\"");
    let bytes: Vec<&[u8]> = request.chunks(1).collect();
    assert_eq!(exchange(&server, &bytes)[0].body, b"{\"level\":\"error\",\"msg\":\"x\"}\n");
    // Several requests. One of them is plain, and the last one is not valid HTTP.
    let several = [
        b"GET /logs?filename=app.json&keyword=<error> HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        b"GET /logs?filename=app.json&keyword=\"msg\" HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        b"GET /healthz HTTP/1.1\r\nhost x\r\n\r\n".to_vec(),
    ]
    .concat();
    for cut in [0, several.len() / 3, several.len() / 2, several.len() - 3] {
        let answers = exchange(&server, &[&several[..cut], &several[cut..]]);
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200, 200, 200, 400]);
        assert_eq!(answers[0].body, b"plain <error> a|b\n");
        assert_eq!(answers[2].body, b"{\"level\":\"error\",\"msg\":\"x\"}\n");
        assert_eq!(answers[3].code(), "bad_request");
    }
}

#[test]
fn every_refusal_says_what_is_wrong() {
    let server = server();
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(1 << 20));
    let quoted = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "\"".repeat(1 << 20));
    let large = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(200));
    for (request, status, words) in [
        (&b"GET /a b HTTP/1.1\r\nhost: localhost\r\n\r\n"[..], 400, "%20"),
        (b"GET /a#b HTTP/1.1\r\nhost: localhost\r\n\r\n", 400, "%23"),
        (b"GET /a\tb HTTP/1.1\r\nhost: localhost\r\n\r\n", 400, "%09"),
        (b"GET /\r\n\r\n", 400, "HTTP/1.1"),
        (b"GET / HTTP/3\r\n\r\n", 400, "HTTP/1.1"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "Host"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "HTTP/2"),
        (b"\x16\x03\x01\x02\x00\x01", 400, "http://"),
        (b"G(T / HTTP/1.1\r\nhost: localhost\r\n\r\n", 400, "method"),
        (b"GET a b c\r\n\r\n", 400, "%20"),
        (b"GET / HTTP/1.1\r\nhost : x\r\n\r\n", 400, "colon"),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\n folded\r\n\r\n", 400, "colon"),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\nx: \x01\r\n\r\n", 400, "control"),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n", 400, "Content-Length"),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: x\r\n\r\n", 400, ""),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", 400, ""),
        (b"GET http://a<b>/ HTTP/1.1\r\nhost: localhost\r\n\r\n", 400, ""),
        (long.as_bytes(), 414, "8192"),
        (quoted.as_bytes(), 414, "8192"),
        (large.as_bytes(), 431, "16384"),
        (many.as_bytes(), 431, "100"),
    ] {
        let answers = exchange(&server, &[request]);
        let shown = request[..request.len().min(60)].escape_ascii().to_string();
        assert_eq!(answers.len(), 1, "{shown}");
        assert_eq!(answers[0].status, status, "{shown}");
        assert!(answers[0].code() != "" && answers[0].text().contains(words), "{shown}: {answers:?}");
        assert_eq!(answers[0].header("connection"), Some("close"), "{shown}");
    }
}

#[test]
fn what_a_refusal_says_does_not_depend_on_how_the_head_was_cut() {
    let server = server();
    for (request, words) in [
        (&b"GET /a b HTTP/1.1\r\nhost: localhost\r\n\r\n"[..], "holds a space"),
        (b"GET /a HTTP/2.0\r\nhost: localhost\r\n\r\n", "HTTP/1.1 or HTTP/1.0"),
        (b"GET /a\r\nhost: localhost\r\n\r\n", "HTTP/1.1 or HTTP/1.0"),
    ] {
        for cut in 0..20 {
            let mut socket = server.connect();
            socket.set_nodelay(true).unwrap();
            socket.write_all(&request[..cut]).unwrap();
            sleep(Duration::from_millis(20));
            let _ = socket.write_all(&request[cut..]);
            let mut bytes = Vec::new();
            socket.read_to_end(&mut bytes).unwrap();
            let answer = &answers(&bytes)[0];
            assert!(answer.text().contains(words), "{cut}: {answer:?}");
        }
    }
}

#[test]
fn a_request_that_ends_before_its_head_does_is_told() {
    let server = server();
    for request in
        ["GET /healthz HTTP/1.0", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n", "GE", "GET /a\"b"]
    {
        let mut socket = server.connect();
        socket.write_all(request.as_bytes()).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).unwrap();
        let answer = &answers(&bytes)[0];
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{request:?}");
        assert!(answer.text().contains("empty line"), "{answer:?}");
    }
    // A client that sends nothing gets no answer.
    let mut socket = server.connect();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(socket.read_to_end(&mut Vec::new()).unwrap(), 0);
}

#[test]
fn a_body_is_never_taken_for_a_request() {
    let server = server();
    let inner = "GET /logs?filename=app.json&keyword=\"msg\" HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for (framing, body) in [
        (format!("content-length: {}", inner.len()), inner.to_owned()),
        ("transfer-encoding: chunked".to_owned(), format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len())),
        (format!("content-length: {}\r\ntransfer-encoding: chunked", inner.len()), inner.to_owned()),
    ] {
        let request = format!("POST /logs?\"<> HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n\r\n{body}");
        for cut in [0, request.len() - body.len(), request.len() - 5] {
            let mut socket = server.connect();
            socket.write_all(&request.as_bytes()[..cut]).unwrap();
            sleep(Duration::from_millis(20));
            let _ = socket.write_all(&request.as_bytes()[cut..]);
            let _ =
                socket.write_all(b"GET /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            let mut bytes = Vec::new();
            let _ = socket.read_to_end(&mut bytes);
            let answers = answers(&bytes);
            assert!((1..=2).contains(&answers.len()), "{answers:?}");
            assert!(answers.iter().all(|answer| answer.status >= 400), "{framing}: {answers:?}");
        }
    }
}

#[test]
fn what_a_log_holds_is_not_taken_for_a_refusal() {
    let server = server();
    let line = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    server.write("fake.log", &line.repeat(100));
    server.write("big.log", &line.repeat(200_000));
    for file in ["fake.log", "big.log"] {
        let size = line.len() * if file == "fake.log" { 100 } else { 200_000 };
        let mut socket = server.connect_with_window(4096);
        // The server refuses the second request while it still sends the answer to the first one.
        let requests =
            format!("GET /logs?filename={file} HTTP/1.1\r\nhost: localhost\r\n\r\nGET /a b HTTP/1.1\r\n\r\n");
        socket.write_all(requests.as_bytes()).unwrap();
        sleep(Duration::from_millis(100));
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).unwrap();
        let status = &b"HTTP/1.1 400 Bad Request\r\n"[..];
        let at = bytes.windows(status.len()).rposition(|window| window == status);
        let (first, second) = bytes.split_at(at.unwrap());
        let first = Response::parse(first, true);
        assert!(first.complete, "{file}");
        assert_eq!(first.body.len(), size, "{file}");
        assert_eq!(Response::parse(second, true).code(), "bad_request");
    }
}
