//! What `on_error=ignore` is good for: an answer whose other part is worth having.

use super::client::{Answer, get};
use super::oracle::Question;
use super::simulated::{Fault, Simulated};
use super::{asked, entries};

/// Each host's fault, and how many records it has.
type Hosts = [(Fault, usize)];

async fn answers(hosts: &Hosts, ndjson: bool, trailers: bool, on_error: &'static str) -> (Answer, Question) {
    let host = |(number, (fault, count)): (usize, &(Fault, usize))| {
        Simulated::new(&format!("h{number}"), entries(number, *count), *fault)
    };
    let fleet: Vec<Simulated> = hosts.iter().enumerate().map(host).collect();
    let primary = asked(&fleet).await;
    let question = Question { n: None, ndjson, on_error: Some(on_error), trailers };
    (get(primary.address, &question.target(), &question.fields()).await, question)
}

const LATE: [Fault; 4] = [Fault::FailsAfter(9), Fault::CutAfter(9), Fault::CutInside(9), Fault::HungAfter(9)];

#[tokio::test]
async fn it_does_not_end_an_answer_properly_of_which_no_other_host_has_anything() {
    for late in LATE {
        for hosts in [
            // A fleet of one, and a pattern that matches one.
            &[(late, 30)][..],
            // All of them failed.
            &[(late, 30), (late, 30)],
            &[(late, 30), (Fault::Down, 30)],
            &[(late, 30), (Fault::Overloaded, 30), (Fault::NoFile, 0)],
            // The others do not have the file.
            &[(late, 30), (Fault::NoFile, 0), (Fault::NoFile, 0)],
        ] {
            for (ndjson, trailers) in [(false, false), (true, false), (false, true), (true, true)] {
                let (answer, question) = answers(hosts, ndjson, trailers, "ignore").await;
                assert_eq!(
                    (answer.status, answer.is_whole),
                    (200, trailers),
                    "{hosts:?} {question:?} {answer:?}"
                );
                if ndjson {
                    assert_eq!(answer.end()["status"], "partial", "{answer:?}");
                }
                if trailers {
                    assert_eq!(answer.trailers["log-status"], "partial", "{answer:?}");
                    assert!(answer.trailers["log-hosts-failed"].starts_with("h0"), "{answer:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn before_the_first_byte_a_host_alone_that_fails_is_a_status() {
    for (fault, status) in [
        (Fault::Down, 502),
        (Fault::Overloaded, 503),
        (Fault::FailsAfter(0), 500),
        (Fault::CutAfter(0), 502),
        (Fault::Hung, 504),
    ] {
        for hosts in [&[(fault, 30)][..], &[(fault, 30), (Fault::NoFile, 0)]] {
            for ndjson in [false, true] {
                let (answer, _) = answers(hosts, ndjson, false, "ignore").await;
                assert_eq!(answer.status, status, "{hosts:?} {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn it_ends_an_answer_properly_where_another_host_has_delivered() {
    for fault in LATE.into_iter().chain([Fault::Down, Fault::Overloaded, Fault::CutAfter(0)]) {
        let hosts = [(Fault::None, 30), (fault, 30)];
        for (ndjson, trailers) in [(false, false), (true, false), (false, true)] {
            let (answer, question) = answers(&hosts, ndjson, trailers, "ignore").await;
            assert_eq!((answer.status, answer.is_whole), (200, true), "{fault:?} {question:?} {answer:?}");
            let (answer, question) = answers(&hosts, ndjson, trailers, "report").await;
            assert_eq!(
                (answer.status, answer.is_whole),
                (200, trailers),
                "{fault:?} {question:?} {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_empty_answer_is_not_taken_for_the_knowledge_that_nothing_matches() {
    // The other host has searched, and found nothing. Who failed is told in the head...
    for fault in [Fault::Down, Fault::Overloaded] {
        let (answer, _) = answers(&[(Fault::None, 0), (fault, 30)], false, false, "ignore").await;
        assert_eq!((answer.status, answer.is_whole, answer.text().as_str()), (200, true, ""), "{answer:?}");
        assert_eq!(answer.fields["log-hosts-failed"], "h1");
    }
    // ...or comes too late for it.
    for fault in LATE {
        let (answer, _) = answers(&[(Fault::None, 0), (fault, 30)], false, false, "ignore").await;
        assert!(!answer.is_whole || answer.fields.contains_key("log-hosts-failed"), "{fault:?} {answer:?}");
        let (answer, _) = answers(&[(Fault::None, 0), (fault, 30)], true, false, "ignore").await;
        assert!(answer.is_whole && answer.end()["status"] == "partial", "{fault:?} {answer:?}");
    }
}
