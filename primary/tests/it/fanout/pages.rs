//! Page after page of a fleet is the whole answer.

use super::client::get;
use super::simulated::{Entry, Fault, Simulated};
use super::{NEWEST, SECOND, asked, entries, quick, quick_of};
use crate::{Primary, primary};
use backscroll_shared::time::{LineTime, Stamp};
use fastrand::Rng;
use serde_json::Value;
use std::time::Duration;

const TARGET: &str = "/logs?filename=app.log";
const NDJSON: &str = "Accept: application/x-ndjson\r\n";

/// Records with odd times: equal ones, steps back, and none.
fn odd_entries(rng: &mut Rng, name: &str) -> Vec<Entry> {
    let (count, mut offset, mut nanos) = (rng.usize(0..40), 0, NEWEST);
    let has_times = rng.u8(0..5) > 0;
    let mut entries: Vec<Entry> = (0..count)
        .map(|number| {
            let text = format!("{number} of {name}{}", if rng.u8(0..9) == 0 { "\nmore" } else { "" });
            let at = offset;
            offset += text.len() as u64 + 1 + rng.u64(0..50);
            nanos += SECOND * rng.i64(0..4);
            let odd = if rng.u8(0..8) == 0 { rng.i64(-9..9) * SECOND } else { 0 };
            let own = LineTime { nanos: nanos + odd, offset_minutes: 0 };
            let stamp = (has_times && rng.u8(0..6) > 0).then(|| Stamp::carried(own));
            Entry { offset: at, stamp, text }
        })
        .collect();
    entries.reverse();
    entries
}

fn fleet(rng: &mut Rng) -> Vec<Simulated> {
    let hosts = rng.usize(1..6);
    let host = |number| {
        let name = format!("h{number}");
        Simulated::new(&name, odd_entries(rng, &name), Fault::None)
    };
    (0..hosts).map(host).collect()
}

/// One page: its records, and its verdict.
async fn page(primary: &Primary, rest: &str, cursor: Option<&str>) -> (Vec<Value>, Value) {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let answer = get(primary.address, &format!("{TARGET}{rest}{cursor}"), NDJSON).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut objects = answer.objects();
    let end = objects.pop().unwrap()["end"].take();
    (objects, end)
}

fn word<'e>(end: &'e Value, which: &str) -> Option<&'e str> {
    end.get(which).map(|word| word.as_str().unwrap())
}

#[tokio::test]
async fn page_after_page_is_the_whole_answer_in_its_order() {
    for seed in 0..30 {
        let mut rng = Rng::with_seed(seed);
        let fleet = fleet(&mut rng);
        let primary = asked(&fleet).await;
        let (whole, end) = page(&primary, "", None).await;
        assert_eq!((word(&end, "older"), &end["more"]), (None, &Value::Bool(false)), "seed {seed}: {end}");
        assert_eq!(end["stopped"], "exhausted", "{end}");
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let n = rng.usize(1..12);
            let (records, end) = page(&primary, &format!("&n={n}"), cursor.as_deref()).await;
            assert!(records.len() <= n && end["status"] == "complete", "seed {seed}: {end}");
            assert_eq!(end["stopped"], if records.len() == n { "n" } else { "exhausted" }, "{end}");
            all.extend(records);
            assert_eq!(all, whole[..all.len().min(whole.len())], "seed {seed}");
            for host in end["hosts"].as_object().unwrap().values() {
                assert!(host.get("older").is_none() && host.get("newer").is_none(), "{host}");
            }
            // What was newer than the first page is not on any other.
            let newer = word(&end, "newer").expect("what comes since can always be asked for");
            assert_eq!(page(&primary, "", Some(newer)).await.0, Vec::<Value>::new(), "seed {seed}");
            let Some(older) = word(&end, "older") else {
                assert_ne!(end["more"], true, "{end}");
                break;
            };
            assert_ne!(end["more"], false, "{end}");
            cursor = Some(older.to_owned());
        }
        assert_eq!(all, whole, "seed {seed}");
    }
}

/// All records of the older pages from here on, and all newer ones.
async fn all_pages(primary: &Primary, first: (Vec<Value>, Value), rng: &mut Rng) -> Vec<Value> {
    let (mut all, end) = first;
    let newer = word(&end, "newer").map(str::to_owned);
    let mut older = word(&end, "older").map(str::to_owned);
    while let Some(cursor) = older {
        let (records, end) = page(primary, &format!("&n={}", rng.usize(1..9)), Some(&cursor)).await;
        assert_eq!(end["status"], "complete", "{end}");
        all.extend(records);
        older = word(&end, "older").map(str::to_owned);
    }
    let (records, end) = page(primary, "", Some(&newer.expect("a cursor"))).await;
    assert_eq!(end["status"], "complete", "{end}");
    all.extend(records);
    all
}

fn sorted(mut records: Vec<Value>) -> Vec<String> {
    records.sort_by_key(Value::to_string);
    records.into_iter().map(|record| record.to_string()).collect()
}

#[tokio::test]
async fn a_host_that_failed_on_the_first_page_delivers_each_record_once_on_the_others() {
    for seed in 0..24 {
        let mut rng = Rng::with_seed(seed);
        let faults = [
            Fault::Down,
            Fault::Overloaded,
            Fault::Hung,
            Fault::CutAfter(rng.usize(0..20)),
            Fault::FailsAfter(rng.usize(0..20)),
            Fault::None,
        ];
        let host = |number: usize| {
            let fault = if number == 0 { Fault::None } else { *rng.choice(&faults).unwrap() };
            Simulated::new(&format!("h{number}"), entries(number, 5 + rng.usize(0..30)), fault)
        };
        let fleet: Vec<_> = (0..4).map(host).collect();
        let mut config = quick(&fleet);
        // Whether a host is down is found out anew by each request.
        config.times.health_interval = Duration::from_millis(20);
        let primary = primary(config).await;
        let n = rng.usize(1..40);
        let first = page(&primary, &format!("&n={n}"), None).await;
        for host in &fleet {
            match host.fault() {
                Fault::Down => host.rise(Fault::None),
                _ => host.set(Fault::None),
            }
        }
        // Once all of them are asked again.
        primary
            .until(&format!("{TARGET}&n=0"), |got| got.exit == 0 && !got.log.contains("log-hosts-failed"))
            .await;
        let all = sorted(all_pages(&primary, first, &mut rng).await);
        let whole = sorted(page(&primary, "", None).await.0);
        assert!(all == whole, "seed {seed}");
    }
}

#[tokio::test]
async fn once_the_time_is_over_the_pages_go_on_where_it_was() {
    for seed in 0..12 {
        let mut rng = Rng::with_seed(seed);
        let faults = [
            Fault::HungAfter(rng.usize(0..20)),
            Fault::LateAfter(rng.usize(0..20)),
            Fault::LateAfter(rng.usize(0..20)),
            Fault::None,
        ];
        let host = |number: usize| {
            let fault = if number == 0 { faults[0] } else { *rng.choice(&faults).unwrap() };
            Simulated::new(&format!("h{number}"), entries(number, 20 + rng.usize(0..20)), fault)
        };
        let fleet: Vec<_> = (0..3).map(host).collect();
        let mut config = quick(&fleet);
        let long = Duration::from_mins(1);
        (config.times.framed_idle, config.times.request) = (long, long);
        let primary = primary(config).await;
        let first = page(&primary, "&timeout=300ms", None).await;
        let end = &first.1;
        let told = (&end["status"], &end["stopped"], &end["error"]["code"]);
        assert_eq!(told, (&"partial".into(), &"timeout".into(), &"timeout".into()), "seed {seed}: {end}");
        assert_eq!(end["hosts"]["h0"]["status"], "timeout", "{end}");
        for host in &fleet {
            host.set(Fault::None);
        }
        let all = all_pages(&primary, first, &mut rng).await;
        assert_eq!(all, page(&primary, "", None).await.0, "seed {seed}");
    }
}

#[tokio::test]
async fn text_is_cut_once_the_time_is_over_and_trailers_carry_the_cursors() {
    let fleet = [Simulated::new("h0", entries(0, 9), Fault::HungAfter(5))];
    let mut config = quick(&fleet);
    (config.times.framed_idle, config.times.request) = (Duration::from_mins(1), Duration::from_mins(1));
    let primary = primary(config).await;
    for on_error in ["report", "ignore", "fail"] {
        let target = format!("{TARGET}&timeout=1s&on_error={on_error}");
        let answer = get(primary.address, &target, "").await;
        assert!(answer.status == 200 && !answer.is_whole, "{answer:?}");
        let answer = get(primary.address, &target, "TE: trailers\r\n").await;
        assert!(answer.is_whole && answer.text().lines().count() == 5, "{answer:?}");
        let field = |name: &str| answer.trailers.get(name).map(String::as_str);
        assert_eq!((field("log-status"), field("log-stopped")), (Some("partial"), Some("timeout")));
        assert!(field("log-error").unwrap().starts_with("timeout: "), "{answer:?}");
        fleet[0].set(Fault::None);
        let older = field("log-cursor-older").unwrap();
        let (records, end) = page(&primary, "", Some(older)).await;
        assert_eq!((records.len(), &end["more"]), (4, &Value::Bool(false)), "{end}");
        fleet[0].set(Fault::HungAfter(5));
    }
}

#[tokio::test]
async fn a_host_with_two_names_has_one_place() {
    let host = Simulated::new("h", entries(0, 20), Fault::None);
    let other = Simulated::new("o", entries(1, 20), Fault::None);
    let port = host.address.port();
    let hosts = [("h", host.url()), ("h-2", format!("http://localhost:{port}")), ("o", other.url())];
    let primary = primary(quick_of(&hosts)).await;
    let (mut all, end) = page(&primary, "&n=7", None).await;
    let mut older = word(&end, "older").map(str::to_owned);
    // The other name is the one that is left over.
    let hosts = [("h-2", format!("http://localhost:{port}")), ("o", other.url())];
    let primary = crate::primary(quick_of(&hosts)).await;
    while let Some(cursor) = older {
        let (records, end) = page(&primary, "&n=7", Some(&cursor)).await;
        all.extend(records);
        older = word(&end, "older").map(str::to_owned);
    }
    let lines: Vec<_> = all.iter().map(|record| record["line"].as_str().unwrap()).collect();
    let once: std::collections::BTreeSet<_> = lines.iter().collect();
    assert_eq!((lines.len(), once.len()), (40, 40), "{lines:?}");
}

#[tokio::test]
async fn a_host_that_is_out_of_the_fleet_for_a_page_keeps_its_place() {
    let host = |number| Simulated::new(&format!("h{number}"), entries(number, 20), Fault::None);
    let fleet: Vec<_> = (0..3).map(host).collect();
    let (all, few) = (asked(&fleet).await, asked(&fleet[..2]).await);
    let whole = sorted(page(&all, "", None).await.0);
    let (mut records, end) = page(&all, "&n=9", None).await;
    let mut older = word(&end, "older").map(str::to_owned);
    let mut primaries = std::iter::once(&few).chain(std::iter::repeat(&all));
    while let Some(cursor) = older {
        let (more, end) = page(primaries.next().unwrap(), "&n=9", Some(&cursor)).await;
        records.extend(more);
        assert_eq!(page(&all, "", word(&end, "newer")).await.0, Vec::<Value>::new(), "{end}");
        older = word(&end, "older").map(str::to_owned);
        // Also where it is away as one looks for what is new.
        let (_, end) = page(&few, "", word(&end, "newer")).await;
        assert_eq!(page(&all, "", word(&end, "newer")).await.0, Vec::<Value>::new(), "{end}");
    }
    assert_eq!(sorted(records), whole);
}

#[tokio::test]
async fn time_keeps_a_host_that_joins_to_its_part_on_all_pages() {
    for seed in 0..24 {
        let mut rng = Rng::with_seed(seed);
        let host = |number: usize| {
            let mut entries = entries(number, 20 + rng.usize(0..20));
            for entry in &mut entries {
                let step = if rng.u8(0..4) == 0 { rng.i64(-9..9) * SECOND } else { 0 };
                let nanos = entry.stamp.unwrap().nanos + step;
                entry.stamp = Some(Stamp::carried(LineTime { nanos, offset_minutes: 0 }));
            }
            Simulated::new(&format!("h{number}"), entries, Fault::None)
        };
        let fleet: Vec<_> = (0..3).map(host).collect();
        let first = page(&asked(&fleet[..2]).await, "&n=15", None).await;
        let primary = asked(&fleet).await;
        let (mut all, end) = first;
        let mut older = word(&end, "older").map(str::to_owned);
        let newer = page(&primary, "", word(&end, "newer")).await.0;
        while let Some(cursor) = older {
            let (records, end) = page(&primary, &format!("&n={}", rng.usize(1..9)), Some(&cursor)).await;
            assert!(end.get("range").is_none(), "{end}");
            all.extend(records);
            // All older pages lead to the same newer records.
            assert_eq!(page(&primary, "", word(&end, "newer")).await.0, newer, "seed {seed}: {end}");
            older = word(&end, "older").map(str::to_owned);
        }
        all.extend(newer);
        assert_eq!(sorted(all), sorted(page(&primary, "", None).await.0), "seed {seed}");
    }
}

#[tokio::test]
async fn a_text_without_trailers_is_continued_in_the_same_order() {
    for seed in 0..12 {
        let mut rng = Rng::with_seed(seed);
        let fleet = fleet(&mut rng);
        let primary = asked(&fleet).await;
        let (_, end) = page(&primary, "&n=9", None).await;
        let Some(older) = word(&end, "older") else { continue };
        let target = format!("{TARGET}&cursor={older}");
        let (plain, told) = (
            get(primary.address, &target, "").await,
            get(primary.address, &target, "TE: trailers\r\n").await,
        );
        assert_eq!(plain.text(), told.text(), "seed {seed}");
    }
}

#[tokio::test]
async fn the_cursor_of_a_large_fleet_travels_in_a_form() {
    let fleet: Vec<_> = (0..300)
        .map(|number| Simulated::new(&format!("host-{number:03}"), entries(number, 3), Fault::None))
        .collect();
    let primary = asked_patiently(&fleet).await;
    let (whole, _) = page(&primary, "", None).await;
    let (mut all, end) = page(&primary, "&n=450", None).await;
    let older = word(&end, "older").unwrap();
    assert!(older.len() > 8 << 10, "{}", older.len());
    // No field of a head or of trailers is that long.
    let answer = get(primary.address, &format!("{TARGET}&n=450"), "TE: trailers\r\n").await;
    assert_eq!((&*answer.trailers["log-stopped"], &*answer.trailers["log-more"]), ("n", "true"));
    assert!(!answer.trailers.contains_key("log-cursor-older"));
    let form = format!("filename=app.log&n=1000&cursor={older}");
    let request = format!(
        "POST /logs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{NDJSON}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = primary.raw(&request).await;
    let lines = answer.lines().filter(|line| line.starts_with("{\"host\""));
    all.extend(lines.map(|line| serde_json::from_str::<Value>(line).unwrap()));
    assert_eq!(all, whole);
    assert!(answer.contains("\"stopped\":\"exhausted\",\"more\":false"), "{answer}");
}

async fn asked_patiently(fleet: &[Simulated]) -> Primary {
    let mut config = quick(fleet);
    config.times.connect = Duration::from_secs(5);
    config.times.head = Duration::from_secs(5);
    config.times.framed_idle = Duration::from_secs(5);
    config.times.request = Duration::from_mins(1);
    primary(config).await
}
