use super::*;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// A server for so many connections that sends `answer` to each request.
fn server(connections: usize, answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming().take(connections).flatten() {
            std::thread::spawn(move || serve(socket, answer));
        }
    });
    url
}

fn serve(mut socket: std::net::TcpStream, answer: &[u8]) {
    let mut piece = [0; 4096];
    while socket.read(&mut piece).is_ok_and(|len| len > 0) && socket.write_all(answer).is_ok() {}
}

fn options(url: &str) -> Options {
    Options {
        url: url.to_owned(),
        connections: 2,
        seconds: 0.3,
        rate: None,
        deep_url: None,
        deep: 0,
        tls_cert: None,
        json: false,
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn requests_are_answered_counted_and_timed() {
    let report = run(&options(&server(2, OK))).unwrap();
    assert!(report.answered > 10 && report.errors == 0, "{report}");
    assert!(report.p50_us > 0.0 && report.p50_us <= report.p99_us && report.p99_us <= report.max_us);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap().answered, report.answered);
}

#[test]
fn a_rate_sends_no_more_than_it_says() {
    let report = run(&Options { rate: Some(100.0), ..options(&server(2, OK)) }).unwrap();
    assert!((1..=30).contains(&report.answered), "{report}");
}

#[test]
fn deep_scans_run_beside_them() {
    let deep_url = Some(server(3, OK) + "{}");
    let report = run(&Options { deep_url, deep: 3, ..options(&server(2, OK)) }).unwrap();
    assert!(report.deep_scans.done > 10 && report.deep_scans.errors == 0, "{report}");
}

#[test]
fn another_status_than_200_is_an_error() {
    let url = server(2, b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\nno");
    assert!(format!("{:#}", run(&options(&url)).unwrap_err()).contains("503"));
}

#[test]
fn what_is_never_answered_counts_with_its_age() {
    // It answers the untimed request, and no other.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut piece = [0; 4096];
        assert!(socket.read(&mut piece).unwrap() > 0);
        socket.write_all(OK).unwrap();
        while socket.read(&mut piece).is_ok_and(|len| len > 0) {}
    });
    let report = run(&Options { connections: 1, rate: Some(100.0), ..options(&url) }).unwrap();
    server.join().unwrap();
    // All requests that were due are counted. The first is as old as the whole run, give or take a
    // tick.
    assert_eq!(report.answered, 0);
    assert!(report.unfinished >= 25, "{report}");
    assert!(report.max_us > 250_000.0, "{report}");
}

#[test]
fn slow_clients_read_a_byte_at_a_time() {
    let url = server(3, OK);
    let accept = "text/plain".to_owned();
    let receive_buffer = Some(4096);
    let options = slow::Options { url, clients: 3, accept, receive_buffer, tls_cert: None, seconds: 0.3 };
    let report = slow::run(&options).unwrap();
    assert_eq!(report, slow::Report { reading: 3, cut: 0, refused: 0, bytes: 3 });
}
