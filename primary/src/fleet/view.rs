//! The part of the fleet that a token may see: a fleet of its own, without the other hosts.
//!
//! Everything that a client learns of the fleet comes from there: which hosts a request names, the
//! whole fleet, patterns, suggestions, lists, and what is missing. So nothing has to be left out
//! anywhere else, and a host that is not visible costs as much time as one that is not there.

use super::Fleet;
use super::missing::Missing;
use crate::turn::Turn;
use backscroll_shared::auth::{HostGrant, Token};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Views that are kept: of the tokens that were used last.
const VIEWS: usize = 32;

/// What is said where hosts are missing whose names are not known: some of them may be visible. How
/// many there are is not for everybody, nor is the name and address of a source.
const MISSING: &str =
    "some hosts of the fleet are not known, and this token may see some of them: see the log of the primary";

/// Views of the fleet.
#[derive(Debug, Default)]
pub struct Views(Mutex<Vec<View>>);

#[derive(Debug)]
struct View {
    token: Arc<Token>,
    /// The fleet of which it is a part.
    of: Weak<Fleet>,
    fleet: Arc<Fleet>,
}

impl Views {
    /// The part of `fleet` that this token may see. There may be many hosts and patterns, so this
    /// yields to other tasks meanwhile.
    pub async fn of(&self, fleet: Arc<Fleet>, token: &Arc<Token>) -> Arc<Fleet> {
        if token.grant.hosts.is_all() {
            return fleet;
        }
        let is_it = |view: &View| {
            Arc::ptr_eq(&view.token, token) && std::ptr::eq(view.of.as_ptr(), Arc::as_ptr(&fleet))
        };
        {
            let mut views = self.locked();
            if let Some(index) = views.iter().position(is_it) {
                // The one that was used last comes last.
                let view = views.remove(index);
                let visible = Arc::clone(&view.fleet);
                views.push(view);
                return visible;
            }
        }
        let visible = Arc::new(fleet.part(&token.grant.hosts).await);
        let view = View { token: Arc::clone(token), of: Arc::downgrade(&fleet), fleet: Arc::clone(&visible) };
        let mut views = self.locked();
        // Those of a fleet or a file that is gone first.
        views.retain(|view| view.of.strong_count() > 0 && !is_it(view));
        if views.len() >= VIEWS {
            views.remove(0);
        }
        views.push(view);
        visible
    }

    fn locked(&self) -> MutexGuard<'_, Vec<View>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fleet {
    /// The hosts of it that may be seen.
    async fn part(&self, hosts: &HostGrant) -> Fleet {
        let mut turn = Turn::begin();
        let mut visible = BTreeMap::new();
        for (name, host) in &self.hosts {
            if hosts.sees(name) {
                visible.insert(name.clone(), Arc::clone(host));
            }
            turn.step().await;
        }
        let mut missing = Missing::default();
        for (name, why) in self.missing.hosts() {
            if hosts.sees(name) {
                missing.add_host(name, Arc::clone(why));
            }
            turn.step().await;
        }
        if self.missing.unnamed().next().is_some() {
            missing.add_source("+1", MISSING);
        }
        Fleet { hosts: visible, missing: Arc::new(missing) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use backscroll_shared::auth::{NewToken, Tokens, reader};

    fn tokens(hosts: &[&[&str]]) -> Vec<Arc<Token>> {
        let (mut file, mut texts) = (String::new(), Vec::new());
        for (index, hosts) in hosts.iter().enumerate() {
            let new = NewToken {
                id: index.to_string(),
                hosts: hosts.iter().map(ToString::to_string).collect(),
                files: vec!["**".to_owned()],
                expires: None,
                is_primary: false,
                reads_metrics: false,
            };
            let (text, entry) = new.make().unwrap();
            file.push_str(&entry);
            texts.push(text);
        }
        let tokens: Tokens = reader()(&[file.into_bytes()]).unwrap();
        texts.iter().map(|text| tokens.find(text.as_bytes()).unwrap()).collect()
    }

    fn fleet(names: &[&str]) -> Arc<Fleet> {
        let hosts = names.iter().map(|name| Host {
            name: (*name).to_owned(),
            url: format!("http://{name}:1"),
            is_given: true,
            health: Arc::default(),
        });
        Arc::new(hosts.collect())
    }

    fn names(fleet: &Fleet) -> Vec<&str> {
        fleet.hosts().map(|host| &*host.name).collect()
    }

    #[tokio::test]
    async fn a_view_has_the_visible_hosts_and_follows_the_fleet() {
        let tokens = tokens(&[&["web*"], &["*"], &["db1", "x"]]);
        let views = Views::default();
        let first = fleet(&["db1", "web1", "web2"]);
        let web = views.of(Arc::clone(&first), &tokens[0]).await;
        assert_eq!(names(&web), ["web1", "web2"]);
        assert!(Arc::ptr_eq(&views.of(Arc::clone(&first), &tokens[0]).await, &web), "it is kept");
        assert!(Arc::ptr_eq(&views.of(Arc::clone(&first), &tokens[1]).await, &first), "it is all");
        assert_eq!(names(&*views.of(Arc::clone(&first), &tokens[2]).await), ["db1"]);
        drop(first);
        let second = fleet(&["db2", "web3"]);
        assert_eq!(names(&*views.of(Arc::clone(&second), &tokens[0]).await), ["web3"]);
        assert_eq!(views.locked().len(), 1, "those of the old fleet are gone");
        assert_eq!(views.of(second, &tokens[2]).await.len(), 0);
    }

    #[tokio::test]
    async fn only_so_many_views_are_kept() {
        let tokens = tokens(&vec![&["web*"][..]; VIEWS + 3]);
        let (views, fleet) = (Views::default(), fleet(&["web1"]));
        for token in &tokens {
            views.of(Arc::clone(&fleet), token).await;
        }
        assert_eq!(views.locked().len(), VIEWS);
    }

    #[tokio::test]
    async fn what_is_missing_is_said_without_its_name() {
        let mut missing = Missing::default();
        missing.add_source("db.internal:1", "db.internal:1 is gone".to_owned());
        let fleet = Arc::new(Fleet::clone(&fleet(&["web1", "db1"])).with_missing(missing));
        let tokens = tokens(&[&["web*"]]);
        let view = Views::default().of(fleet, &tokens[0]).await;
        let said = format!("{:?}", view.missing());
        assert!(said.contains("are not known") && !said.contains("db"), "{said}");
    }

    #[tokio::test]
    async fn a_view_has_the_missing_hosts_that_are_visible_and_says_nothing_of_the_others() {
        let mut missing = Missing::default();
        for name in ["web2", "db2"] {
            missing.add_host(name, "it is expected".to_owned());
        }
        let tokens = tokens(&[&["web*"], &["x"]]);
        let whole = Arc::new(Fleet::clone(&fleet(&["web1", "db1"])).with_missing(missing.clone()));
        let view = Views::default().of(Arc::clone(&whole), &tokens[0]).await;
        let hosts: Vec<(&str, &str)> = view.missing().hosts().map(|(name, why)| (name, &**why)).collect();
        assert_eq!(hosts, [("web2", "it is expected")]);
        assert_eq!(view.missing().iter().count(), 1, "{view:?}");
        assert!(Views::default().of(whole, &tokens[1]).await.missing().is_empty());
        missing.add_hosts(7, "14 hosts are expected, 7 are in the fleet".to_owned());
        let whole = Arc::new(Fleet::clone(&fleet(&["web1"])).with_missing(missing));
        let view = Views::default().of(whole, &tokens[1]).await;
        let said = format!("{:?}", view.missing());
        assert!(said.contains("are not known") && !said.contains('7') && !said.contains("14"), "{said}");
    }
}
