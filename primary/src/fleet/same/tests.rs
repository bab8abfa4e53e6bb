use super::*;
use crate::fleet::Fleet;
use crate::host::cause::Cause;
use crate::host::health::Health;

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

/// A host, and the name that its secondary gave itself last.
type Told = (&'static str, Option<u128>, Option<&'static str>);

fn counted(hosts: &[Told]) -> usize {
    let fleet = fleet(&hosts.iter().map(|(text, instance, _)| (*text, *instance)).collect::<Vec<_>>());
    let own = |host: &Host| {
        let is_it = |(text, _, _): &&Told| text.split(['=', '@']).eq([&*host.name, &*host.url]);
        hosts.iter().find(is_it).unwrap().2
    };
    least(fleet.hosts().map(|host| (host, own(host))))
}

#[test]
fn addresses_count_by_the_names_that_their_secondaries_give_themselves() {
    for (hosts, count) in [
        // One that never answered may be another address of the first one.
        (&[("a@u", Some(1), Some("a")), ("v@v", None, None)][..], 1),
        (&[("u@u", None, None), ("v@v", None, None)], 0),
        // A name from a person is a host, and two of them are two.
        (&[("a=u", None, None), ("b=v", None, None), ("w@w", None, None)], 2),
        (&[("a=u", Some(1), Some("x")), ("b=v", Some(2), Some("x"))], 2),
        (&[("a=u", Some(1), Some("x")), ("b=v", Some(1), Some("x"))], 1),
        (&[("a=u", None, None), ("b=u", None, None)], 1),
        // One name for two secondaries is one host for the number.
        (&[("a@u", Some(1), Some("a")), ("a2@v", Some(2), Some("a"))], 1),
        (&[("a@u", Some(1), Some("a")), ("b@v", Some(2), Some("b"))], 2),
        (&[("a=u", Some(1), Some("x")), ("x@v", Some(2), Some("x"))], 1),
        // One secondary at several addresses, which also had another name before.
        (&[("a@u", Some(1), Some("a")), ("b@v", Some(1), Some("b")), ("c@w", Some(2), Some("b"))], 1),
        (&[("a@u", Some(1), Some("a")), ("b@v", Some(2), Some("b")), ("c@w", Some(1), Some("b"))], 1),
    ] {
        assert_eq!(counted(hosts), count, "{hosts:?}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test, which has no ring thread")]
fn hosts_that_are_down_count_as_what_they_were_when_they_answered_last() {
    let fleet = fleet(&[("a=u", Some(1)), ("b=v", Some(1)), ("c=w", Some(2))]);
    let count = || least(fleet.hosts().map(|host| (host, None)));
    assert_eq!(count(), 2);
    while !fleet.hosts().all(|host| host.health.is_down()) {
        for host in fleet.hosts() {
            host.health.failed_by(Cause::Refused, std::time::Instant::now());
        }
        // Failures that follow at once are one.
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!((grouped(fleet.hosts()).len(), count()), (3, 2));
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
