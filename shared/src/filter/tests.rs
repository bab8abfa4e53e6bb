use super::*;
use crate::limits;

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

#[test]
fn sets_of_literals_take_no_more_than_the_room() {
    let excludes = |count: usize, len: usize| {
        let byte = |at, i| u8::try_from((i * 7 + at * 13 + i * i * at) % 200).unwrap() + 20;
        let one = |at: usize| (0..len).map(|i| byte(at, i)).collect();
        let excludes = (0..count).map(one).collect::<Vec<Vec<u8>>>();
        let conditions = Conditions { keywords: vec![b"a".to_vec()], excludes, ..Conditions::default() };
        compiled::Compiled::new(&conditions).map(|compiled| (compiled.size(), compiled.parts.len()))
    };
    let (few, _) = excludes(64, 8).unwrap();
    assert!(few > 0, "the tables count");
    let (together, parts) = excludes(64, 30).unwrap();
    assert!(
        (1..=limits::COMPILED_BYTES).contains(&together) && parts == 2,
        "{together} bytes, {parts} parts"
    );
    assert_eq!(excludes(64, 1000).unwrap(), (0, 65));
}

#[test]
fn large_classes_of_unicode_are_not_folded_again_and_again() {
    let parse = |pattern: &str| syntax::parse("regex", pattern.as_bytes(), false).map(drop);
    for fine in [r"(?iu)[^a]é\w[\w-]\PL", r"(?u)[\x{0}-\x{10ffff}][^a]\PL\PL\PL[\PL]", r"(?iu)[[a-z]&&[^x]]"]
    {
        parse(fine).unwrap();
    }
    for slow in [r"\PL\PL\PL", r"[\x{0}-\x{10ffff}][\x{1}-\x{10ffff}][\x{2}-\x{10ffff}]", "[[[[^a]]]]"] {
        let error = parse(&format!("(?iu){slow}")).unwrap_err();
        assert!(error.to_string().contains("too large to be taken in any case"), "{error}");
    }
}
