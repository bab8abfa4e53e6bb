use super::*;
use proptest::prelude::*;

fn text(name: Option<Vec<u8>>) -> Option<String> {
    name.map(|name| String::from_utf8(name).unwrap())
}

#[test]
fn a_log_of_a_container_has_an_alias() {
    for (name, expected) in [
        ("pods/shop_web-0_6f1c-4a/app/0.log", Some("pods/shop/web-0/app")),
        ("pods/shop_web-0_6f1c-4a/app/17.log", Some("pods/shop/web-0/app")),
        ("pods/kube-system_etcd-n1_0a1b2c3d/etcd/3.log", Some("pods/kube-system/etcd-n1/etcd")),
        ("pods/a_b.example_c/d/0.log", Some("pods/a/b.example/d")),
        ("pods/shop_web-0_6f1c-4a/app/0.log.20261120-101112", None),
        ("pods/shop_web-0_6f1c-4a/app/0.log.20261120-101112.gz", None),
        ("pods/shop_web-0_6f1c-4a/app/x.log", None),
        ("pods/shop_web-0_6f1c-4a/app/.log", None),
        ("pods/shop_web-0_6f1c-4a/app/+1.log", None),
        ("pods/shop_web-0_6f1c-4a/app/007.log", None),
        ("pods/shop_web-0_6f1c-4a/app/99999999999999999999.log", None),
        ("pods/shop_web-0_6f1c-4a/app/deep/0.log", None),
        ("pods/shop_web-0_6f1c-4a/0.log", None),
        ("pods/shop_web-0/app/0.log", None),
        ("pods/shop_web_0_6f1c/app/0.log", None),
        ("pods/shop__6f1c/app/0.log", None),
        ("pods/shop_web-0_/app/0.log", None),
        ("pods/Shop_web-0_6f1c/app/0.log", None),
        ("pods/shop_.web_6f1c/app/0.log", None),
        ("other/shop_web-0_6f1c/app/0.log", None),
        ("pods", None),
    ] {
        assert_eq!(text(alias(name.as_bytes())).as_deref(), expected, "{name}");
    }
}

#[test]
fn an_alias_has_one_form() {
    let parsed = |name: &'static str| Alias::parse(name.as_bytes());
    let app = parsed("pods/shop/web-0/app").unwrap();
    assert!(!app.is_previous && app.container == b"app");
    assert_eq!(app.dirs(), b"pods/shop_web-0_");
    assert!(app.is_dir(b"pods/shop_web-0_6f1c-4a") && !app.is_dir(b"pods/shop_web-0_"));
    assert!(!app.is_dir(b"pods/shop_web-0_x_y") && !app.is_dir(b"pods/shop_web-00_x"));
    let before = parsed("pods/shop/web-0/app/previous").unwrap();
    assert!(before.is_previous && before.container_alias() == b"pods/shop/web-0/app");
    assert!(parsed("pods/shop/web-0/previous").is_some_and(|alias| !alias.is_previous), "a container");
    for name in [
        "pods/shop/web-0",
        "pods/shop/web-0/app/0.log",
        "pods/shop/web-0/app/previous/previous",
        "pods/shop_a/web-0/app",
        "pods/shop/web_0/app",
        "pods/shop/.web/app",
        "pods/shop//app",
        "Pods/shop/web-0/app",
        "nginx/shop/web-0/app",
        "app.log",
    ] {
        assert_eq!(parsed(name), None, "{name}");
    }
}

proptest! {
    /// What a person would do: cut the name at slashes and underscores.
    #[test]
    fn the_way_from_a_file_to_its_alias_is_that_of_the_naive(
        name in "(pods|pod)(/[ab]{1,2}(_[ab.]{1,2}){0,3}){0,2}(/(app|[0-2]{1,2}\\.log|x)){0,3}",
    ) {
        let parts: Vec<&str> = name.split('/').collect();
        let pod: Vec<&str> = parts.get(1).map_or(Vec::new(), |part| part.split('_').collect());
        let is_pod = parts[0] == "pods" && pod.len() == 3
            && !pod[1].starts_with('.') && !pod[2].contains('.');
        let mut expected = None;
        if is_pod {
            expected = Some([&["pods", pod[0], pod[1]], &parts[2..]].concat());
        }
        prop_assert_eq!(text(readable(name.as_bytes())), expected.as_ref().map(|parts| parts.join("/")));
        let log = expected.filter(|parts| {
            parts.len() == 5
                && parts[4].strip_suffix(".log").is_some_and(|n| n.parse::<u64>().is_ok_and(|number| number.to_string() == n))
        });
        let of_log = text(alias(name.as_bytes()));
        prop_assert_eq!(&of_log, &log.map(|parts| parts[..4].join("/")));
        if let Some(of_log) = of_log
            && let Some(asked) = Alias::parse(of_log.as_bytes())
        {
            prop_assert!(asked.is_dir(parts[..2].join("/").as_bytes()));
            prop_assert_eq!(asked.container, parts[2].as_bytes());
        }
    }
}
