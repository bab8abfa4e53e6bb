//! What a token sees of pods' logs by their aliases: random files and globs, against an oracle.

use super::{led_to, log};
use crate::auth::RELAY;
use crate::support::Server;
use backscroll_secondary::Io;
use backscroll_shared::auth::FileGrant;
use http::HeaderValue;
use std::fmt::Write as _;

/// Directories, grants and aliases at random: the answer is that of a host on which the files that the
/// token may not see are not there.
#[test]
fn an_alias_leads_to_the_newest_of_the_files_that_a_token_may_see() {
    const NAMESPACES: [&str; 2] = ["shop", "kube-system"];
    const PODS: [&str; 2] = ["web-0", "db"];
    const UIDS: [&str; 3] = ["0a", "1b", "2c"];
    const CONTAINERS: [&str; 2] = ["app", "side"];
    const GLOBS: [&str; 14] = [
        "pods/shop/**",
        "pods/shop_*/**",
        "pods/*/web-0/*",
        "pods/*/*/app",
        "pods/shop_web-0_0a/**",
        "pods/shop_*_1b/**",
        "pods/*/*/0.log",
        "pods/*/*/1*.log",
        "pods/shop/web-0/side/*.log",
        "**/app",
        "**/0.log",
        "pods/kube-system/db/app",
        "nothing",
        "**",
    ];
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    for round in 0..12 {
        let server = Server::with(|config| config.io = if round % 2 == 0 { Io::Threads } else { Io::Auto });
        server.write("app.log", b"app.log\n");
        // The files, each with when it was written.
        let mut files: Vec<(String, u64)> = Vec::new();
        for _ in 0..rng.below(14) {
            let (namespace, pod) = (NAMESPACES[rng.below(2)], PODS[rng.below(2)]);
            let (uid, container) = (UIDS[rng.below(3)], CONTAINERS[rng.below(2)]);
            let number = [0, 1, 2, 10][rng.below(4)];
            let name = format!("pods/{namespace}_{pod}_{uid}/{container}/{number}.log");
            let age = 10 * (1 + rng.below(1000) as u64);
            if files.iter().all(|(other, of_other)| *other != name && *of_other != age) {
                files.push((name, age));
            }
        }
        for (name, age) in &files {
            log(&server, name, *age);
        }
        for _ in 0..25 {
            let globs: Vec<&str> = (0..=rng.below(2)).map(|_| GLOBS[rng.below(GLOBS.len())]).collect();
            let field: Vec<String> =
                globs.iter().map(|glob| glob.bytes().fold(String::new(), encode)).collect();
            let field = field.join(",");
            let grant = FileGrant::parse(&HeaderValue::from_str(&field).unwrap());
            let (namespace, pod) = (NAMESPACES[rng.below(2)], PODS[rng.below(2)]);
            let (container, is_previous) = (CONTAINERS[rng.below(2)], rng.below(3) == 0);
            // The oracle: of the files that are seen, by directory.
            let seen = files.iter().filter(|(name, _)| grant.sees(name.as_bytes()));
            let of_container = seen.filter_map(|(name, age)| {
                let (dir, file) = name.rsplit_once('/').unwrap();
                let (of_pod, of_container) = dir.rsplit_once('/').unwrap();
                let is_asked =
                    of_container == container && of_pod.starts_with(&format!("pods/{namespace}_{pod}_"));
                let number: u64 = file.strip_suffix(".log").unwrap().parse().unwrap();
                is_asked.then_some((dir, number, *age))
            });
            let all: Vec<(&str, u64, u64)> = of_container.collect();
            let newest_of = |dir: &str| all.iter().filter(|one| one.0 == dir).max_by_key(|one| one.1);
            let dirs = all.iter().map(|one| newest_of(one.0).unwrap());
            let chosen = dirs.min_by_key(|one| one.2).map(|one| one.0);
            let mut numbers: Vec<u64> =
                all.iter().filter(|one| Some(one.0) == chosen).map(|one| one.1).collect();
            numbers.sort_unstable_by(|one, other| other.cmp(one));
            let expected = numbers
                .get(usize::from(is_previous))
                .map(|number| format!("{}/{number}.log", chosen.unwrap()));
            let previous = if is_previous { "/previous" } else { "" };
            let target = format!("/logs?filename=pods/{namespace}/{pod}/{container}{previous}");
            let answer = server.request("GET", &target, &format!("{RELAY}backscroll-files: {field}\r\n"));
            assert_eq!(led_to(&answer), expected, "{target} {globs:?} {files:?}");
            for (name, _) in files.iter().filter(|(name, _)| !grant.sees(name.as_bytes())) {
                let told = format!("{:?} {:?} {}", answer.headers, answer.trailers, answer.text());
                assert!(!told.contains(name.as_str()), "{target} {globs:?} tells {name}");
            }
        }
    }
}

/// Appends a byte as it stands in the field of a primary.
fn encode(mut text: String, byte: u8) -> String {
    write!(text, "%{byte:02x}").unwrap();
    text
}

/// Numbers that look random, and are the same in each run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}
