use super::*;
use crate::fleet::HOSTS;
use backscroll_shared::text::quoted;

fn fleet(names: &[&str]) -> Fleet {
    let url = "http://10.0.0.1:1";
    let host = |name: &&str| Host {
        name: (*name).to_owned(),
        url: format!("{url}/{name}"),
        is_given: true,
        health: Arc::default(),
    };
    names.iter().map(host).collect()
}

fn selected(fleet: &Fleet, asked: &[String]) -> Result<Vec<Arc<Host>>, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(fleet.select(asked)).map(|selection| selection.hosts)
}

fn select(fleet: &Fleet, asked: &[&str]) -> Result<Vec<String>, Problem> {
    let asked: Vec<String> = asked.iter().copied().map(str::to_owned).collect();
    selected(fleet, &asked).map(|hosts| hosts.iter().map(|host| host.name.clone()).collect())
}

#[test]
fn hosts_are_chosen_by_name_and_by_pattern_each_once() {
    let fleet = fleet(&["db1", "web1", "web1.eu", "web2", "wéb", "x@10.0.0.1:1"]);
    let all = ["db1", "web1", "web1.eu", "web2", "wéb", "x@10.0.0.1:1"];
    for (asked, expected) in [
        (&[] as &[&str], &all as &[&str]),
        (&["*"], &all),
        (&["web2", "db1", "web2"], &["db1", "web2"]),
        (&["web*"], &["web1", "web1.eu", "web2"]),
        (&["web?"], &["web1", "web2"]),
        (&["w?b"], &["wéb"]),
        (&["?????"], &[]),
        (&["*1", "web1", "web*"], &["db1", "web1", "web1.eu", "web2", "x@10.0.0.1:1"]),
        (&["**eu*"], &["web1.eu"]),
        (&["x@*"], &["x@10.0.0.1:1"]),
    ] {
        if expected.is_empty() {
            assert_eq!(select(&fleet, asked).unwrap_err().code(), Code::UnknownHost, "{asked:?}");
        } else {
            assert_eq!(select(&fleet, asked).unwrap(), expected, "{asked:?}");
        }
    }
}

#[test]
fn a_name_or_a_pattern_of_nobody_is_a_problem_that_names_it() {
    let fleet = fleet(&["web1", "web2"]);
    for nobody in [
        "WEB1",
        "Web1",
        "web1.",
        "web1 ",
        " web1",
        "web1\r\n",
        "web1\0",
        "we",
        "web11",
        "web1:80",
        "web1@web2",
        "http://web1",
        "web[12]",
        "{web1,web2}",
        "web\\1",
        "w*3",
        "web??",
        "W*",
        "",
        "web1#",
        "web1,web2",
        "!web1",
    ] {
        let problem = select(&fleet, &["web2", nobody]).expect_err(nobody);
        assert_eq!(problem.code(), Code::UnknownHost, "{nobody:?}");
        assert!(problem.detail().contains(&quoted(nobody.as_bytes())), "{}", problem.detail());
    }
}

#[test]
fn a_fleet_without_hosts_says_how_to_get_some() {
    let problem = select(&fleet(&[]), &[]).unwrap_err();
    assert_eq!(problem.code(), Code::UnknownHost);
    assert!(problem.detail().contains("--fleet-file"), "{}", problem.detail());
    assert!(select(&fleet(&[]), &["*"]).is_err());
}

#[test]
fn there_is_an_end_to_patterns_but_not_to_names() {
    let fleet = fleet(&["web1"]);
    let patterns: Vec<String> = (0..=PATTERNS).map(|n| format!("{}web1", "*".repeat(n + 1))).collect();
    assert_eq!(selected(&fleet, &patterns).unwrap_err().code(), Code::BadParameter);
    assert_eq!(selected(&fleet, &patterns[1..]).unwrap().len(), 1);
    assert_eq!(select(&fleet, &["web1"; 1000]).unwrap(), ["web1"]);
}

#[test]
fn an_unknown_name_is_told_with_what_may_have_been_meant() {
    let fleet = fleet(&["db-primary", "web1", "web2", "web3", "web4", "gateway.internal"]);
    for (asked, advice) in [
        ("WEB1", "did you mean web1"),
        ("db-pirmary", "did you mean db-primary?"),
        ("gateway", "did you mean gateway.internal?"),
        ("web1,web2", "hostname=web1&hostname=web2"),
        ("web{1,2}", "repeat hostname"),
        ("web{1,2}*", "* and ? alone"),
        ("web[12]*", "* and ? alone"),
        ("web[12]", "* and ? alone"),
        ("W*", "capital letters count"),
        ("nothing-like-it", "GET /hosts lists the names"),
        (&"x".repeat(8000), "GET /hosts lists the names"),
    ] {
        let problem = select(&fleet, &[asked]).unwrap_err();
        assert_eq!(problem.code(), Code::UnknownHost);
        assert!(problem.detail().contains(advice), "{asked}: {}", problem.detail());
        assert!(problem.detail().len() < 400, "{}", problem.detail());
    }
    let problem = select(&fleet, &["web5"]).unwrap_err();
    assert_eq!(problem.detail().matches("web").count(), 4, "a few of them: {}", problem.detail());
}

#[test]
fn an_unknown_name_may_be_one_of_those_that_are_missing() {
    let mut missing = Missing::default();
    missing.add_hosts(2, "the fleet is full".to_owned());
    let fleet = fleet(&["web1"]).with_missing(missing);
    for asked in ["db1", "db*"] {
        let problem = select(&fleet, &[asked]).unwrap_err();
        assert!(problem.detail().contains("the fleet is full"), "{}", problem.detail());
    }
}

#[tokio::test]
async fn others_go_on_while_many_patterns_are_held_against_many_names() {
    let names: Vec<String> = (0..HOSTS).map(|n| format!("{}{n:04}", "a".repeat(200))).collect();
    let fleet = fleet(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let patterns: Vec<String> = (0..PATTERNS).map(|n| format!("*{}?{n}*", "a".repeat(100))).collect();
    let turns = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            #[expect(clippy::disallowed_methods, reason = "a test of turns")]
            tokio::task::yield_now().await;
        }
    });
    fleet.select(&patterns).await.unwrap();
    other.abort();
    assert!(turns.load(std::sync::atomic::Ordering::Relaxed) > 2, "{turns:?}");
}

#[tokio::test]
async fn only_one_whole_name_is_exact_and_only_who_names_no_host_is_open() {
    let fleet = fleet(&["web1", "web2"]);
    for (asked, exact, open) in [
        (&[] as &[&str], false, true),
        (&["web1"], true, false),
        (&["web1", "web1"], true, false),
        (&["web1", "web2"], false, false),
        (&["web?"], false, true),
        (&["web1*"], false, true),
        (&["web1", "web1*"], false, true),
    ] {
        let asked: Vec<String> = asked.iter().copied().map(str::to_owned).collect();
        let selection = fleet.select(&asked).await.unwrap();
        assert_eq!((selection.exact, selection.open), (exact, open), "{asked:?}");
    }
}

/// A fleet with hosts that are expected and missing.
fn lacking(names: &[&str], lacks: &[&str]) -> Fleet {
    let mut missing = Missing::default();
    for name in lacks {
        missing.add_host(name, format!("{name} is expected"));
    }
    fleet(names).with_missing(missing)
}

async fn chosen(fleet: &Fleet, asked: &[&str]) -> Result<(Vec<String>, Vec<String>), Problem> {
    let asked: Vec<String> = asked.iter().copied().map(str::to_owned).collect();
    let selection = fleet.select(&asked).await?;
    let hosts = selection.hosts.iter().map(|host| host.name.clone()).collect();
    Ok((hosts, selection.missing.iter().map(|(name, _)| name.to_owned()).collect()))
}

#[tokio::test]
async fn what_is_missing_from_a_selection_is_what_it_names_or_matches() {
    let fleet = lacking(&["web1", "db1"], &["web2", "cache1"]);
    for (asked, hosts, missing) in [
        (&[][..], &["db1", "web1"][..], &["cache1", "web2"][..]),
        (&["*"], &["db1", "web1"], &["cache1", "web2"]),
        (&["web*"], &["web1"], &["web2"]),
        (&["*1"], &["db1", "web1"], &["cache1"]),
        (&["db*"], &["db1"], &[]),
        (&["cache?"], &[], &["cache1"]),
        (&["web1"], &["web1"], &[]),
        (&["web1", "web2"], &["web1"], &["web2"]),
        (&["cache1", "web2"], &[], &["cache1", "web2"]),
        (&["cache1", "db?"], &["db1"], &["cache1"]),
    ] {
        let (got, lacks) = chosen(&fleet, asked).await.unwrap();
        assert_eq!((got, lacks), (owned(hosts), owned(missing)), "{asked:?}");
    }
    for asked in [&["web2"][..], &["web2", "web2"]] {
        let problem = chosen(&fleet, asked).await.unwrap_err();
        assert_eq!(problem.code(), Code::UpstreamUnreachable, "{asked:?}");
        assert_eq!(problem.detail(), "host web2 is missing: web2 is expected");
    }
    for asked in [&["web3"][..], &["web2", "web3"], &["x*"], &["web*", "x*"]] {
        assert_eq!(chosen(&fleet, asked).await.unwrap_err().code(), Code::UnknownHost, "{asked:?}");
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_fleet_without_hosts_is_asked_for_those_that_are_expected() {
    let (hosts, missing) = chosen(&lacking(&[], &["web1"]), &[]).await.unwrap();
    assert_eq!((hosts, missing), (vec![], owned(&["web1"])));
    let mut missing = Missing::default();
    missing.add_source("x:1", "it has no address".to_owned());
    let problem = chosen(&fleet(&[]).with_missing(missing), &[]).await.unwrap_err();
    assert_eq!(problem.code(), Code::UnknownHost, "who should be there is not known");
}

proptest::proptest! {
    #[test]
    fn a_pattern_misses_what_it_matches_of_the_expected_hosts_that_are_not_there(
        here in proptest::collection::btree_set("[ab]{1,3}", 0..8),
        wanted in proptest::collection::btree_set("[ab]{1,3}", 0..8),
        pattern in "[ab?*]{0,3}\\*",
    ) {
        let lacks: Vec<&str> = wanted.difference(&here).map(String::as_str).collect();
        let fleet = lacking(&here.iter().map(String::as_str).collect::<Vec<_>>(), &lacks);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let got = runtime.block_on(chosen(&fleet, &[&pattern]));
        let naive = |names: &mut dyn Iterator<Item = &str>| -> Vec<String> {
            names.filter(|name| is_like(&pattern, name)).map(str::to_owned).collect()
        };
        let hosts = naive(&mut here.iter().map(String::as_str));
        let missing = naive(&mut lacks.into_iter());
        match got {
            Ok(got) => proptest::prop_assert_eq!(got, (hosts, missing)),
            Err(_) => proptest::prop_assert!(hosts.is_empty() && missing.is_empty()),
        }
    }
}

/// Whether a name is like a pattern, in the simplest way.
fn is_like(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return name.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    match (first, name.chars().next()) {
        ('*', None) => is_like(rest, name),
        ('*', Some(c)) => is_like(rest, name) || is_like(pattern, &name[c.len_utf8()..]),
        (_, None) => false,
        (first, Some(c)) => (first == '?' || first == c) && is_like(rest, &name[c.len_utf8()..]),
    }
}
