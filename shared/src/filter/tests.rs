use super::*;

#[test]
fn keywords_decide_the_kind_of_search() {
    let filter =
        |keywords: &[&str]| Filter::new(keywords.iter().map(|keyword| keyword.as_bytes().to_vec()).collect());
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

fn regex(text: &str) -> Filter {
    Filter::of(Conditions { regexes: vec![text.into()], ..Conditions::default() }).unwrap()
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
async fn patterns_are_compiled_on_a_thread_of_their_own_and_have_a_bound_together() {
    assert_eq!(regex("a+").compile().await, Ok(()));
    assert!(matches!(regex("a(").compile().await, Err(CompileError::Pattern(_))));
    assert!(matches!(regex("a(").check().await, Err(CompileError::Pattern(_))));
    let named = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    assert_eq!(named.filter(|name| name == "compile\n").count(), 1);

    let mut held = Vec::new();
    let busy = loop {
        let large = regex(&format!("x{{3000}}y{}", held.len()));
        match large.compile().await {
            Ok(()) => held.push(large),
            Err(error) => break error,
        }
        assert!(held.len() < 1000, "there is no bound");
    };
    assert_eq!(busy, CompileError::Busy);
    assert!(held.len() > 20, "{} requests", held.len());
    held.clear();
    // Others in this process may hold some.
    assert_eq!(regex("x{3000}").compile().await, Ok(()));
}

#[test]
fn filters_are_equal_if_they_ask_for_the_same() {
    let compiled = regex("a");
    compiled.compile_here().unwrap();
    assert_eq!(compiled, regex("a"));
    assert_ne!(compiled, regex("b"));
}
