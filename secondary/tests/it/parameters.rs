//! Bad input: each gets a clear problem, and never a 5xx status.

use crate::support::Server;
use backscroll_secondary::Io;

#[test]
fn bad_requests_are_told_what_is_wrong() {
    let server = Server::start(Io::Uring);
    server.write("app.log", b"line\n");
    let long_key = format!("/logs?filename=app.log&keyword={}", "k".repeat(9000));
    let many = format!("/logs?filename=app.log{}", "&keyword=k".repeat(65));
    let cases: &[(&str, u16, &str)] = &[
        ("/logs", 400, "bad_parameter"),
        ("/logs?filename=", 400, "bad_parameter"),
        ("/logs?filename=app.log&n=-1", 400, "bad_parameter"),
        ("/logs?filename=app.log&n=+1", 400, "bad_parameter"),
        ("/logs?filename=app.log&n=1e3", 400, "bad_parameter"),
        ("/logs?filename=app.log&n=1.5", 400, "bad_parameter"),
        ("/logs?filename=app.log&n=", 400, "bad_parameter"),
        ("/logs?filename=app.log&n=18446744073709551616", 400, "bad_parameter"),
        ("/logs?filename=app.log&n=1&n=1", 400, "bad_parameter"),
        ("/logs?filename=app.log&filename=app.log", 400, "bad_parameter"),
        ("/logs?filename=app.log&keyword=%zz", 400, "bad_parameter"),
        ("/logs?filename=app.log&keyword=a%0A&keyword=b", 400, "conflicting_parameters"),
        ("/logs?filename=/etc/passwd", 400, "bad_parameter"),
        ("/logs?filename=app.log/", 400, "bad_parameter"),
        (&many, 400, "bad_parameter"),
        ("/logs?filename=app.log&keywords=x", 400, "unknown_parameter"),
        ("/logs?filename=app.log&hostname=here", 400, "unknown_parameter"),
        ("/logs?filename=app.log&follow=true", 400, "unknown_parameter"),
        ("/logs?filename=app.log&regex=(", 400, "bad_pattern"),
        ("/logs?filename=app.log&ignore_case=maybe", 400, "bad_parameter"),
        ("/logs?filename=app.log&Keyword=x", 400, "unknown_parameter"),
        ("/logs?filename=none.log", 404, "not_found"),
        ("/log", 404, "no_route"),
        ("/logs/", 404, "no_route"),
        (&long_key, 414, "uri_too_long"),
    ];
    for (target, status, code) in cases {
        let response = server.get(target);
        assert_eq!((response.status, response.code().as_str()), (*status, *code), "{target}");
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
    assert_eq!(server.get("/logs?filename=app.log&n=9223372036854775808").status, 200);
}

#[test]
fn methods_types_and_headers_are_bounded() {
    let server = Server::start(Io::Uring);
    server.write("app.log", b"line\n");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let response = server.request(method, "/files", "content-length: 0\r\n");
        assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD")), "{method}");
        assert_eq!(response.code(), "method_not_allowed");
    }
    let response = server.request("GET", "/logs?filename=app.log", "accept: image/png\r\n");
    assert_eq!((response.status, response.code().as_str()), (406, "not_acceptable"));
    let header = format!("x: {}\r\n", "h".repeat(17_000));
    let response = server.request("GET", "/logs?filename=app.log", &header);
    assert_eq!((response.status, response.code().as_str()), (431, "headers_too_large"));
}

#[test]
fn a_target_of_a_mebibyte_is_refused() {
    let server = Server::start(Io::Uring);
    let request = format!("GET /logs?filename={} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(1 << 20));
    let response = server.raw(request.as_bytes());
    assert!([414, 431].contains(&response.status), "{}", response.status);
}

#[test]
fn a_request_cut_at_any_byte_harms_nobody() {
    use std::io::{Read as _, Write as _};
    let server = Server::start(Io::Uring);
    server.write("app.log", b"line\n");
    let request = b"GET /logs?filename=app.log HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for cut in 0..request.len() {
        let mut socket = server.connect();
        socket.write_all(&request[..cut]).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "cut at {cut}");
    }
    // Pipelined requests are answered in order.
    let mut two = b"GET /logs?filename=app.log HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec();
    two.extend_from_slice(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let mut socket = server.connect();
    socket.write_all(&two).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.find("line\n").unwrap() < answer.find("ok\n").unwrap());
}

#[test]
fn framing_that_others_may_understand_otherwise_is_refused_and_the_connection_closed() {
    let server = Server::start(Io::Uring);
    server.write("app.log", b"line\n");
    let next = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for fields in [
        "host: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n",
        "host: localhost\r\ntransfer-encoding: chunked\r\n",
        "host: localhost\r\ntransfer-encoding: chunked, chunked\r\n",
        "host: localhost\r\ntransfer-encoding: gzip, chunked\r\n",
        "host: localhost\r\ntransfer-encoding: identity\r\n",
        "host: localhost\r\ntransfer-encoding : chunked\r\n",
        "host: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n",
        "host: localhost\r\ncontent-length: +5\r\n",
        "host: localhost\r\nhost: y\r\n",
        "",
    ] {
        let request = format!("GET /logs?filename=app.log HTTP/1.1\r\n{fields}\r\n0\r\n\r\n{next}");
        let response = server.raw(request.as_bytes());
        assert_eq!(response.status, 400, "{fields:?}");
        assert!(crate::support::find(&response.body, b"HTTP/1.1 2").is_none(), "{fields:?}: a second answer");
    }
    // A client of HTTP/1.0 need not name a host.
    assert_eq!(server.raw(b"GET /healthz HTTP/1.0\r\n\r\n").status, 200);
}
