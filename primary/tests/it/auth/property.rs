//! Fleets, files and grants at random. An answer mentions nothing that its token may not see, and is
//! the answer of the same fleet without it.

#![expect(
    clippy::similar_names,
    clippy::format_collect,
    reason = "a ring of tokens, and a seed; texts of a test"
)]

use super::{Ring, Shelf, closed};
use crate::expected::expected;
use crate::fanout::client::{Answer, Fields, request};
use crate::{configured, primary, without_latency};
use backscroll_primary::Config;
use fastrand::Rng;
use std::collections::BTreeSet;

const SEEDS: u64 = 25;

/// No name is a part of another one, or of a text of the program.
const HOSTS: [&str; 6] = ["qweb-a", "qweb-b", "qweb-c", "qdb-a", "qdb-b", "qcache"];
const FILES: [&str; 6] =
    ["zapp.log", "zsecret.log", "znginx/err.log", "znginx/acc.log", "zpg/main.log", "zpg/old.log"];
const HOST_PATTERNS: [&str; 8] = ["qweb-?", "qdb-*", "*-a", "qcache", "qweb-b", "*a*", "nothing", "*"];
const FILE_GLOBS: [&str; 8] =
    ["zapp.log", "znginx/*", "zpg/**", "**/*.log", "{zsecret,zapp}.log", "*/main.log", "nothing", "**"];

fn some<'a>(rng: &mut Rng, all: &[&'a str], most: usize) -> Vec<&'a str> {
    (0..rng.usize(1..=most)).map(|_| *rng.choice(all).unwrap()).collect()
}

/// A request at random: method, target, fields.
fn question(rng: &mut Rng) -> (&'static str, String, &'static str) {
    let method = if rng.u8(0..6) == 0 { "HEAD" } else { "GET" };
    let hostname = |rng: &mut Rng| match rng.u8(0..8) {
        0 => rng.choice(["qweb-x", "qdb", "qweb-aa", "QCACHE"]).unwrap(),
        1 | 2 => *rng.choice(&HOST_PATTERNS).unwrap(),
        _ => *rng.choice(&HOSTS).unwrap(),
    };
    let hostnames: String = (0..rng.usize(0..3)).map(|_| format!("hostname={}&", hostname(rng))).collect();
    let target = match rng.u8(0..10) {
        0 => "/hosts".to_owned(),
        1 => "/".to_owned(),
        2..5 => {
            let glob = *rng.choice(&["", "glob=**", "glob=zpg/*", "glob=*.log"]).unwrap();
            format!("/files?{hostnames}{glob}")
        }
        _ => {
            let all: Vec<&str> = FILES.into_iter().chain(["zabsent.log", "zpg"]).collect();
            let file = rng.choice(&all).unwrap();
            let more = rng.choice(["", "&n=2", "&n=0", "&on_error=fail", "&on_error=ignore"]).unwrap();
            format!("/logs?{hostnames}filename={file}{more}")
        }
    };
    let target = target.trim_end_matches(['&', '?']).to_owned();
    let fields = match (target.starts_with("/logs"), rng.u8(0..4)) {
        (_, 0) => "TE: trailers\r\n",
        (true, 1) => "Accept: application/x-ndjson\r\n",
        (true, 2) => "Accept: application/x-ndjson\r\nTE: trailers\r\n",
        (false, 1 | 2) if target.starts_with("/files") => "Accept: application/json\r\n",
        _ => "",
    };
    (method, target, fields)
}

/// All that the answer says but what may differ.
fn said(answer: &Answer) -> (u16, bool, Fields, String, Fields) {
    let without = |fields: &Fields| {
        let mut fields = fields.clone();
        for name in
            ["date", "log-hosts-visible", "retry-after", "content-length", "x-request-id", "server-timing"]
        {
            fields.remove(name);
        }
        fields
    };
    let body = without_latency(&answer.text().replace(",\"hosts_visible\":\"part\"", ""));
    (answer.status, answer.is_whole, without(&answer.fields), body, without(&answer.trailers))
}

async fn try_seed(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut hosts = Vec::new();
    for name in HOSTS {
        if rng.u8(0..4) > 0 {
            let files: Vec<&str> = FILES.into_iter().filter(|_| rng.bool()).collect();
            hosts.push((name, files.clone(), Shelf::new(&files).await));
        }
    }
    // Nothing listens here. It is not visible, so no answer may depend on it.
    let gone = "http://127.0.0.1:1".to_owned();
    let (host_patterns, globs) = (some(&mut rng, &HOST_PATTERNS[..7], 2), some(&mut rng, &FILE_GLOBS, 2));
    let ring = Ring::default().with("t", &host_patterns, &globs, "");
    let tokens = ring.tokens();
    let token = tokens.find(ring.texts["t"].as_bytes()).unwrap();
    let all: Vec<(&str, &Shelf)> = hosts.iter().map(|(name, _, shelf)| (*name, shelf)).collect();
    let mut config = closed(&all, &ring);
    config.fleet.fixed.extend(configured(&[("zzz-gone", gone)]).fleet.fixed);
    // Some of them are there. Of the others, each is missing from the answers for those who see it.
    let wanted: Vec<&str> = HOSTS.into_iter().filter(|_| rng.bool()).collect();
    config.fleet.expected = expected(&[&wanted[..], &["zzz-lost"]].concat(), 0);
    let part = primary(config).await;
    let visible: Vec<_> = hosts.iter().filter(|(name, ..)| token.grant.hosts.sees(name)).collect();
    let urls: Vec<(&str, String)> = visible.iter().map(|(name, _, shelf)| (*name, shelf.url())).collect();
    let mut config = Config { allowed_hosts: None, ..configured(&urls) };
    let seen: Vec<&str> = wanted.into_iter().filter(|name| token.grant.hosts.sees(name)).collect();
    config.fleet.expected = expected(&seen, 0);
    let alone = primary(config).await;
    for _ in 0..30 {
        let (method, target, fields) = question(&mut rng);
        let told = request(part.address, method, &target, &format!("{}{fields}", ring.field("t"))).await;
        // The same hosts, with the visible files alone.
        for (_, files, shelf) in &hosts {
            let seen = files.iter().filter(|name| token.grant.files.sees(name.as_bytes()));
            *shelf.files.lock().unwrap() = seen.map(ToString::to_string).collect();
        }
        let expected = request(alone.address, method, &target, fields).await;
        for (_, files, shelf) in &hosts {
            *shelf.files.lock().unwrap() = files.iter().map(ToString::to_string).collect();
        }
        let context = format!("seed {seed}: {host_patterns:?} {globs:?} {method} {target} {fields}");
        assert_eq!(said(&told), said(&expected), "{context}");
        let bytes = format!("{:?} {} {:?}", told.fields, told.text(), told.trailers);
        let hidden_hosts =
            HOSTS.into_iter().chain(["zzz-gone", "zzz-lost"]).filter(|name| !token.grant.hosts.sees(name));
        let hidden_files = FILES.into_iter().filter(|name| !token.grant.files.sees(name.as_bytes()));
        for name in hidden_hosts.chain(hidden_files).collect::<BTreeSet<_>>() {
            // What the request itself says may be repeated.
            assert!(target.contains(name) || !bytes.contains(name), "{context} mentions {name}: {bytes}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_that_of_the_fleet_without_what_the_token_may_not_see_whatever_the_seed() {
    let seeds = match std::env::var("BACKSCROLL_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..SEEDS).collect(),
    };
    for seed in seeds {
        try_seed(seed).await;
    }
}
