#![allow(clippy::format_collect, reason = "the files of a test")]

use super::*;
use http::{HeaderValue, header};

fn gate(entries: &[(&str, &str)]) -> Gate {
    let file: String = entries
        .iter()
        .map(|(token, more)| {
            let digest = Digest::of(token.as_bytes());
            format!("[[token]]\nid=\"{token}\"\nsha256=\"{digest}\"\nfiles=[\"**\"]\n{more}\n")
        })
        .collect();
    Gate::new(Some(Reloaded::fixed(reader()(&[file.into_bytes()]).unwrap())))
}

fn bearer(token: &str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    if !token.is_empty() {
        fields.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    }
    fields
}

#[test]
fn without_authentication_everybody_is_let_in() {
    let gate = Gate::default();
    assert!(!gate.is_closed());
    let caller = gate.who(&bearer("anything"), None).unwrap();
    assert!(matches!(caller, Caller::Anybody) && caller.is_primary() && caller.id().is_none());
}

#[test]
fn only_a_valid_token_is_let_in() {
    let gate = gate(&[
        ("a", "hosts=[\"*\"]"),
        ("old", "hosts=[\"*\"]\nexpires=2020-01-01"),
        ("new", "hosts=[\"*\"]\nexpires=2999-01-01\nprimary=true"),
        ("web", "hosts=[\"web*\"]"),
    ]);
    let who = |token: &str| gate.who(&bearer(token), None).map(|caller| caller.id().unwrap().to_owned());
    for (token, expected) in [
        ("a", Ok("a".to_owned())),
        ("new", Ok("new".to_owned())),
        ("", Err(Denied::Missing)),
        ("b", Err(Denied::Unknown)),
        ("old", Err(Denied::Expired("old".to_owned()))),
    ] {
        assert_eq!(who(token), expected, "{token}");
    }
    // Whatever is wrong, the client is told the same.
    let told: Vec<Problem> = [
        Denied::Missing,
        Denied::Unknown,
        Denied::Malformed,
        Denied::Repeated,
        Denied::Expired("x".into()),
        Denied::OtherHost("x".into()),
    ]
    .iter()
    .map(Denied::problem)
    .collect();
    assert!(told.iter().all(|problem| *problem == told[0] && problem.code() == Code::Unauthorized));
    assert!(gate.who(&bearer("new"), None).unwrap().is_primary());
    assert!(!gate.who(&bearer("a"), None).unwrap().is_primary());
    let of_host = gate.of_host("db1");
    assert!(of_host.who(&bearer("a"), None).is_ok());
    assert_eq!(of_host.who(&bearer("web"), None).unwrap_err(), Denied::OtherHost("web".to_owned()));
}

#[test]
fn a_certificate_with_an_allowed_name_is_a_primary_and_any_other_needs_a_token() {
    let gate = gate(&[("a", "hosts=[\"*\"]")]).with_names(["backscroll-primary".to_owned()]);
    let shown = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<String>>();
    let (allowed, other) = (shown(&["x", "Backscroll-Primary"]), shown(&["x", "y"]));
    for fields in [bearer(""), bearer("wrong"), bearer("a")] {
        let caller = gate.who(&fields, Some(&allowed)).unwrap();
        assert!(caller.is_primary() && caller.id() == Some("backscroll-primary"));
    }
    assert_eq!(gate.who(&bearer(""), Some(&other)).unwrap_err(), Denied::OtherName("x, y".to_owned()));
    let refused = Denied::OtherName("x".to_owned()).problem().into_response::<bytes::Bytes>();
    assert!(refused.status() == 403 && refused.headers().contains_key(header::WWW_AUTHENTICATE));
    assert!(!gate.who(&bearer("a"), Some(&other)).unwrap().is_primary());
    assert_eq!(gate.who(&bearer("wrong"), Some(&other)).unwrap_err(), Denied::Unknown);
    assert_eq!(gate.who(&bearer(""), None).unwrap_err(), Denied::Missing);
    // Without a token file, certificates alone let in.
    let gate = Gate::default().with_names(["p".to_owned()]);
    assert!(gate.is_closed() && gate.who(&bearer("a"), None) == Err(Denied::NoCertificate));
    assert_eq!(gate.who(&bearer("a"), Some(&other)).unwrap_err(), Denied::OtherName("x, y".to_owned()));
}

impl PartialEq for Caller {
    fn eq(&self, other: &Caller) -> bool {
        self.id() == other.id()
    }
}
