//! What a client may do with its connection: the same as with a secondary's.

use crate::liar::{COMPLETE, Liar, Step, TEXT, chunk, end, head};
use crate::{PATIENCE, configured, primary};
use std::net::SocketAddr;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// All that comes back for `request`, whose sender ends his sending after it.
async fn half_closed(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(request).await;
    let _ = stream.shutdown().await;
    let mut out = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut out));
    read.await.expect("an answer ends").unwrap();
    String::from_utf8_lossy(&out).into_owned()
}

#[tokio::test]
async fn raw_bytes_in_a_target_are_what_their_encoding_is() {
    let liar = Liar::new(vec![head(TEXT), chunk("b\n"), end(COMPLETE.replace('2', "1").as_str())]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let got =
        primary.raw("GET /logs?hostname=web1&filename=a&keyword=\"x\"<y> HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 200 "), "{got}");
    let asked = liar.heads.lock().unwrap()[0].clone();
    assert!(asked.starts_with("GET /logs?filename=a&keyword=%22x%22%3Cy%3E HTTP/1.1\r\n"), "{asked}");
}

#[tokio::test]
async fn no_request_is_refused_without_a_word() {
    let primary = primary(configured(&[])).await;
    let large = format!("GET / HTTP/1.1\r\nHost: x\r\nx: {}\r\n\r\n", "a".repeat(1 << 20));
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "<".repeat(1 << 20));
    for (request, status, code) in [
        ("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request"),
        ("GET / HTTP/2\r\nHost: x\r\n\r\n", 400, "bad_request"),
        ("G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request"),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, "bad_request"),
        ("GET / HTTP/1.1\r\nHost: x\r\n", 400, "bad_request"),
        (&large, 431, "headers_too_large"),
        (&long, 414, "uri_too_long"),
    ] {
        let got = half_closed(primary.address, request.as_bytes()).await;
        let shown = &request[..request.len().min(50)];
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?}: {got}");
        assert!(got.contains("application/problem+json") && got.contains(code), "{shown:?}: {got}");
        assert!(!got.contains("backscroll-instance"), "a primary is no secondary");
    }
}

#[tokio::test]
async fn who_ends_his_sending_after_the_request_gets_the_answer() {
    let slow =
        vec![head(TEXT), chunk("b\n"), Step::Wait(Duration::from_millis(300)), chunk("a\n"), end(COMPLETE)];
    let liar = Liar::new(slow).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    for (target, words) in [("/healthz", "ok\n"), ("/logs?hostname=web1&filename=a", "a\n\r\n0\r\n")] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let got = half_closed(primary.address, request.as_bytes()).await;
        assert!(got.starts_with("HTTP/1.1 200 ") && got.contains(words), "{target}: {got}");
    }
}

#[tokio::test]
async fn a_host_that_begins_late_is_waited_for() {
    let late = vec![Step::Wait(Duration::from_secs(3)), head(TEXT), chunk("b\na\n"), end(COMPLETE)];
    let liar = Liar::new(late).await;
    let mut config = configured(&[("web1", liar.url())]);
    config.times.head = Duration::from_hours(1);
    let primary = primary(config).await;
    for version in ["1.1", "1.0"] {
        let request = format!("GET /logs?hostname=web1&filename=a HTTP/{version}\r\nHost: x\r\n\r\n");
        let got = half_closed(primary.address, request.as_bytes()).await;
        // What says that it is being worked on is no answer, and only HTTP/1.1 knows it.
        let got = match version {
            "1.1" => got.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or_else(|| panic!("{got}")),
            _ => &got,
        };
        assert!(got.starts_with(&format!("HTTP/{version} 200 ")) && got.contains("b\na\n"), "{got}");
    }
}

#[tokio::test]
async fn the_work_for_a_client_that_is_gone_stops() {
    let liar = Liar::new(vec![head(TEXT), chunk("b\n"), Step::Hang]).await;
    let silent = Liar::new(vec![Step::Hang]).await;
    let mut config = configured(&[("web1", liar.url()), ("web2", silent.url())]);
    (config.times.idle, config.times.head) = (Duration::from_hours(1), Duration::from_hours(1));
    let primary = primary(config).await;
    for (host, liar, begins) in [("web1", &liar, true), ("web1", &liar, false), ("web2", &silent, false)] {
        let request = format!("GET /logs?hostname={host}&filename=a HTTP/1.1\r\nHost: x\r\n\r\n");
        let request = request.as_bytes();
        let left = liar.left.load(SeqCst);
        let mut stream = TcpStream::connect(primary.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        if begins {
            let mut some = [0; 4096];
            while !some.windows(2).any(|bytes| bytes == b"b\n") {
                assert!(stream.read(&mut some).await.unwrap() > 0);
            }
        }
        drop(stream);
        let gone = async {
            while liar.left.load(SeqCst) == left {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, gone).await.expect("the host is still asked");
    }
}

#[tokio::test]
async fn idle_connections_make_room_and_health_has_a_reserve() {
    let liar = Liar::new(vec![head(TEXT), chunk("b\n"), Step::Hang]).await;
    let mut config = configured(&[("web1", liar.url())]);
    config.connections = 4;
    config.times.idle = Duration::from_hours(1);
    let primary = primary(config).await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(TcpStream::connect(primary.address).await.unwrap());
    }
    primary.until("/healthz", |got| got.out == "ok\n").await;
    let mut busy = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(primary.address).await.unwrap();
        stream.write_all(b"GET /logs?hostname=web1&filename=a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        stream.read_exact(&mut [0; 15]).await.unwrap();
        busy.push(stream);
    }
    primary.until("/files", |got| got.out.contains("\"overloaded\"")).await;
    for path in ["/healthz", "/readyz"] {
        let got = primary.curl(path, &[]).await;
        assert!(got.log.contains("< http/1.1 200 ") && got.log.contains("< connection: close"), "{got:?}");
    }
    drop((idle, busy));
}
