//! The verdicts on answers of several hosts, against secondaries that fail and lie.

mod browser;
pub(crate) mod client;
mod fault;
mod faults;
mod file;
mod fleet;
mod ignore;
mod large;
mod liars;
mod lies;
mod oracle;
mod pages;
mod simulated;
mod twins;

use crate::{Primary, configured, primary};
use backscroll_primary::Config;
use backscroll_shared::time::{LineTime, Stamp};
use simulated::{Entry, Fault};
use std::num::NonZero;
use std::time::{Duration, Instant};

/// Nanoseconds since 1970 of the newest records.
const NEWEST: i64 = 1_700_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

pub(crate) use simulated::Simulated;

/// A host that sends older and older records for ever.
pub(crate) fn endless(name: &str) -> Simulated {
    Simulated::new(name, entries(0, 30), Fault::Endless)
}

/// Of a fleet, with short deadlines and one thread.
fn quick(fleet: &[Simulated]) -> Config {
    let hosts: Vec<_> = fleet.iter().map(|host| (host.name(), host.url())).collect();
    quick_of(&hosts)
}

fn quick_of(hosts: &[(&str, String)]) -> Config {
    let mut config = configured(hosts);
    config.threads = NonZero::<usize>::MIN;
    config.times.connect = Duration::from_millis(300);
    config.times.head = Duration::from_millis(300);
    config.times.idle = Duration::from_millis(300);
    config.times.framed_idle = Duration::from_millis(300);
    config.times.request = Duration::from_millis(1500);
    config
}

async fn asked(fleet: &[Simulated]) -> Primary {
    primary(quick(fleet)).await
}

/// `count` records, newest first, each a second older than the one before, on the host with
/// this number among some.
fn entries(number: usize, count: usize) -> Vec<Entry> {
    (0..count)
        .map(|age| Entry {
            offset: (count - age) as u64 * 100,
            stamp: Some(Stamp::carried(LineTime {
                nanos: NEWEST - i64::try_from(age).unwrap() * SECOND + i64::try_from(number).unwrap(),
                offset_minutes: 0,
            })),
            text: format!("record {age} of host {number}"),
        })
        .collect()
}

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(5), "{what}: not within five seconds");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
