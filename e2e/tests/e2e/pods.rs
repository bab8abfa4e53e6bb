//! Logs of pods, excluded files and rotated members through real programs: a primary with tokens in
//! front of two secondaries, asked with `curl`.

use crate::support::curl;
use backscroll_e2e::program::Program;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

const FILES: [&str; 7] = [
    "pods/shop_web-0_0a1b/app/0.log",
    "pods/shop_web-0_0a1b/app/1.log",
    "pods/shop_web-0_0a1b/app/1.log.20261120-101112",
    "pods/bank_web-0_2c3d/app/0.log",
    "pods/kube-system_dns_4e5f/dns/0.log",
    "app.log",
    "app.log.1",
];

struct Nodes {
    primary: Program,
    _secondaries: [Program; 2],
    tokens: BTreeMap<&'static str, String>,
    _dir: TempDir,
}

/// A host with these files; the only line of each is the host and the name.
fn node(dir: &Path, host: &str) -> Program {
    for name in FILES {
        let path = dir.join(host).join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{host} {name}\n")).unwrap();
    }
    let log_dir = dir.join(host).to_str().unwrap().to_owned();
    let args = ["--log-dir", &log_dir, "--hostname", host, "--exclude", "pods/kube-system/**"];
    Program::start("backscroll-secondary", &args).unwrap()
}

impl Nodes {
    fn start() -> Nodes {
        let dir = tempfile::tempdir().unwrap();
        let secondaries = ["n1", "n2"].map(|host| node(dir.path(), host));
        let (mut file, mut tokens) = (String::new(), BTreeMap::new());
        for (id, files) in
            [("all", "**"), ("alias", "pods/shop/**"), ("real", "pods/shop_*/**"), ("app", "app.log")]
        {
            let made = Program::output("backscroll-primary", &["token", "new", "--id", id, "--files", files])
                .unwrap();
            let text = String::from_utf8(made.stdout).unwrap();
            let (token, entry) = text.split_once('\n').unwrap();
            file.push_str(entry);
            tokens.insert(id, token.to_owned());
        }
        let token_file = dir.path().join("tokens.toml");
        std::fs::write(&token_file, file).unwrap();
        let mut args = vec!["--token-file".to_owned(), token_file.to_str().unwrap().to_owned()];
        for (host, secondary) in ["n1", "n2"].iter().zip(&secondaries) {
            args.extend(["--secondary".to_owned(), format!("{host}=http://{}", secondary.listen)]);
        }
        let primary = Program::start("backscroll-primary", &args).unwrap();
        Nodes { primary, _secondaries: secondaries, tokens, _dir: dir }
    }

    fn get(&self, id: &str, target: &str, more: &[&str]) -> String {
        let field = format!("Authorization: Bearer {}", self.tokens[id]);
        let url = format!("http://{}{target}", self.primary.listen);
        let output = curl(&[&["-H", &field, &url], more].concat());
        assert!(output.status.success(), "{target}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn a_token_sees_the_logs_of_its_pods_by_each_of_their_names() {
    let nodes = Nodes::start();
    let alias = "pods/shop/web-0/app";
    for id in ["all", "alias", "real"] {
        for hosts in ["&hostname=n1", "&hostname=n1&hostname=n?"] {
            let bare = |text: String| text.replace("n1\t", "").replace("n2\t", "");
            let get = |name: &str| bare(nodes.get(id, &format!("/logs?filename={name}{hosts}"), &[]));
            for (name, file) in [
                (alias.to_owned(), "pods/shop_web-0_0a1b/app/1.log"),
                (format!("{alias}/previous"), "pods/shop_web-0_0a1b/app/0.log"),
                ("pods/shop_web-0_0a1b/app/0.log".to_owned(), "pods/shop_web-0_0a1b/app/0.log"),
            ] {
                assert!(get(&name).contains(&format!("n1 {file}\n")), "{id} {name} {hosts}");
            }
            // Another namespace, and what is excluded, are what is not there.
            let absent = get("pods/shop/none/app").replace("shop/none/app", "NAME");
            assert!(absent.contains("not_found"), "{absent}");
            if id != "all" {
                assert_eq!(
                    get("pods/bank/web-0/app").replace("bank/web-0/app", "NAME"),
                    absent,
                    "{id} {hosts}"
                );
            }
            let dns = get("pods/kube-system/dns/dns").replace("kube-system/dns/dns", "NAME");
            assert_eq!(dns, absent, "{id} {hosts}");
        }
        let listing = nodes.get(id, "/files?hostname=n1", &[]);
        let expected = if id == "all" { 6 } else { 3 };
        assert_eq!(listing.lines().count(), expected, "{id}: {listing}");
        let json = nodes.get(id, "/files?glob=pods/shop/**", &["-H", "Accept: application/json"]);
        let entries: Vec<Value> = serde_json::from_str(&json).unwrap();
        let with_alias = entries.iter().filter(|entry| entry["alias"] == alias);
        assert_eq!((entries.len(), with_alias.count()), (6, 4), "{json}");
    }
    assert!(nodes.get("app", &format!("/logs?filename={alias}"), &[]).contains("not_found"));
}

#[test]
fn notices_come_through_a_primary() {
    let nodes = Nodes::start();
    let said = "rotated_members (1): a rotated file of this log lies next to it and was not read: ask with filename=app.log.1";
    let one = nodes.get("all", "/logs?filename=app.log&hostname=n1", &["-i"]);
    assert!(one.contains(&format!("log-notices: {said}\r\n")), "{one}");
    let trailers = nodes.get("all", "/logs?filename=app.log&hostname=n1", &["-i", "-H", "TE: trailers"]);
    assert!(trailers.contains(&format!("\nlog-notices: {said}\r\n")), "{trailers}");
    let json = ["-H", "Accept: application/x-ndjson"];
    let end = |target: &str| -> Value {
        let text = nodes.get("all", target, &json);
        serde_json::from_str::<Value>(text.lines().last().unwrap()).unwrap()["end"].clone()
    };
    let all = end("/logs?filename=app.log");
    assert_eq!(all["status"], "complete");
    for host in ["n1", "n2"] {
        assert_eq!(all["hosts"][host]["notices"][0]["code"], "rotated_members", "{all}");
    }
    assert_eq!(all["notices"][0]["count"], 2);
    assert!(all["notices"][0]["detail"].as_str().unwrap().starts_with("on 2 hosts; host n1: "), "{all}");
    // Nobody who has what it asked for is told.
    let satisfied = end("/logs?filename=app.log&n=1&hostname=n1");
    assert!(satisfied.get("notices").is_none() && satisfied["hosts"]["n1"].get("notices").is_none());
    // A token that may not see the member is not told of it.
    let narrow = nodes.get("app", "/logs?filename=app.log", &["-i"]);
    assert!(!narrow.contains("log-notices"), "{narrow}");
    for target in ["/logs?filename=app.log", "/logs?filename=app.log&hostname=n2"] {
        let browser = nodes.get("all", target, &["-H", "Accept: text/html"]);
        assert!(browser.lines().last().unwrap().starts_with("-- note: "), "{browser}");
    }
    let alias = end("/logs?filename=pods/shop/web-0/app&n=1&hostname=n*");
    assert_eq!(alias["hosts"]["n2"]["status"], "complete");
}
