#![expect(clippy::format_collect, reason = "the files of a test")]

use super::*;
use proptest::prelude::*;

const SHA: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn read(text: &str) -> Result<Tokens, String> {
    reader()(&[text.as_bytes().to_vec()])
}

fn entry(more: &str) -> String {
    format!("[[token]]\nid = \"ci\"\nsha256 = \"{SHA}\"\nhosts = [\"*\"]\nfiles = [\"**\"]\n{more}\n")
}

#[test]
fn a_token_is_found_by_its_digest() {
    // The digest above is that of these three letters (FIPS 180-2, appendix B.1).
    let tokens = read(&entry("requests = 7\nprimary = true")).unwrap();
    let token = tokens.find(b"abc").unwrap();
    assert_eq!((&*token.id, token.requests, token.is_primary), ("ci", 7, true));
    assert!(token.expires.is_none() && token.grant.hosts.is_all() && token.grant.files.field().is_none());
    assert!(tokens.find(b"abd").is_none() && tokens.find(b"").is_none());
    assert!(read("").unwrap().is_empty() && read("# none yet\n").unwrap().find(b"abc").is_none());
    assert!(!format!("{tokens:?}").contains("ba78"), "a digest is in no log");
}

#[test]
fn a_token_may_expire() {
    for (written, expected) in [
        ("2027-01-31", "2027-01-31T00:00:00Z"),
        ("\"2027-01-31\"", "2027-01-31T00:00:00Z"),
        ("2027-01-31T18:00:00+02:00", "2027-01-31T16:00:00Z"),
        ("\"2027-01-31 18:00:00Z\"", "2027-01-31T18:00:00Z"),
    ] {
        let tokens = read(&entry(&format!("expires = {written}"))).unwrap();
        assert_eq!(tokens.find(b"abc").unwrap().expires, Some(expected.parse().unwrap()), "{written}");
    }
    for written in ["2027-01-31T18:00:00", "\"soon\"", "18:00:00", "\"\""] {
        let why = read(&entry(&format!("expires = {written}"))).unwrap_err();
        assert!(why.contains("write a date or a time with its zone"), "{written}: {why}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let two = format!("{}{}", entry(""), entry(""));
    let same = format!("{}{}", entry(""), entry("").replace("\"ci\"", "\"x\""));
    let many = format!("[{}]", vec!["\"a\""; PATTERNS + 1].join(","));
    let long = format!("[\"{}\"]", "a".repeat(PATTERN_BYTES + 1));
    let large = format!("[{}]", vec![format!("\"{}\"", "a".repeat(PATTERN_BYTES)); 17].join(","));
    for (text, expected) in [
        ("[[token]]\nid = \"ci\"\n", "line 1: missing field `sha256`"),
        ("[[tokens]]\n", "line 1: unknown field `tokens`"),
        (&entry("host = \"x\""), "line 6: unknown field `host`"),
        (&entry("requests = 0"), "line 1: requests of the token ci"),
        (&entry("requests = -1"), "line 6: invalid value"),
        (&entry("requests = 4097"), "from 1 to 4096"),
        (&entry("").replace("\"*\"", ""), "hosts of the token ci: it is empty: write [\"*\"] for all"),
        (&entry("").replace("\"**\"", ""), "files of the token ci: it is empty: write [\"**\"] for all"),
        (&entry("").replace("\"**\"", "\"{\""), "token ci: files is \"{\": its braces do not match"),
        (&entry("").replace("[\"*\"]", &many), "it has 65 patterns"),
        (&entry("").replace("[\"**\"]", &long), "write 1 to 256 bytes"),
        (&entry("").replace("[\"**\"]", &large), "more than 4096 bytes"),
        (&entry("").replace("\"ci\"", "\"a b\""), "the id \"a b\""),
        (&entry("").replace("ba78", "ba7"), "sha256 of the token ci: write the 64 digits"),
        (&entry("").replace("ba78", "xx78"), "sha256 of the token ci"),
        (&two, "line 7: a second token with the id ci"),
        (&same, "line 7: the token x is also that of another entry"),
        ("[[token]\n", "line 1: "),
    ] {
        let why = read(text).unwrap_err();
        assert!(why.contains(expected) && !why.contains('\n'), "{text}: {why}");
    }
    assert_eq!(reader()(&[b"\xff".to_vec()]).unwrap_err(), "it is not UTF-8");
    let crowd: String = (0..=TOKENS)
        .map(|n| format!("[[token]]\nid=\"{n}\"\nsha256=\"{n:064}\"\nhosts=[\"*\"]\nfiles=[\"**\"]\n"))
        .collect();
    assert!(read(&crowd).unwrap_err().contains("it has 1025 tokens"));
}

#[test]
fn globs_of_all_tokens_together_have_a_bound() {
    let glob = |n: usize| format!("{n}{}", "{a,b}".repeat(7));
    let crowd: String = (0..512)
        .map(|n| {
            format!("[[token]]\nid=\"{n}\"\nsha256=\"{n:064}\"\nhosts=[\"*\"]\nfiles=[\"{}\"]\n", glob(n))
        })
        .collect();
    assert!(read(&crowd).unwrap_err().contains("too costly"));
}

#[test]
fn what_a_caller_uses_is_counted_on_when_the_file_is_read_again() {
    let mut read = reader();
    let bytes = [entry("requests = 1").into_bytes()];
    let before = read(&bytes).unwrap().find(b"abc").unwrap();
    let one = before.usage.request(before.requests).unwrap();
    let after = read(&bytes).unwrap().find(b"abc").unwrap();
    assert!(after.usage.request(after.requests).is_none());
    drop(one);
    assert!(after.usage.request(after.requests).is_some());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(text in "(\\[\\[token\\]\\]\n|id|sha256|=|\"|[a-z0-9{}*\\[\\]\n\\\\ ]){0,40}", bytes: Vec<u8>) {
        let _ = read(&text);
        let _ = reader()(&[bytes]);
    }

    #[test]
    fn each_token_is_found_wherever_it_stands(count in 1usize..40, which in any::<prop::sample::Index>()) {
        let file: String = (0..count)
            .map(|n| format!("[[token]]\nid=\"{n}\"\nsha256=\"{}\"\nhosts=[\"*\"]\nfiles=[\"**\"]\n", Digest::of(n.to_string().as_bytes())))
            .collect();
        let tokens = read(&file).unwrap();
        let n = which.index(count).to_string();
        prop_assert_eq!(&tokens.find(n.as_bytes()).unwrap().id, &n);
        prop_assert!(tokens.find(count.to_string().as_bytes()).is_none());
    }
}
