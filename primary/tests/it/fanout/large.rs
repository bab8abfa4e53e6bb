//! Large fleets, and large records.

use super::client::get;
use super::oracle::{Question, assert_right, looks_complete};
use super::simulated::{Fault, Simulated};
use super::{entries, quick};
use crate::primary;
use futures_util::future::join_all;
use std::time::Duration;

const ALL: Question = Question { n: None, ndjson: false, on_error: None, trailers: true };

/// Long for a test that runs beside many others.
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
    // Each request has one of each host at the head of its merge: far more than may be held.
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
    config.connections = 200;
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
