use crate::query::{Audience, LogQuery};
use crate::wire::problem::{Code, Problem};
use http_body_util::{BodyExt as _, Full};

fn parse(query: &str) -> Result<LogQuery, Problem> {
    let query = LogQuery::parse(&format!("filename=a&{query}"), Audience::Secondary)?;
    futures_util::FutureExt::now_or_never(query.compile()).unwrap_or(Ok(()))?;
    query.filter.compile_here().map_err(super::pattern_problem)?;
    Ok(query)
}

fn encoded(text: &str) -> String {
    crate::query::as_parameter(text.as_bytes()).to_string()
}

/// The parameter, the position and the text of the 400 for a bad pattern.
fn refused(query: &str) -> (String, u64, String) {
    let problem = parse(query).expect_err(query);
    assert_eq!(problem.code(), Code::BadPattern, "{query}: {}", problem.detail());
    let body = problem.into_response::<Full<bytes::Bytes>>().into_body();
    let body = futures_util::FutureExt::now_or_never(body.collect()).unwrap().unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("{name} of {body}")).to_owned();
    (text("parameter"), body["position"].as_u64().unwrap(), text("detail"))
}

#[test]
fn a_query_with_every_filter_survives_the_way_to_a_secondary() {
    let query = "keyword=a+b&keyword=%FF&regex=x%2B%5Cd&regex=%28a%7Cb%29&exclude=c&exclude_regex=d%24&ignore_case=true";
    let query = parse(query).unwrap();
    let conditions = query.filter.conditions().unwrap();
    assert_eq!(conditions.regexes, [b"x+\\d".to_vec(), b"(a|b)".to_vec()]);
    assert!(conditions.ignore_case);
    assert_eq!(LogQuery::parse(&query.for_secondary(), Audience::Secondary).unwrap(), query);
}

#[test]
fn filters_that_ask_for_nothing_are_none() {
    for query in ["regex=&exclude=&exclude_regex=&ignore_case=true", "ignore_case=false", "keyword="] {
        assert_eq!(parse(query).unwrap().filter, crate::filter::Filter::All, "{query}");
    }
    let plain = parse("keyword=a&ignore_case=false&exclude=").unwrap().filter;
    assert!(plain.conditions().is_none(), "it takes the way of literals");
}

#[test]
fn a_bad_pattern_is_quoted_with_what_to_write_instead() {
    let cases = [
        ("regex", "a(?=b)", 1, "use exclude or exclude_regex"),
        ("regex", "ab(?<!c)", 2, "use exclude or exclude_regex"),
        ("exclude_regex", r"(a)\1", 3, "back-reference"),
        ("regex", "a[é]", 2, "put (?u) in front"),
        ("regex", r"\pL", 0, "put (?u) in front"),
        ("regex", r"(?u)\bx", 4, r"(?-u:\b)"),
        ("regex", "a\nb", 1, "line feed"),
        ("regex", r"ab\n", 2, "line feed"),
        ("regex", r"a\x0Ab", 1, "line feed"),
        ("exclude", "a\nb", 1, "line feed"),
        ("regex", "a(b", 1, "unclosed"),
        ("regex", "*", 0, "repetition"),
        ("regex", r"\w{1000}{1000}", 0, "simplify"),
        ("regex", r"(?u)\w{500}", 0, "simplify"),
    ];
    for (parameter, pattern, position, hint) in cases {
        let (named, at, detail) = refused(&format!("{parameter}={}", encoded(pattern)));
        assert_eq!((&*named, at), (parameter, position), "{pattern}: {detail}");
        assert!(detail.contains(hint), "{pattern}: {detail}");
        assert!(detail.contains(&crate::text::quoted(pattern.as_bytes())), "{detail}");
    }
    let nested = format!("regex={}", encoded(&format!("{}a{}", "(".repeat(60), ")".repeat(60))));
    assert!(refused(&nested).2.contains("more than 50"), "{nested}");
    assert_eq!(refused("regex=a%FF").1, 1);
    assert!(refused("ignore_case=true&regex=%C3%A9").2.contains("(?u)"));
    assert!(refused(&format!("regex={}", encoded("(?i)é"))).2.contains("(?u)"));
    for fine in ["regex=%C3%A9", "ignore_case=true&regex=(?u)%C3%A9", "ignore_case=true&keyword=%C3%A9"] {
        parse(fine).expect(fine);
    }
}

#[test]
fn patterns_have_bounds() {
    let many = |name: &str, of: usize| vec![format!("{name}=a"); of].join("&");
    parse(&many("regex", 16)).unwrap();
    let (parameter, _, detail) = refused(&format!("{}&{}", many("regex", 9), many("exclude_regex", 8)));
    assert_eq!(parameter, "exclude_regex");
    assert!(detail.contains("17 regular expressions"), "{detail}");
    parse(&format!("regex={}", "a".repeat(1024))).unwrap();
    let (_, position, detail) = refused(&format!("regex={}", "a".repeat(1025)));
    assert!(position == 1024 && detail.contains("1025 bytes") && detail.len() < 300, "{detail}");
    parse(&many("exclude", 64)).unwrap();
    let problem = parse(&many("exclude", 65)).unwrap_err();
    assert_eq!((problem.code(), problem.detail().contains("65 excludes")), (Code::BadParameter, true));
    // All of them together, not only each.
    let large = format!("regex={}", encoded(r"(?u)\w{16}"));
    parse(&large).unwrap();
    assert!(refused(&vec![large; 16].join("&")).2.contains("together"));
}

#[test]
fn a_keyword_with_a_line_feed_conflicts_with_every_other_filter() {
    for other in ["keyword=c", "regex=c", "exclude=c", "exclude_regex=c", "ignore_case=true"] {
        let problem = parse(&format!("keyword=a%0Ab&{other}")).unwrap_err();
        assert_eq!(problem.code(), Code::ConflictingParameters, "{other}");
        let name = other.split('=').next().unwrap();
        assert!(problem.detail().contains("keyword conflicts with"), "{}", problem.detail());
        assert!(problem.detail().contains(name), "{}", problem.detail());
    }
    parse("keyword=a%0Ab&exclude=&ignore_case=false").unwrap();
}

#[test]
fn a_flag_is_true_or_false() {
    for value in ["maybe", "1", "TRUE", ""] {
        let problem = parse(&format!("ignore_case={value}")).unwrap_err();
        assert_eq!(problem.code(), Code::BadParameter);
        assert!(problem.detail().contains("true or false"), "{}", problem.detail());
    }
    assert!(parse("ignore_case=true&ignore_case=true").unwrap_err().detail().contains("twice"));
}
