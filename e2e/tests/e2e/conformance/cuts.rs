//! Requests one after another without waiting, and requests that are cut (H8).

use super::Servers;
use super::client::{answers, bytes_for, connect, exchange, get, read_to_end};
use std::io::Write as _;
use std::net::Shutdown;

/// A method, and a target without its beginning.
const PIPELINE: [(&str, &str); 9] = [
    ("GET", "/logs?filename=app.log&n=2"),
    ("GET", "/logs?filename=long.log"),
    ("HEAD", "/logs?filename=app.log"),
    ("GET", "/logs?filename=none.log"),
    ("DELETE", "/files"),
    ("GET", "/logs?filename=app.log&keyword=<o>"),
    ("GET", "/nowhere"),
    ("GET", "/logs?filename=long.log&n=1000&keyword=7"),
    ("GET", "/healthz"),
];

#[test]
fn pipelined_requests_are_answered_in_order() {
    let servers = Servers::start();
    let long: Vec<String> = (0..200_000).map(|number| format!("line {number}\n")).collect();
    let long = long.concat();
    servers.write("long.log", long.as_bytes());
    for (address, prefix) in servers.both() {
        let request = |(method, target): &(&str, &str)| {
            let target = target.replace('?', &format!("?{prefix}"));
            format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
        };
        let methods: Vec<&str> = PIPELINE.iter().map(|(method, _)| *method).collect();
        let all: String = PIPELINE.iter().map(request).collect();
        let together = exchange(address, all.as_bytes(), &methods);
        assert_eq!(together.len(), PIPELINE.len());
        let statuses: Vec<u16> = together.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200, 200, 200, 404, 405, 200, 404, 200, 200]);
        for (one, answer) in PIPELINE.iter().zip(&together) {
            let alone = exchange(address, request(one).as_bytes(), &[one.0]);
            assert_eq!((alone[0].status, &alone[0].body), (answer.status, &answer.body), "{one:?}");
        }
        assert_eq!(together[1].body.len(), long.len());
        // More requests than a connection is read ahead for, all sent before the first answer is read.
        let many = request(&PIPELINE[0]).repeat(2_000);
        let answers = exchange(address, many.as_bytes(), &[]);
        assert_eq!(answers.len(), 2_000);
        assert!(answers.iter().all(|answer| answer.text() == "three\ntwo\n"));
        // Nothing after a refused one is answered.
        let refused = format!("{}G@T / HTTP/1.1\r\n\r\n{}", request(&PIPELINE[0]), request(&PIPELINE[8]));
        let statuses: Vec<u16> =
            exchange(address, refused.as_bytes(), &[]).iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200, 400]);
    }
}

#[test]
fn a_request_that_is_cut_at_any_byte_is_refused_and_harms_nobody() {
    let servers = Servers::start();
    for (address, prefix) in servers.both() {
        let request = format!(
            "GET /logs?{prefix}filename=app.log&keyword=\"o\"&n=1 HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\nX: y\r\n\r\n"
        );
        let whole = exchange(address, request.as_bytes(), &[]);
        assert_eq!(whole[0].status, 200);
        for cut in 0..request.len() {
            let (before, after) = request.as_bytes().split_at(cut);
            let cut_off = answers(&bytes_for(address, &[before]), &[]);
            if cut == 0 {
                assert!(cut_off.is_empty(), "{cut_off:?}");
            } else {
                assert_eq!((cut_off.len(), cut_off[0].status), (1, 400), "{cut}: {cut_off:?}");
                assert_eq!(cut_off[0].code(), "bad_request");
            }
            let in_two = answers(&bytes_for(address, &[before, after]), &[]);
            assert_eq!((in_two.len(), &in_two[0].body), (1, &whole[0].body), "{cut}");
            // A client that is gone altogether.
            let mut stream = connect(address);
            stream.write_all(before).unwrap();
            drop(stream);
        }
        assert_eq!(get(address, "/healthz", "").status, 200);
    }
}

#[test]
fn a_form_that_is_cut_is_refused() {
    let servers = Servers::start();
    for (address, prefix) in servers.both() {
        let head =
            "POST /logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n";
        let form = format!("{prefix}filename=app.log");
        let request = format!("{head}Content-Length: {}\r\n\r\n{form}", form.len());
        // Each waits for the rest of its body for as long as a client may take, so all wait at once.
        let streams: Vec<_> = (request.len() - form.len()..request.len())
            .map(|cut| {
                let mut stream = connect(address);
                stream.write_all(&request.as_bytes()[..cut]).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                stream
            })
            .collect();
        for stream in streams {
            let answers = answers(&read_to_end(stream), &[]);
            assert_eq!((answers.len(), answers[0].status), (1, 400), "{answers:?}");
            assert_eq!(answers[0].code(), "bad_request");
        }
    }
}
