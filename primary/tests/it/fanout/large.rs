//! Large fleets, and large records.

use super::client::get;
use super::oracle::{Question, assert_right, looks_complete};
use super::simulated::{Fault, Simulated};
use super::{entries, quick};
use crate::primary;
use futures_util::future::join_all;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

const ALL: Question = Question { n: None, ndjson: false, on_error: None, trailers: true };

/// A time limit that a slow machine does not exceed while many tests run at once.
const LONG: Duration = Duration::from_secs(12);

/// Hosts whose records have about a megabyte each.
fn fleet_of_large_records(faults: &[Fault]) -> Vec<Simulated> {
    let host = |(number, fault): (usize, &Fault)| {
        let mut entries = entries(number, 3);
        for (age, entry) in entries.iter_mut().enumerate() {
            let bytes = (1 << 20) - 1000 * age;
            entry.text.push_str(&"é\u{1}x".repeat(bytes / 4));
        }
        Simulated::new(&format!("h{number}"), entries, *fault)
    };
    faults.iter().enumerate().map(host).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_records_of_many_hosts_and_requests_wait_for_room_and_all_come() {
    // Each request has a record of each host at the head of its merge: far more than may be held.
    let fleet = fleet_of_large_records(&[Fault::None; 12]);
    let mut config = quick(&fleet);
    (config.times.head, config.times.framed_idle, config.times.request) = (LONG, LONG, LONG);
    let primary = primary(config).await;
    let ask = async |question: Question| {
        let answer = get(primary.address, &question.target(), &question.fields()).await;
        assert_right(&fleet, &question, &answer);
        assert!(looks_complete(&question, &answer));
    };
    let two = Question { n: Some(2), ..ALL };
    let questions =
        [ALL, Question { ndjson: true, ..two }, two, two, Question { ndjson: true, ..two }, two, two];
    join_all(questions.map(ask)).await;
}

/// Clients that do not read, each of which has a record that takes about a megabyte: more than
/// there is room for.
const STUCK: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_not_read_lose_the_room_of_their_large_records_to_those_that_do() {
    let fleet = fleet_of_large_records(&[Fault::None; 8]);
    let mut config = quick(&fleet);
    let minute = Duration::from_mins(1);
    (config.times.head, config.times.framed_idle, config.times.request) = (minute, minute, minute * 5);
    let primary = primary(config).await;
    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut client = socket.connect(primary.address).await.unwrap();
        let target = Question { trailers: false, ..ALL }.target();
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        stuck.push(client);
    }
    // Twice as long as a record may keep others waiting. So some of the stuck ones lose their room.
    let (since, question) = (Instant::now(), Question { n: Some(2), ..ALL });
    while since.elapsed() < Duration::from_secs(6) {
        let answer = get(primary.address, &question.target(), &question.fields()).await;
        assert_right(&fleet, &question, &answer);
        assert!(looks_complete(&question, &answer), "{:?}", answer.trailers);
    }
    let ends = join_all(stuck.into_iter().map(async |mut client| {
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.is_ok() && got.ends_with(b"\r\n0\r\n\r\n")
    }));
    let whole = ends.await.into_iter().filter(|is_whole| *is_whole).count();
    assert!((1..STUCK).contains(&whole), "{whole} answers were whole: some are to lose their room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_large_record_whose_host_fails_in_it_nothing_is_delivered() {
    for fault in [Fault::CutInside(1), Fault::CutInside(0), Fault::FailsAfter(2), Fault::HungAfter(1)] {
        let fleet = fleet_of_large_records(&[Fault::None, fault]);
        let mut config = quick(&fleet);
        (config.times.head, config.times.framed_idle) = (LONG, Duration::from_secs(1));
        config.times.request = LONG;
        let primary = primary(config).await;
        for ndjson in [false, true] {
            let question = Question { ndjson, ..ALL };
            let answer = get(primary.address, &question.target(), &question.fields()).await;
            assert_right(&fleet, &question, &answer);
            assert!(!looks_complete(&question, &answer));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_a_whole_fleet_that_have_not_room_together_come_one_after_the_other() {
    let fleet: Vec<Simulated> = (0..400)
        .map(|number| Simulated::new(&format!("h{number:03}"), entries(number, 2), Fault::None))
        .collect();
    let mut config = quick(&fleet);
    // 600 answers of hosts at once: one request and a half.
    config.connections = 600;
    config.times.connect = LONG;
    (config.times.head, config.times.framed_idle, config.times.request) = (LONG, LONG, LONG);
    let primary = primary(config).await;
    let ask = async |_| {
        let answer = get(primary.address, &ALL.target(), &ALL.fields()).await;
        assert_right(&fleet, &ALL, &answer);
        assert!(looks_complete(&ALL, &answer), "{:?} {:?}", answer.status, answer.trailers);
    };
    join_all([0; 4].map(ask)).await;
}
