//! Hosts that stand in the fleet under several names and addresses: each record comes once.

use super::client::{get, request};
use super::oracle::{Question, assert_right, looks_complete};
use super::simulated::{Fault, Simulated};
use super::{entries, quick_of, until};
use crate::{Primary, primary};
use fastrand::Rng;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// The names and URLs of each host: its own first, then a few more that come after it.
fn many_names(fleet: &[Simulated], rng: &mut Rng) -> Vec<(String, String)> {
    let mut hosts = Vec::new();
    for host in fleet {
        hosts.push((host.name().to_owned(), host.url()));
        let port = host.address.port();
        for more in 0..rng.usize(0..4) {
            let address = rng.choice(["127.0.0.1", "localhost", "LOCALHOST", "127.1", "[::ffff:127.0.0.1]"]);
            hosts.push((format!("{}-{more}", host.name()), format!("http://{}:{port}", address.unwrap())));
        }
    }
    rng.shuffle(&mut hosts);
    hosts
}

async fn asked(hosts: &[(String, String)]) -> Primary {
    let hosts: Vec<_> = hosts.iter().map(|(name, url)| (name.as_str(), url.clone())).collect();
    let mut config = quick_of(&hosts);
    // They answer, if late: it is not to be seen as another fault.
    config.times.connect = Duration::from_secs(5);
    config.times.head = Duration::from_secs(5);
    primary(config).await
}

#[tokio::test]
async fn each_record_comes_once_whatever_a_host_is_called_and_whatever_it_does() {
    for seed in 0..16 {
        let mut rng = Rng::with_seed(seed);
        let faults = [
            Fault::None,
            Fault::None,
            Fault::None,
            Fault::NoFile,
            Fault::Slow(Duration::from_millis(rng.u64(1..30))),
            Fault::Overloaded,
            Fault::FailsAfter(rng.usize(0..30)),
            Fault::CutAfter(rng.usize(1..30)),
        ];
        let mut fleet: Vec<Simulated> = Vec::new();
        for number in 0..rng.usize(1..7) {
            let fault = if number == 0 { Fault::None } else { *rng.choice(&faults).unwrap() };
            fleet.push(Simulated::new(&format!("h{number}"), entries(number, rng.usize(1..40)), fault));
        }
        let primary = asked(&many_names(&fleet, &mut rng)).await;
        // Before it is known which of them are one, and once it is.
        for _ in 0..3 {
            let question = Question {
                n: rng.bool().then(|| rng.usize(1..60)),
                ndjson: rng.bool(),
                on_error: rng.choice([None, Some("ignore")]).unwrap(),
                trailers: rng.bool(),
            };
            let answer = get(primary.address, &question.target(), &question.fields()).await;
            println!("seed {seed} {question:?}");
            assert_right(&fleet, &question, &answer);
        }
    }
}

#[tokio::test]
async fn head_and_counts_know_each_host_once() {
    let fleet = [0, 1].map(|n| Simulated::new(&format!("h{n}"), entries(n, 3), Fault::NoFile));
    let mut rng = Rng::with_seed(1);
    let mut hosts = many_names(&fleet, &mut rng);
    hosts.push(("h0-x".to_owned(), format!("http://localhost:{}", fleet[0].address.port())));
    for _ in 0..2 {
        let primary = asked(&hosts).await;
        let question = Question { n: None, ndjson: false, on_error: None, trailers: false };
        let answer = get(primary.address, &question.target(), "").await;
        assert!(answer.status == 404 && answer.text().contains("none of 2 hosts"), "{answer:?}");
        assert_eq!(request(primary.address, "HEAD", &question.target(), "").await.status, 404);
    }
}

#[tokio::test]
async fn a_name_that_is_left_stays_one_that_can_be_asked_for() {
    let host = Simulated::new("a", entries(0, 5), Fault::None);
    let hosts = [("a", host.url()), ("a-2", format!("http://localhost:{}", host.address.port()))];
    let primary = primary(quick_of(&hosts)).await;
    for (which, name) in
        [("", "a"), ("&hostname=a-2&hostname=a", "a"), ("&hostname=a-*", "a-2"), ("&hostname=*", "a")]
    {
        for _ in 0..2 {
            let question = Question { n: None, ndjson: true, on_error: None, trailers: true };
            let answer =
                get(primary.address, &format!("{}{which}", question.target()), &question.fields()).await;
            assert!(looks_complete(&question, &answer), "{answer:?}");
            let of = |object: &&serde_json::Value| object["host"] == name;
            assert_eq!(answer.objects().iter().filter(of).count(), 5, "{which}: {answer:?}");
            assert_eq!(answer.end()["hosts"].as_object().unwrap().len(), 1, "{which}: {answer:?}");
        }
    }
    until("the host is left", || host.seen().open.load(SeqCst) <= 4).await;
}
