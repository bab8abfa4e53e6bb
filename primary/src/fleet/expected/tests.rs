use super::*;
use crate::fleet::missing::What;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn flags(hosts: &[&str], count: Option<&str>) -> Result<Expected, String> {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    Expected::of_flags(&hosts, count).map_err(|error| error.to_string())
}

/// What is missing from a fleet of these hosts.
fn compared(expected: &Expected, here: &BTreeSet<String>) -> Missing {
    let mut missing = Missing::default();
    let find = |name: &str| if here.contains(name) { Found::Here } else { Found::Gone };
    expected.compare(find, here.len(), &mut missing);
    missing
}

#[test]
fn a_host_that_is_expected_and_not_there_is_missing_by_name() {
    let expected = flags(&["a", "b", "c"], Some("3")).unwrap();
    let missing = compared(&expected, &["b".to_owned(), "x".to_owned()].into());
    let names: Vec<&str> = missing.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "c"], "the number adds nothing to the names");
    let why = missing.host("a").unwrap();
    assert!(why.contains("expected (--expected-host)") && why.contains("start its secondary"), "{why}");
}

#[test]
fn hosts_that_are_missing_by_number_have_no_name() {
    let expected = flags(&["a"], Some("12")).unwrap();
    let here: BTreeSet<String> = (0..9).map(|n| format!("h{n}")).collect();
    let missing = compared(&expected, &here);
    let (name, absent) = missing.unnamed().next().unwrap();
    assert_eq!((name, absent.what, missing.host_count()), ("+2", What::Hosts(2), 3));
    let told = "12 hosts are expected, 9 are in the fleet, and 1 more are missing by name: ";
    assert!(absent.why.starts_with(told), "{}", absent.why);
    let missing = compared(&flags(&[], Some("12")).unwrap(), &here);
    let why = &missing.unnamed().next().unwrap().1.why;
    assert!(why.starts_with("12 hosts are expected, 9 are in the fleet: "), "{why}");
}

#[test]
fn hosts_for_which_the_fleet_has_no_room_are_not_missed_twice() {
    let mut missing = Missing::default();
    missing.add_hosts(3, "the fleet is full".to_owned());
    flags(&[], Some("12")).unwrap().compare(|_| Found::Gone, 9, &mut missing);
    assert_eq!((missing.iter().count(), missing.host_count()), (1, 3));
    flags(&[], Some("13")).unwrap().compare(|_| Found::Gone, 9, &mut missing);
    assert_eq!((missing.iter().count(), missing.host_count()), (2, 4));
}

#[test]
fn a_host_that_a_source_calls_otherwise_is_missing_under_its_own_name_and_counts_once() {
    let mut missing = Missing::default();
    flags(&["own"], Some("2")).unwrap().compare(|_| Found::Called("given"), 1, &mut missing);
    let why = missing.host("own").unwrap();
    assert!(why.contains("listed as given: expect given"), "{why}");
    let (name, absent) = missing.unnamed().next().unwrap();
    assert_eq!((name, absent.what), ("+1", What::Hosts(1)), "it is the one that is here");
}

#[test]
fn hosts_without_names_are_missing_however_many_are_here() {
    let here: BTreeSet<String> = (0..9).map(|n| format!("h{n}")).collect();
    let expected = parse(b"unnamed = 2\nhosts = [\"h0\"]\n").unwrap();
    let missing = compared(&expected, &here);
    let (name, absent) = missing.iter().next().unwrap();
    assert_eq!((name, absent.what, missing.host_count()), ("+2", What::Hosts(2), 2));
    assert!(absent.why.starts_with("2 hosts are expected that have no names yet"), "{}", absent.why);
    // They are some of those that a number expects.
    let mut all = flags(&[], Some("12")).unwrap();
    all.add(&expected);
    let missing = compared(&all, &here);
    assert_eq!((missing.iter().count(), missing.host_count()), (2, 3));
    assert!(!expected.is_empty() && !parse(b"unnamed = 1\n").unwrap().is_empty());
}

#[test]
fn all_sources_are_united_and_the_largest_number_holds() {
    let mut all = flags(&["a", "b"], Some("2")).unwrap();
    all.add(&parse(b"hosts = [\"b\", \"c\"]\ncount = 5\n").unwrap());
    all.add(&parse(b"count = 1\n").unwrap());
    let missing = compared(&all, &BTreeSet::new());
    let names: Vec<&str> = missing.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["+2", "a", "b", "c"]);
    assert!(missing.host("b").unwrap().contains("--expected-host"), "the first source is named");
    assert!(missing.host("c").unwrap().contains("--expected-file"));
    assert!(!all.is_empty() && Expected::default().is_empty());
}

#[test]
fn what_is_wrong_is_one_line_with_the_flag() {
    for (hosts, count, why) in [
        (&["a*"][..], None, "--expected-host: the host \"a*\": a name holds no *"),
        (&["a", "b c"], None, "--expected-host: the host \"b c\""),
        (&[], Some("x"), "--expected-count: the number \"x\": write a whole number"),
        (&[], Some("-1"), "--expected-count: the number \"-1\""),
        (&[], Some("+1"), "--expected-count: the number \"+1\""),
        (&[], Some("1.5"), "--expected-count"),
        (&[], Some("8193"), "from 0 to 8192"),
        (&[], Some("99999999999999999999999"), "--expected-count"),
    ] {
        let told = flags(hosts, count).expect_err(why);
        assert!(told.starts_with(why) || told.contains(why) && told.starts_with("--"), "{told}");
        assert!(!told.contains('\n'), "{told}");
    }
    let many: Vec<String> = (0..=EXPECTED).map(|n| format!("h{n}")).collect();
    let told = Expected::of_flags(&many, None).unwrap_err().to_string();
    assert!(told.contains("more than 8192 hosts"), "{told}");
    assert!(Expected::of_flags(&many[1..], Some("8192")).is_ok());
    assert_eq!(flags(&["", " a ", ""], Some(" 1 ")), flags(&["a"], Some("1")), "empty ones are none");
}

#[test]
fn a_file_that_is_wrong_is_one_line_that_says_where() {
    for (text, why) in [
        ("hosts = [\n\"a\",\n", "line "),
        ("count = 3\nhost = [\"a\"]", "line 2: unknown field `host`"),
        ("count = \"3\"", "line 1: invalid type"),
        ("count = 3.5", "line 1: invalid type"),
        ("count = -1\n", "the number \"-1\""),
        ("count = 8193\n", "the number \"8193\""),
        ("hosts = \"a\"", "line 1: invalid type"),
        ("hosts = [\"a\", \"b?\"]\n", "the host \"b?\": a name holds no *"),
        ("[hosts]", "line 1"),
        ("- targets: []", "line 1"),
        ("\u{0}", "line 1"),
        ("unnamed = -1\n", "the number \"-1\""),
        ("unnamed = 8193\n", "the number \"8193\""),
        ("", "it says nothing: write hosts = "),
        ("\n", "it says nothing"),
        ("# nothing\n", "it says nothing"),
        // As in a file of which the end is still to be written.
        ("count = 1", "it may not be whole: its last line does not end with a line feed"),
        ("count = 3\nhosts = []", "it may not be whole"),
    ] {
        let told = parse(text.as_bytes()).expect_err(text);
        assert!(told.starts_with(why) && !told.contains('\n'), "{text}: {told}");
    }
    assert!(parse(b"\xff").unwrap_err().starts_with("it is not UTF-8"));
    let told = parse(b"").unwrap_err();
    assert!(told.ends_with("to expect nothing, write hosts = []"), "{told}");
    for empty in ["hosts = []\n", "count = 0\n", "unnamed = 0\n", "hosts = []\ncount = 0\n"] {
        assert!(parse(empty.as_bytes()).unwrap().is_empty(), "{empty:?}");
    }
}

/// Names that need an escape, too.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-d]", "node-[0-9]", "[a-z\"\\\\#=\\[\\]{}']{1,6}", "\\+[0-9]"]
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read_and_a_part_of_it_is_not_taken(
        hosts in btree_set(name(), 0..20),
        unnamed in 0..=EXPECTED,
        cut in any::<prop::sample::Index>(),
    ) {
        let text = to_toml(hosts.iter().map(String::as_str), unnamed);
        let read = parse(text.as_bytes()).unwrap();
        prop_assert_eq!(read.hosts.into_keys().collect::<BTreeSet<_>>(), hosts);
        prop_assert_eq!((read.count, read.unnamed), (0, unnamed));
        // But for the names without the number: they are a file of their own.
        let part = &text[..text.floor_char_boundary(cut.index(text.len()))];
        prop_assert!(part.ends_with("]\n") || parse(part.as_bytes()).is_err(), "{part:?}");
    }

    #[test]
    fn what_is_missing_is_what_is_expected_without_what_is_there(
        expected in vec(name(), 0..8),
        here in btree_set(name(), 0..8),
        count in 0_usize..20,
    ) {
        let wanted: BTreeSet<&String> = expected.iter().collect();
        let all = Expected::of_flags(&expected, Some(&count.to_string())).unwrap();
        let missing = compared(&all, &here);
        // One by one, as one would count by hand.
        let named: Vec<&String> = wanted.into_iter().filter(|name| !here.contains(*name)).collect();
        let mut unnamed = 0;
        while here.len() + named.len() + unnamed < count {
            unnamed += 1;
        }
        prop_assert_eq!(missing.host_count(), named.len() + unnamed);
        prop_assert_eq!(missing.is_empty(), named.is_empty() && unnamed == 0);
        // A host that is called as the number is written stands for both.
        let clash = format!("+{unnamed}");
        for name in named {
            prop_assert!(missing.host(name).is_some() || *name == clash);
        }
        prop_assert_eq!(missing.unnamed().count(), usize::from(unnamed > 0));
    }
}
