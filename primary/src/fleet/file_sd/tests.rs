use super::*;

fn of(text: &str, syntax: Syntax) -> Result<Listed, String> {
    parse(text.as_bytes(), syntax, Scheme::Http, &BTreeMap::new()).map_err(|error| error.to_string())
}

fn json(text: &str) -> Result<Vec<Member>, String> {
    of(text, Syntax::Json).map(|listed| listed.members)
}

fn yaml(text: &str) -> Result<Vec<Member>, String> {
    of(text, Syntax::Yaml).map(|listed| listed.members)
}

#[test]
fn targets_are_read_with_and_without_a_name() {
    let text = r#"[
        {"targets": ["10.0.0.1:8001"], "labels": {"hostname": "web1", "job": "x", "n": 1}},
        {"labels": {}, "targets": ["[::1]:8001", "HTTP://Web3/"]},
        {"targets": []}
    ]"#;
    let found = |name: Option<&str>, url: &str| Member { name: name.map(str::to_owned), url: url.to_owned() };
    let all = [
        found(Some("web1"), "http://10.0.0.1:8001"),
        found(None, "http://[::1]:8001"),
        found(None, "http://web3"),
    ];
    assert_eq!(json(text).unwrap(), all);
    assert_eq!(yaml(&text.replace('\t', " ")).unwrap(), all, "JSON is YAML");
    let text = "# The fleet.\n- targets:\n  - 10.0.0.1:8001\n  labels:\n    hostname: web1\n    n: 1\n\n- labels: {}\n  targets: ['[::1]:8001', \"HTTP://Web3/\"]\n- targets: []\n";
    assert_eq!(yaml(text).unwrap(), all);
    assert_eq!((json("[]").unwrap(), yaml("[]").unwrap()), (vec![], vec![]));
}

#[test]
fn an_error_has_its_place_in_the_file() {
    for (text, why, place) in [
        ("", "EOF", "line 1 column 0"),
        ("[\n  {\"targets\": [\"a:1\"],}\n]", "trailing comma", "line 2"),
        ("[\n\n  {\"targets\": [\"a:1\"], \"lables\": {}}\n]", "lables", "line 3"),
        ("[\n  {\"labels\": {}}\n]", "targets", "line 2"),
        ("[\n  1\n]", "expected a target group", "line 2"),
        ("{}", "expected a list of target groups", "line 1"),
        ("[\n  {\"targets\": [\n    \"a:1\",\n    \"b\",\n    \"c:1\"]}]", "\"b\" has no port", "line 4"),
        ("[\n{\"targets\": [\"ftp://a:1\"]}]", "neither an http", "line 2"),
        ("[\n{\"targets\": [\"a:1/logs\"]}]", "path", "line 2"),
        (
            "[{\"targets\": [\"a:1\"],\n \"labels\": {\"hostname\": \"a*\"}}]",
            "\"a*\": a name holds no *",
            "line 2",
        ),
        (
            "[{\"targets\": [\"a:1\"], \"labels\": {\"hostname\": \"a\"}},\n{\"targets\": [\"b:1\"], \"labels\": {\"hostname\": \"a\"}},\n{\"targets\": []}]",
            "two URLs for one name, \"a\": http://a:1 and http://b:1",
            "line 2",
        ),
        (
            "[\n{\"targets\": [\"a:1\", \"b:1\"], \"labels\": {\"hostname\": \"a\"}},\n{}]",
            "two URLs for one name",
            "line 2",
        ),
        ("[] []", "trailing", "line 1 column 4"),
    ] {
        let error = json(text).expect_err(text);
        assert!(error.contains(why) && error.contains(place), "{text}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn an_error_of_yaml_has_its_place_in_the_file_too() {
    for (text, why, place) in [
        ("", "target groups", "line 1"),
        ("# Nothing yet.\n", "target groups", "line 1"),
        ("- targets: [a:1\n- b", "unclosed", "line 1"),
        ("- targets: [\"a:1\"]\n\n  lables: {}\n", "lables", "line 3"),
        ("- targets: [a:1]\n- labels: {}\n", "targets", "line 2"),
        ("-\n  1\n", "expected mapping", "line 2"),
        ("targets: [a:1]\n", "target groups", "line 1"),
        ("- targets:\n  - a:1\n  - b\n  - c:1\n", "\"b\" has no port", "line 3"),
        ("- targets:\n  - ftp://a:1\n", "neither an http", "line 2"),
        ("- targets: [a:1]\n  labels:\n    hostname: 'a*'\n", "\"a*\": a name holds no *", "line 3"),
        (
            "- targets: [a:1]\n  labels: {hostname: a}\n- targets: [b:1]\n  labels: {hostname: a}\n",
            "two URLs for one name, \"a\": http://a:1 and http://b:1",
            "line 3",
        ),
        ("- targets: [a:1]\n---\n- targets: [b:1]\n", "document", "line"),
        ("- targets: [a:1]\n- targets: [b:1]", "may not be whole", "line 2"),
        ("- targets:\n  - a:1\n  - b:80", "may not be whole", "line 3"),
    ] {
        let error = yaml(text).expect_err(text);
        assert!(error.contains(why) && error.contains(place), "{text}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_name_of_another_source_is_a_conflict_with_its_place() {
    let taken = BTreeMap::from([("z".to_owned(), "http://z:1".to_owned())]);
    let read = |text: &str, syntax| parse(text.as_bytes(), syntax, Scheme::Http, &taken);
    let text = "[{\"targets\": [\"a:1\"]},\n\n{\"targets\": [\"z:2\"], \"labels\": {\"hostname\": \"z\"}}]";
    for syntax in [Syntax::Json, Syntax::Yaml] {
        let error = read(text, syntax).unwrap_err().to_string();
        let why = "\"z\": http://z:1 (--secondary) and http://z:2";
        assert!(error.contains(why) && error.contains("line 3"), "{error}");
        assert!(read(&text.replace("z:2", "z:1"), syntax).is_ok());
    }
}

#[test]
fn yaml_is_told_by_the_name_of_its_file_and_json_that_is_none_says_so() {
    for (name, syntax) in [
        ("/a/fleet.yml", Syntax::Yaml),
        ("fleet.yaml", Syntax::Yaml),
        ("fleet.json", Syntax::Json),
        ("fleet", Syntax::Json),
    ] {
        assert_eq!(Syntax::of(Path::new(name)), syntax, "{name}");
    }
    let error = json("- targets: [a:1]\n").unwrap_err();
    assert!(error.contains(".yml") && error.contains("line 1"), "{error}");
}

#[test]
fn yaml_that_grows_when_it_is_read_is_refused() {
    let doubled = |n: usize| format!("- &a{n} [*a{}, *a{}]\n", n - 1, n - 1);
    let text: Vec<String> =
        std::iter::once("- &a0 {targets: [a:1]}\n".to_owned()).chain((1..40).map(doubled)).collect();
    assert!(yaml(&text.concat()).is_err());
    let text = format!("x: &a [{}]\n", "\"a:1\", ".repeat(100)) + &"- *a\n".repeat(100_000);
    assert!(yaml(&text).is_err());
}

#[test]
fn a_group_says_whether_its_targets_are_asked_over_tls() {
    let text = r#"[
        {"targets": ["a:1", "http://b:1"], "labels": {"__scheme__": "https"}},
        {"targets": ["c:1"], "labels": {"__scheme__": "HTTP"}},
        {"targets": ["d:1", "HTTPS://E:1/"]}
    ]"#;
    let urls = |scheme| -> Vec<String> {
        let members = parse(text.as_bytes(), Syntax::Json, scheme, &BTreeMap::new()).unwrap();
        members.members.into_iter().map(|member| member.url).collect()
    };
    let all = ["https://a:1", "http://b:1", "http://c:1", "http://d:1", "https://e:1"];
    assert_eq!(urls(Scheme::Http), all);
    assert_eq!(urls(Scheme::Https), [all[0], all[1], all[2], "https://d:1", all[4]]);
    let wrong = json("[{\"targets\": [\"a:1\"],\n \"labels\": {\"__scheme__\": \"ftp\"}}]").unwrap_err();
    assert!(wrong.contains("write http or https") && wrong.contains("line 2"), "{wrong}");
}

#[test]
fn labels_say_which_hosts_are_expected() {
    let text = r#"[
        {"targets": ["10.0.0.1:8001"], "labels": {"expected_hosts": "web1, web2,", "expected_count": "3"}},
        {"targets": [], "labels": {"expected_hosts": "web3", "expected_count": "2"}},
        {"targets": [], "labels": {"expected_hosts_more": "x"}}
    ]"#;
    let yaml = "- targets: [\"10.0.0.1:8001\"]\n  labels:\n    expected_hosts: web1, web2,\n    expected_count: 3\n- targets: []\n  labels: {expected_hosts: web3, expected_count: \"2\"}\n";
    let label = "the label expected_hosts of --fleet-file";
    let mut expected = Expected::default();
    expected.name(["web1", "web2", "web3"].into_iter(), label).unwrap();
    expected.at_least(3);
    for listed in [of(text, Syntax::Json), of(text, Syntax::Yaml), of(yaml, Syntax::Yaml)] {
        let listed = listed.unwrap();
        assert_eq!((listed.members.len(), listed.expected), (1, expected.clone()));
    }
    assert!(of("[{\"targets\": [\"a:1\"]}]", Syntax::Json).unwrap().expected.is_empty());
}

#[test]
fn a_label_that_is_wrong_has_its_place_in_the_file() {
    for (labels, why) in [
        (r#""expected_hosts": "a,b*""#, "the label expected_hosts: the host \"b*\": a name holds no *"),
        (r#""expected_hosts": """#, "the label expected_hosts names no host"),
        (r#""expected_hosts": " , ""#, "names no host: name one, or leave the label out"),
        (r#""expected_hosts": ["a"]"#, "expected a text"),
        (r#""expected_count": "x""#, "the label expected_count: the number \"x\": write a whole number"),
        (r#""expected_count": "-1""#, "the label expected_count: the number \"-1\""),
        (r#""expected_count": 3"#, "expected a text"),
    ] {
        let text = format!("[\n{{\"targets\": [],\n\"labels\": {{{labels}}}}}]");
        let error = of(&text, Syntax::Json).unwrap_err();
        assert!(error.contains(why) && error.contains("line 3") && !error.contains('\n'), "{error}");
    }
}
