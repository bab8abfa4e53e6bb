//! Page after page of a fleet is the whole answer.

use super::client::{Answer, get};
use super::simulated::{Entry, Fault, Simulated};
use super::{NEWEST, SECOND, asked, quick, until};
use crate::{Primary, primary};
use backscroll_shared::time::{LineTime, Stamp};
use fastrand::Rng;
use serde_json::Value;
use std::time::{Duration, Instant};

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
    let host = |number| {
        let name = format!("h{number}");
        Simulated::new(&name, odd_entries(rng, &name), Fault::None)
    };
    (0..rng.usize(1..6)).map(host).collect()
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
