use super::*;
use backscroll_shared::query::glob::Glob;
use proptest::prelude::*;

fn parse(given: &[&str]) -> Result<Excludes, Error> {
    Excludes::parse(&given.iter().map(OsString::from).collect::<Vec<_>>())
}

/// Whether one glob excludes a file: it matches the file, or a directory above it.
fn naive(glob: &str, name: &str) -> bool {
    let itself = Glob::parse(glob.as_bytes()).unwrap().is_match(name.as_bytes());
    let (glob, is_of_dir) = match glob.strip_suffix("/**").or(glob.strip_suffix('/')) {
        Some(dir) => (dir, true),
        None => (glob, false),
    };
    let glob = Glob::parse(glob.as_bytes()).unwrap();
    let above = name.match_indices('/').map(|(at, _)| &name[..at]);
    itself || above.chain((!is_of_dir).then_some(name)).any(|name| glob.is_match(name.as_bytes()))
}

proptest! {
    #[test]
    fn a_file_is_excluded_where_a_glob_matches_it_or_a_directory_above_it(
        globs in prop::collection::vec("([ab*?]|[ab?][ab*])(/([ab*]|[ab][ab*])){0,2}(/\\*\\*|/)?|a/\\*\\*/[ab]|\\*\\*/[ab]|\\{a,b/b\\}", 1..4),
        names in prop::collection::vec("[ab]{1,2}(/[ab]{1,2}){0,3}", 1..8),
    ) {
        let excludes = parse(&globs.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        for name in &names {
            let expected = globs.iter().any(|glob| naive(glob, name));
            prop_assert_eq!(excludes.has(name.as_bytes()), expected, "{} {:?}", name, globs);
            for (at, _) in name.match_indices('/') {
                if excludes.has_all_below(&name.as_bytes()[..at]) {
                    prop_assert!(expected, "{} {:?}", name, globs);
                }
            }
        }
    }
}

#[test]
fn what_a_glob_of_a_directory_means() {
    for (glob, files, dirs) in [
        ("secret", "secret secret/a secret/b/c", "secret secret/b"),
        ("secret/", "secret/a secret/b/c", "secret secret/b"),
        ("secret/**", "secret/a secret/b/c", "secret secret/b"),
        ("secret/*", "secret/a secret/b/c", "secret/b"),
        ("*.key", "a.key x.key/a", "x.key"),
        ("**/*.key", "a.key x/a.key x.key/a", "x.key"),
        (
            "pods/shop/**",
            "pods/shop_web_1f/app/0.log pods/shop_web_1f/app/0.log.gz pods/shop/x",
            "pods/shop_web_1f",
        ),
        (
            "pods/shop/web/app",
            "pods/shop_web_1f/app/0.log pods/shop_web_1f/app/0.log.gz",
            "pods/shop_web_1f/app",
        ),
    ] {
        let excludes = parse(&[glob]).unwrap();
        let all = "secret secret/a secret/b/c secrets a.key x/a.key x.key/a pods/shop_web_1f/app/0.log \
            pods/shop_web_1f/app/0.log.gz pods/shop/x pods/shop2_web_1f/app/0.log";
        let found: Vec<&str> = all.split_whitespace().filter(|name| excludes.has(name.as_bytes())).collect();
        let expected: Vec<&str> = files.split(' ').collect();
        assert_eq!(found, expected, "{glob}");
        for dir in ["secret", "secret/b", "x.key", "pods/shop_web_1f", "pods/shop_web_1f/app", "other"] {
            let below =
                dirs.split(' ').any(|of| of == dir || dir.starts_with(&format!("{of}/")) && !of.is_empty());
            assert_eq!(excludes.has_all_below(dir.as_bytes()), below, "{glob}: {dir}");
        }
    }
}

#[test]
fn what_is_no_glob_says_why() {
    for (given, words) in [
        ("secret[", "--exclude is \"secret[\": a [ is not closed"),
        ("{a", "--exclude is \"{a\": its braces do not match"),
        ("/var/log/secret", "begins with a /"),
        ("a,b", "a comma outside of braces"),
        ("{a,b},c", "a comma outside of braces"),
    ] {
        let error = parse(&["fine", given]).unwrap_err().to_string();
        assert!(
            error.contains(words) && error.starts_with("--exclude is ") && !error.contains('\n'),
            "{error}"
        );
    }
    let many: Vec<String> = (0..40).map(|number| format!("{number}{}", "x".repeat(200))).collect();
    let error = parse(&many.iter().map(String::as_str).collect::<Vec<_>>()).unwrap_err().to_string();
    assert!(error.starts_with("--exclude: all globs together are too costly"), "{error}");
    for given in [&[][..], &["", " "], &["{a,b/**}"], &["a\\,b"]] {
        parse(given).unwrap();
    }
    assert!(parse(&["", " "]).unwrap().is_empty());
    let excludes = parse(&["{a,b/**}", "a\\,b"]).unwrap();
    for (name, expected) in [("a", true), ("b", false), ("b/x", true), ("a,b", true), ("a/x", true)] {
        assert_eq!(excludes.has(name.as_bytes()), expected, "{name}");
    }
}

#[test]
fn the_alias_of_the_run_before_is_refused_as_it_would_exclude_nothing() {
    for glob in ["pods/shop/web-0/app/previous", "pods/*/*/*/previous", "pods/shop/*/app/previous/**"] {
        let why = parse(&[glob]).unwrap_err().to_string();
        assert!(why.starts_with("--exclude is ") && why.contains("exclude nothing"), "{why}");
    }
    for glob in
        ["pods/shop/web-0/previous", "pods/shop/web-0/app/previous/x", "app/a/b/c/previous", "**/previous"]
    {
        assert!(parse(&[glob]).is_ok(), "{glob}");
    }
}
