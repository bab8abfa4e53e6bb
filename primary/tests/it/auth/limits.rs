//! No caller uses up the service.

use super::{Ring, Shelf, closed};
use crate::fanout::client::{get, request};
use crate::fanout::endless;
use crate::{PATIENCE, configured, primary};
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_token_has_so_many_requests_at_once_and_others_have_theirs() {
    let host = endless("h");
    let ring =
        Ring::default().with("few", &["*"], &["**"], "requests = 2").with("other", &["*"], &["**"], "");
    let config = backscroll_primary::Config {
        access: ring.access(),
        allowed_hosts: None,
        ..configured(&[("h", host.url())])
    };
    let primary = primary(config).await;
    let target = "/logs?filename=app.log";
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(primary.address).await.unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\n{}\r\n", ring.field("few"));
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.read_u8().await.unwrap();
        open.push(stream);
    }
    let refused = get(primary.address, "/hosts", &ring.field("few")).await;
    assert_eq!((refused.status, refused.code()), (503, "overloaded".to_owned()));
    let after: u32 = refused.fields["retry-after"].parse().unwrap();
    assert!((1..=3).contains(&after));
    assert_eq!(get(primary.address, "/hosts", &ring.field("other")).await.status, 200);
    // Health is always told.
    assert_eq!(get(primary.address, "/healthz", &ring.field("few")).await.status, 200);
    open.pop();
    let since = Instant::now();
    while get(primary.address, "/hosts", &ring.field("few")).await.status != 200 {
        assert!(since.elapsed() < PATIENCE, "what has ended is given back");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn who_fails_again_and_again_waits_and_a_valid_token_does_not() {
    let shelf = Shelf::new(&[]).await;
    let ring = Ring::default().with("a", &["*"], &["**"], "");
    let primary = primary(closed(&[("h", &shelf)], &ring)).await;
    let bad = async || {
        let began = Instant::now();
        assert_eq!(request(primary.address, "GET", "/", "Authorization: Bearer x\r\n").await.status, 401);
        began.elapsed()
    };
    let mut waited = std::time::Duration::ZERO;
    for _ in 0..9 {
        waited = bad().await;
    }
    assert!(waited >= std::time::Duration::from_millis(800), "{waited:?}");
    // One waits meanwhile, and the valid one is there before it.
    let slow = bad();
    let valid = async {
        let answer = get(primary.address, "/", &ring.field("a")).await;
        (answer.status, Instant::now())
    };
    let (_, (status, valid)) = tokio::join!(slow, valid);
    assert_eq!(status, 200);
    assert!(valid.elapsed() >= std::time::Duration::from_millis(500), "it did not wait for the other");
}
