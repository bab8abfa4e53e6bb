use super::*;
use crate::fleet::Fleet;
use crate::host::health::Health;
use backscroll_shared::wire::instance::Instance;

/// `NAME=URL` is given, `NAME@URL` is not.
fn fleet(hosts: &[(&str, Option<u128>)]) -> Fleet {
    let mut healths: HashMap<String, Arc<Health>> = HashMap::new();
    let host = |(text, instance): &(&str, Option<u128>)| {
        let at = text.find(['=', '@']).unwrap();
        let (name, url) = (text[..at].to_owned(), text[at + 1..].to_owned());
        let health = healths.entry(url.clone()).or_default();
        let health = Arc::clone(health);
        if let Some(bits) = instance {
            health.answered(Instance::new(*bits));
        }
        Host { name, url, is_given: text.as_bytes()[at] == b'=', health }
    };
    hosts.iter().map(host).collect()
}

fn select(fleet: &Fleet, asked: &[&str]) -> Vec<String> {
    let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let selection = runtime.block_on(fleet.select(&asked)).unwrap();
    selection.hosts.iter().map(|host| host.name.clone()).collect()
}

#[test]
fn names_of_one_url_are_asked_once_and_each_url_is_asked() {
    for (hosts, expected) in [
        (&[("a=u", None), ("b=u", None)][..], &["a"][..]),
        (&[("a=u", None), ("b=v", None)], &["a", "b"]),
        (&[("a@u", None), ("b=u", None)], &["b"]),
        // What answered there last may be somewhere else by now.
        (&[("a=u", Some(1)), ("b=v", Some(1))], &["a", "b"]),
        (&[("a@u", Some(1)), ("b=v", Some(1)), ("c=v", Some(1)), ("d=w", Some(3))], &["a", "b", "d"]),
    ] {
        assert_eq!(select(&fleet(hosts), &[]), expected, "{hosts:?}");
        assert_eq!(select(&fleet(hosts), &["*"]), expected, "{hosts:?}");
    }
}

#[test]
fn lists_show_urls_of_one_instance_as_one_host() {
    for (hosts, expected) in [
        (&[("a=u", None), ("b=u", None)][..], &["a"][..]),
        (&[("a=u", Some(1)), ("b=v", Some(1))], &["a"]),
        (&[("a=u", Some(1)), ("b=v", Some(2))], &["a", "b"]),
        (&[("a=u", Some(1)), ("b=v", None)], &["a", "b"]),
        (&[("a@u", Some(1)), ("b=v", Some(1)), ("c=v", Some(1)), ("d=w", Some(3))], &["b", "d"]),
        (&[("a=u", Some(1)), ("b=v", Some(1)), ("c=w", Some(1))], &["a"]),
    ] {
        let fleet = fleet(hosts);
        let shown: Vec<&str> = grouped(fleet.hosts()).iter().map(|group| &*group.host.name).collect();
        assert_eq!(shown, expected, "{hosts:?}");
    }
}

#[test]
fn each_name_can_be_asked_for_by_itself() {
    let fleet = fleet(&[("a=u", Some(1)), ("b=u", Some(1)), ("c@u", Some(1)), ("d=x", Some(2))]);
    for (asked, expected) in [
        (&["b"][..], &["b"][..]),
        (&["c"], &["c"]),
        (&["c", "b"], &["b"]),
        (&["b", "a"], &["a"]),
        (&["?"], &["a", "d"]),
        (&["c*", "d"], &["c", "d"]),
    ] {
        assert_eq!(select(&fleet, asked), expected, "{asked:?}");
    }
}
