//! The hosts behind one name: `--fleet-dns NAME:PORT`, all its IPv4 and IPv6 addresses, looked up
//! at an interval.
//!
//! A look-up that fails says nothing about the hosts, so the fleet stays as it was. The system's
//! resolver has time limits of its own. Only one look-up at a time is under way.

use super::HOSTS;
use super::change::Change;
use super::member::{self, BadUrl, Member, Scheme};
use super::source_states::SourceStates;
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// How soon a look-up is tried again while no address is known, so that hosts that start together
/// with the primary are found within seconds.
const RETRY_TIME: Duration = Duration::from_secs(1);

/// The most addresses of one name that are used. A fleet has fewer hosts, so the primary can say
/// how many it leaves out. One answer of DNS holds no more addresses than this.
const ADDRESSES: usize = 4 * HOSTS;

/// The value of `--fleet-dns` is not a `NAME:PORT`. The text is one line for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--fleet-dns {text:?} {why}: write NAME:PORT, as in secondaries.internal:8001")]
pub struct Error {
    text: String,
    why: BadUrl,
}

/// Checks the `NAME:PORT` of `--fleet-dns`, and gives it back as it was written: a dot at the end
/// of the name keeps the resolver from trying its search domains.
pub fn name(text: &str) -> Result<String, Error> {
    match member::of_address(Scheme::Http, text) {
        Ok(_) => Ok(text.to_owned()),
        Err(why) => Err(Error { text: text.to_owned(), why }),
    }
}

/// Reports the addresses of the name each time that they change, as URLs of this scheme.
pub(super) async fn follow(
    name: String,
    scheme: Scheme,
    interval: Duration,
    tell: mpsc::Sender<Change>,
    states: Arc<SourceStates>,
) {
    let ask = || async { lookup_host(&name).await.map(|addresses| members(scheme, addresses)) };
    follow_answers(&name, interval, tell, &states, ask).await;
}

async fn follow_answers<F: Future<Output = io::Result<Vec<Member>>>>(
    name: &str,
    interval: Duration,
    tell: mpsc::Sender<Change>,
    states: &SourceStates,
    ask: impl Fn() -> F,
) {
    let mut known = Vec::new();
    let mut failing = false;
    loop {
        let answer = ask().await.and_then(|members| {
            if members.is_empty() { Err(io::Error::other("it has no address")) } else { Ok(members) }
        });
        states.dns_failed(answer.is_err());
        match answer {
            Ok(members) => {
                if failing {
                    tracing::info!(name, hosts = members.len(), "the fleet's name is found again");
                }
                failing = false;
                if members != known {
                    known.clone_from(&members);
                    if tell.send(Change::Dns(members)).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(name, %error, "the fleet's name is not found: the hosts stay as they were");
                }
                failing = true;
            }
        }
        sleep(if known.is_empty() { RETRY_TIME.min(interval) } else { interval }).await;
    }
}

fn members(scheme: Scheme, addresses: impl Iterator<Item = SocketAddr>) -> Vec<Member> {
    let addresses: BTreeSet<SocketAddr> = addresses
        .map(|address| SocketAddr::new(address.ip().to_canonical(), address.port()))
        .take(ADDRESSES)
        .collect();
    let url = |address: &SocketAddr| member::url(scheme, &address.to_string());
    addresses.iter().map(|address| Member { name: None, url: url(address) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn hosts(addresses: &[&str]) -> Vec<Member> {
        members(Scheme::Http, addresses.iter().map(|text| text.parse().unwrap()))
    }

    #[tokio::test]
    async fn a_look_up_that_fails_keeps_what_is_known() {
        let failed = || Err(io::Error::other("no name server answers"));
        let (one, two) = (hosts(&["10.0.0.1:81"]), hosts(&["10.0.0.1:81", "10.0.0.2:81"]));
        let answers = Mutex::new(vec![
            failed(),
            Ok(one.clone()),
            Ok(one.clone()),
            failed(),
            Ok(Vec::new()),
            Ok(two.clone()),
        ]);
        let ask = || {
            let mut answers = answers.lock().unwrap();
            std::future::ready(if answers.is_empty() { failed() } else { answers.remove(0) })
        };
        let states = SourceStates::new(false, true, None);
        let (tell, mut told) = mpsc::channel(8);
        let following = follow_answers("a:1", Duration::from_millis(1), tell, &states, ask);
        let heard = async {
            for expected in [&one, &two] {
                let Some(Change::Dns(members)) = told.recv().await else { panic!("nothing was told") };
                assert_eq!(&members, expected);
            }
        };
        let heard = tokio::time::timeout(Duration::from_secs(10), heard);
        tokio::select! {
            heard = heard => heard.unwrap(),
            () = following => panic!("it has no end"),
        }
    }

    #[test]
    fn addresses_of_both_families_become_urls_each_once() {
        let given = ["[fd00::1]:81", "10.0.0.1:81", "10.0.0.1:81", "[::ffff:10.0.0.1]:81"];
        let urls: Vec<String> = members(Scheme::Http, given.iter().map(|text| text.parse().unwrap()))
            .into_iter()
            .map(|m| m.url)
            .collect();
        assert_eq!(urls, ["http://10.0.0.1:81", "http://[fd00::1]:81"]);
        assert!(urls.iter().all(|url| member::base(url).as_ref() == Ok(url)));
    }

    #[test]
    fn more_addresses_than_a_fleet_holds_are_all_told() {
        let addresses = (0..u32::try_from(HOSTS).unwrap() + 5)
            .map(|n| SocketAddr::from(((0x0a00_0000 + n).to_be_bytes(), 81)));
        assert_eq!(members(Scheme::Https, addresses).len(), HOSTS + 5);
    }

    #[test]
    fn a_name_has_a_port_and_nothing_else() {
        for text in ["a:1", "a.b.:8001", "10.0.0.1:8001", "[::1]:8001"] {
            assert_eq!(name(text).as_deref(), Ok(text));
        }
        for text in ["a", "a:", "a:0", "a:70000", ":1", "http://a:1", "a:1/x", "u@a:1", "a b:1", "::1"] {
            let error = name(text).expect_err(text).to_string();
            assert!(error.contains("--fleet-dns") && error.lines().count() == 1, "{error}");
        }
    }
}
