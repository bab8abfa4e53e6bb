use super::*;

#[test]
fn keywords_decide_the_kind_of_search() {
    let filter = |keywords: &[&str]| {
        Filter::new(keywords.iter().map(|keyword| keyword.as_bytes().to_vec()).collect())
    };
    assert_eq!(filter(&[]), Ok(Filter::All));
    assert_eq!(filter(&["", ""]), Ok(Filter::All));
    assert_eq!(filter(&["a", "", "b"]), Ok(Filter::Literals(vec![b"a".to_vec(), b"b".to_vec()])));
    assert_eq!(filter(&["a\nb", ""]), Ok(Filter::AcrossLines(b"a\nb".to_vec())));
    assert_eq!(filter(&["a\nb", "c"]), Err(FilterError::LineFeedNotAlone));
    assert_eq!(filter(&["a"; 65]), Err(FilterError::TooMany { name: "keywords", given: 65 }));
    for keywords in [&[][..], &["a", "b"], &["a\n"]] {
        let given: Vec<&[u8]> = keywords.iter().map(|keyword| keyword.as_bytes()).collect();
        assert_eq!(filter(keywords).unwrap().keywords(), given);
    }
}
