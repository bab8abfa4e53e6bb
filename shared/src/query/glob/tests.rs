use super::*;
use globset::GlobBuilder;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn is_match(glob: &str, name: &str) -> bool {
    Glob::parse(glob.as_bytes()).unwrap_or_else(|error| panic!("{glob}: {error}")).is_match(name.as_bytes())
}

#[test]
fn what_each_character_stands_for() {
    for (glob, yes, no) in [
        ("app.log", &["app.log"][..], &["app_log", "app.log.1", "a/app.log", ""][..]),
        ("*.log", &["a.log", ".log"], &["a/b.log", "a.log.1"]),
        ("**/*.log", &["a.log", "x/a.log", "x/y/z/a.log"], &["a.txt", "x/a.log/y"]),
        ("nginx/**", &["nginx/a", "nginx/a/b"], &["nginx", "nginx2/a", "a/nginx/b"]),
        ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a/xb", "a/b/c"]),
        ("**", &["a", "a/b/c"], &[]),
        ("**/**", &["a", "a/b/c"], &[]),
        ("a**b", &["ab", "axxb"], &["a/b"]),
        ("a/*{,x}*", &["a/b", "a/x"], &["a/b/c"]),
        ("?og", &["log", "dog"], &["og", "/og", "ology"]),
        ("[a-c0]*", &["a", "b1", "0x"], &["d", "-"]),
        ("[!a-c]", &["d", "-"], &["a", "/", ""]),
        ("[]a]", &["]", "a"], &["b"]),
        ("[a-]", &["a", "-"], &["b"]),
        ("x[[:digit:]_]", &["x1", "x_"], &["xa"]),
        ("app-{1,2{3,4}}.log", &["app-1.log", "app-23.log", "app-24.log"], &["app-2.log", "app-.log"]),
        ("app{,.1}.log", &["app.log", "app.1.log"], &["app.2.log"]),
        ("{a/**,b}", &["a/x/y", "b"], &["a", "b/x"]),
        ("\\*\\{", &["*{"], &["x{"]),
        ("ä?", &["äx"], &["ä"]),
    ] {
        for (names, expected) in [(yes, true), (no, false)] {
            for name in names {
                assert_eq!(is_match(glob, name), expected, "{glob} {name}");
            }
        }
    }
    assert!(Glob::parse(b"\xff*").unwrap().is_match(b"\xff\xfe"));
}

#[test]
fn what_is_no_glob_says_why() {
    for (glob, error) in [
        ("[a", GlobError::OpenClass),
        ("[", GlobError::OpenClass),
        ("[z-a]", GlobError::EmptyRange('z', 'a')),
        ("[ä]", GlobError::WideClass),
        ("{a", GlobError::OddBraces),
        ("a}", GlobError::OddBraces),
        ("a\\", GlobError::LoneBackslash),
        (&"x".repeat(STATES), GlobError::TooCostly),
        (&"{a,b}".repeat(11), GlobError::TooCostly),
        (&"{,}".repeat(64), GlobError::TooCostly),
        (&"{}".repeat(65), GlobError::TooCostly),
        (&"{".repeat(9), GlobError::TooCostly),
    ] {
        assert_eq!(Glob::parse(glob.as_bytes()).unwrap_err(), error, "{glob}");
    }
    assert!(is_match(&"x".repeat(STATES - 1), &"x".repeat(STATES - 1)));
    assert!(refusal("glob", b"[a", &GlobError::OpenClass).starts_with("glob is \"[a\": a [ is not closed"));
}

/// The time is generous. Still, a matcher that follows states one by one, or backtracks, needs far
/// more.
#[test]
fn no_glob_takes_long_for_a_name() {
    let branches = |from: usize, to: usize| {
        let branch = |k: usize| format!("**/*[a-f]{}z", "?".repeat(k));
        format!("{{{}}}", (from..to).map(branch).collect::<Vec<_>>().join(","))
    };
    let name = "production/".to_owned() + &"abcdef0123456789".repeat(15);
    for glob in [branches(1, 38), branches(60, 72), "*a".repeat(300), "**/*/".repeat(200), "?*".repeat(400)] {
        let glob = Glob::parse(glob.as_bytes()).unwrap();
        let began = Instant::now();
        for _ in 0..1000 {
            std::hint::black_box(glob.is_match(name.as_bytes()));
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?} for a thousand names", began.elapsed());
    }
}

fn part() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec!["a", "b", "*", "?", "[ab]", "[!a]", "{a,b*}", "{,ab,{a,?}}", "ab"]);
    prop_oneof![1 => Just("**".to_owned()), 3 => prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn it_matches_what_regular_expressions_would(
        mut parts in prop::collection::vec(part(), 1..5),
        names in prop::collection::vec("[ab/]{0,9}", 1..30),
    ) {
        parts.dedup();
        let glob = parts.join("/");
        // Two stars from two branches differ from `**` only next to a slash.
        prop_assume!(parts.iter().all(|part| part == "**" || !part.contains("**")));
        let theirs = GlobBuilder::new(&glob).literal_separator(true).empty_alternates(true).build().unwrap();
        let theirs = theirs.compile_matcher();
        let own = Glob::parse(glob.as_bytes());
        prop_assume!(!matches!(own, Err(GlobError::TooCostly)));
        let own = own.unwrap();
        for name in names {
            prop_assert_eq!(own.is_match(name.as_bytes()), theirs.is_match(&name), "{} {}", &glob, &name);
            for (at, _) in name.match_indices('/') {
                let below = own.may_match_below(&name.as_bytes()[..at]);
                prop_assert!(below || !own.is_match(name.as_bytes()), "{} below {}", &glob, &name[..at]);
            }
        }
    }
}
