//! Fleets at random: a tenth of the hosts down, a tenth hung, a tenth slow, a tenth cut off.

use super::client::get;
use super::oracle::{Question, assert_right};
use super::simulated::{Entry, Fault, Simulated};
use super::{NEWEST, SECOND, quick};
use crate::primary;
use backscroll_shared::time::{LineTime, Stamp};
use fastrand::Rng;
use futures_util::StreamExt as _;
use futures_util::stream;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

const HOSTS: usize = 50;
const SEEDS: u64 = 100;
/// Seeds at once: most of their time is waiting for hosts that hang.
const AT_ONCE: usize = 16;
/// How long a host may take. One that is well takes a few milliseconds, but the machine may have
/// much else to do.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Newest first. Times are whole seconds of few minutes, so that many of them are equal.
fn log(rng: &mut Rng, host: usize) -> Vec<Entry> {
    let is_timed = rng.f32() < 0.9;
    let mut nanos = NEWEST - rng.i64(0..60) * SECOND;
    let mut entries: Vec<Entry> = (0..rng.usize(0..40))
        .map(|index| {
            let own = is_timed && rng.f32() < 0.7;
            nanos -= if own { rng.i64(0..3) * SECOND } else { 0 };
            let offset_minutes = if index % 5 == 0 { 120 } else { 0 };
            let stamp = own.then_some(Stamp::carried(LineTime { nanos, offset_minutes }));
            let second = if rng.f32() < 0.1 { format!("\nmore of {index} of {host}") } else { String::new() };
            let text = format!("record {index} of host {host}, \u{1b}[31m\"ü\"{second}");
            Entry { offset: 1 << 40 >> index, stamp, text }
        })
        .collect();
    // A line without a time has that of the nearest older one.
    let mut older = None;
    for entry in entries.iter_mut().rev() {
        match entry.stamp {
            Some(Stamp { nanos, .. }) => older = Some(nanos),
            None => entry.stamp = older.map(Stamp::inherited),
        }
    }
    entries
}

fn faults(rng: &mut Rng) -> Vec<Fault> {
    let mut faults = vec![Fault::Down; 5];
    faults.extend([Fault::Hung; 3]);
    // Each may hold up the rest in turn for as long as a host may send nothing.
    faults.extend([Fault::HungAfter(rng.usize(0..9)), Fault::HungAfter(rng.usize(0..40))]);
    faults.extend((0..5).map(|_| Fault::Slow(Duration::from_millis(rng.u64(1..20)))));
    let after = rng.usize(0..30);
    faults.extend([Fault::CutAfter(0), Fault::CutAfter(after), Fault::ResetAfter(after)]);
    faults.extend([Fault::CutInside(0), Fault::CutInside(rng.usize(0..30))]);
    faults.extend([Fault::FailsAfter(rng.usize(1..30)), Fault::Overloaded, Fault::NoFile, Fault::NoFile]);
    faults.resize(HOSTS, Fault::None);
    match rng.u8(0..10) {
        // Nothing fails.
        0 => faults.retain(|fault| !fault.is_failure()),
        // Only what shows late.
        1..4 => faults.retain(|fault| !fault.is_early()),
        // One host fails.
        4 | 5 => {
            let only = rng.usize(0..faults.len());
            let mut index = 0..;
            faults.retain(|fault| !fault.is_failure() || index.next() == Some(only % 17));
        }
        _ => {}
    }
    faults.resize(HOSTS, Fault::None);
    rng.shuffle(&mut faults);
    faults
}

fn question(rng: &mut Rng) -> Question {
    let n = match rng.u8(0..4) {
        0 => None,
        1 => Some(rng.usize(1..2000)),
        _ => Some(rng.usize(1..60)),
    };
    let on_error = rng.choice([None, Some("report"), None, Some("ignore"), Some("fail")]).unwrap();
    Question { n, ndjson: rng.bool(), on_error, trailers: rng.bool() }
}

async fn try_seed(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let fleet: Vec<Simulated> = faults(&mut rng)
        .into_iter()
        .enumerate()
        .map(|(host, fault)| Simulated::new(&format!("h{host:02}"), log(&mut rng, host), fault))
        .collect();
    let mut config = quick(&fleet);
    config.times.connect = PATIENCE;
    config.times.head = PATIENCE;
    config.times.idle = PATIENCE;
    config.times.framed_idle = PATIENCE;
    config.times.request = PATIENCE * 5;
    let primary = primary(config).await;
    // The second finds connections that are open still.
    for _ in 0..2 {
        let question = question(&mut rng);
        let answer = get(primary.address, &question.target(), &question.fields()).await;
        let checked = std::panic::catch_unwind(AssertUnwindSafe(|| assert_right(&fleet, &question, &answer)));
        assert!(checked.is_ok(), "seed {seed}, {question:?}");
    }
}

/// O2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_of_50_of_which_many_fail_is_told_as_it_is_whatever_the_seed() {
    let seeds = match std::env::var("BACKSCROLL_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..SEEDS).collect(),
    };
    let mut tried = stream::iter(seeds)
        .map(|seed| async move { (seed, tokio::spawn(try_seed(seed)).await) })
        .buffer_unordered(AT_ONCE);
    while let Some((seed, outcome)) = tried.next().await {
        assert!(outcome.is_ok(), "seed {seed} failed: BACKSCROLL_SEED={seed} tries it alone");
    }
}
