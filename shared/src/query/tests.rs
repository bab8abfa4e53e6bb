use super::*;
use crate::filter::Filter;
use proptest::prelude::*;

fn secondary(query: &str) -> Result<LogQuery, Problem> {
    LogQuery::parse(query, Audience::Secondary)
}

fn refused(query: &str) -> (Code, String) {
    let problem = LogQuery::parse(query, Audience::Primary).expect_err(query);
    (problem.code(), problem.detail().to_owned())
}

#[test]
fn every_parameter_is_taken() {
    let query = LogQuery::parse(
        "hostname=a&hostname=b%2A&filename=nginx/access.log&keyword=GET+/&keyword=%FF&n=20&on_error=ignore",
        Audience::Primary,
    )
    .unwrap();
    assert_eq!(query.hostnames, ["a", "b*"]);
    assert_eq!(query.filename.as_bytes(), b"nginx/access.log");
    assert_eq!(query.filter.keywords(), [b"GET /".to_vec(), vec![0xff]]);
    assert_eq!(query.n, Some(20));
    assert_eq!(query.on_error, OnError::Ignore);
}

#[test]
fn values_are_decoded_once() {
    let query = secondary("filename=a&keyword=%2541").unwrap();
    assert_eq!(query.filter.keywords(), [b"%41".to_vec()]);
}

#[test]
fn empty_keywords_are_no_filter() {
    assert!(secondary("filename=a&keyword=&keyword").unwrap().filter.keywords().is_empty());
}

#[test]
fn bad_counts_are_refused() {
    for n in ["-1", "%2B1", "+1", "1e3", "1.0", "18446744073709551616", "", "0x10", "%EF%BC%91", "1 "] {
        let (code, detail) = refused(&format!("filename=a&n={n}"));
        assert_eq!(code, Code::BadParameter, "{n}");
        assert!(detail.starts_with("n is "), "{detail}");
    }
    assert_eq!(secondary("filename=a&n=9223372036854775808").unwrap().n, Some(1 << 63));
    assert_eq!(secondary("filename=a&n=0").unwrap().n, Some(0));
}

#[test]
fn bad_names_are_refused() {
    for name in
        ["", "/etc/passwd", "..", "a/../b", "./a", "a/.", "a//b", "a/", "a%00b", "a%0Ab", "%2e%2e/a", "a%7F"]
    {
        assert_eq!(refused(&format!("filename={name}")).0, Code::BadParameter, "{name}");
    }
    assert!(!secondary("filename=...").unwrap().filename.as_bytes().is_empty());
    assert!(secondary("filename=a/.git/b").unwrap().filename.is_hidden());
}

#[test]
fn unknown_repeated_and_missing_parameters_are_named() {
    let (code, detail) = refused("filename=a&keywrod=b");
    assert_eq!(code, Code::UnknownParameter);
    assert!(
        detail.contains("keywrod") && detail.contains(&Audience::Primary.parameters().join(", ")),
        "{detail}"
    );
    assert!(detail.contains("did you mean keyword?"), "{detail}");
    assert!(!refused("filename=a&xyz=1").1.contains("did you mean"));
    assert!(refused("file_name=a").1.contains("did you mean filename?"));
    assert!(refused("filename=a&filename=a").1.contains("filename is given twice"));
    assert!(refused("filename=a&n=1&n=1").1.contains("n is given twice"));
    assert!(refused("n=1").1.contains("filename is missing"));
    assert_eq!(secondary("filename=a&hostname=b").unwrap_err().code(), Code::UnknownParameter);
    assert_eq!(refused("filename=a&follow=true").0, Code::UnknownParameter);
}

#[test]
fn bad_percent_encodings_are_refused() {
    for query in ["filename=%", "filename=%4", "filename=%zz", "%=a", "filename=a&keyword=100%"] {
        assert_eq!(refused(query).0, Code::BadParameter, "{query}");
    }
}

#[test]
fn a_keyword_with_a_line_feed_stands_alone() {
    assert_eq!(secondary("filename=a&keyword=b%0Ac").unwrap().filter.keywords(), [b"b\nc".to_vec()]);
    assert_eq!(refused("filename=a&keyword=b%0Ac&keyword=d").0, Code::ConflictingParameters);
}

proptest! {
    #[test]
    fn a_query_survives_the_way_to_a_secondary(
        name in "[^/\u{0}-\u{1f}\u{7f}]{1,20}",
        keywords in prop::collection::vec(prop::collection::vec(1u8.., 1..20), 0..4),
        n in prop::option::of(any::<u64>()),
    ) {
        prop_assume!(name != "." && name != "..");
        let query = LogQuery {
            hostnames: Vec::new(),
            on_error: OnError::Report,
            filename: FileName::parse(name.into_bytes()).unwrap(),
            filter: Filter::new(keywords.into_iter().map(|k| k.into_iter().filter(|b| *b != b'\n').chain([b'x']).collect()).collect()).unwrap(),
            n,
            range: TimeRange::default(),
            relative: Relative::default(),
            scan: ScanMode::default(),
            timeout: None,
            cursor: None,
        };
        prop_assert_eq!(secondary(&query.for_secondary()).unwrap(), query);
    }
}

#[test]
fn what_a_client_may_write_as_it_stands_does_not_grow_on_the_way() {
    let query = format!("filename=a.log&keyword={}", "!$'()*,;:@/?x".repeat(100));
    assert_eq!(secondary(&query).unwrap().for_secondary().len(), query.len());
}

#[test]
fn a_name_of_a_host_has_a_bound() {
    assert!(host(vec![b'a'; limits::HOSTNAME_BYTES]).is_ok());
    for bad in [vec![], vec![0xff], vec![b'a'; limits::HOSTNAME_BYTES + 1]] {
        assert_eq!(host(bad).unwrap_err().code(), Code::BadParameter);
    }
}
