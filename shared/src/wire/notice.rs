//! What is worth knowing of a complete answer: notices beside the verdict.

use super::code::{Code, Word};
use super::headers;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

/// Notices of one host at most: a secondary has two kinds.
pub const NOTICES: usize = 2;

/// Bytes of the text of one: two names of files, and some words. Longer names are left out.
pub const DETAIL_BYTES: usize = 512;

/// Codes of the notices of several hosts at most.
const CODES: usize = 8;

/// Bytes of all notices of an answer together. They travel in a head or in trailers, for which clients
/// and servers have limits.
pub const NOTICES_BYTES: usize = 2 << 10;

/// One notice. It does not change whether the answer is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its stable word.
    pub code: Code,
    /// Of how many things it speaks. 0 where there is nothing to count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub count: u64,
    /// One line for a person.
    pub detail: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

const fn word(text: &str) -> Code {
    match Word::new(text) {
        Some(word) => Code::Other(word),
        None => panic!("it is a word"),
    }
}

impl Notice {
    /// Rotated members of the file lie next to it, and were not read.
    pub const ROTATED_MEMBERS: Code = word("rotated_members");
    /// The name that was asked for is the alias of a file.
    pub const ALIAS: Code = word("alias");

    /// As the value of a field: `code (count): detail`, without a count where there is none.
    pub fn to_text(&self) -> String {
        let Notice { code, count, detail } = self;
        if *count == 0 { format!("{code}: {detail}") } else { format!("{code} ({count}): {detail}") }
    }

    /// Reads what [`Notice::to_text`] wrote.
    pub fn parse(value: &HeaderValue) -> Option<Notice> {
        let text = String::from_utf8_lossy(value.as_bytes());
        let (head, detail) = text.split_once(": ")?;
        let (code, count) = match head.split_once(" (") {
            Some((code, count)) => (code, count.strip_suffix(')')?.parse().ok()?),
            None => (head, 0),
        };
        Some(Notice { code: Code::parse(code)?, count, detail: detail.to_owned() })
    }
}

/// Adds the notices beside a verdict to the fields of an answer.
pub fn write(notices: &[Notice], map: &mut HeaderMap) {
    for notice in notices {
        map.append(headers::LOG_NOTICES, headers::value(&notice.to_text()));
    }
}

/// The notices of several hosts as those of one answer: one for each code. The known codes come first,
/// so that others do not take their place.
pub fn of_hosts<'n, H>(hosts: &H) -> Vec<Notice>
where
    H: Iterator<Item = (&'n str, &'n [Notice])> + Clone,
{
    let mut codes: Vec<(Notice, u64)> = Vec::new();
    let is_known = |code: Code| [Notice::ROTATED_MEMBERS, Notice::ALIAS].contains(&code);
    for (host, notice) in [true, false].into_iter().flat_map(|known| {
        let of_host =
            |(host, notices): (&'n str, &'n [Notice])| notices.iter().map(move |notice| (host, notice));
        hosts.clone().flat_map(of_host).filter(move |(_, notice)| is_known(notice.code) == known)
    }) {
        if let Some((first, hosts)) = codes.iter_mut().find(|(first, _)| first.code == notice.code) {
            first.count = first.count.saturating_add(notice.count);
            *hosts += 1;
        } else if codes.len() < CODES {
            let detail = format!("host {host}: {}", notice.detail);
            codes.push((Notice { detail, ..notice.clone() }, 1));
        }
    }
    let said = |(mut notice, hosts): (Notice, u64)| {
        if hosts > 1 {
            notice.detail = format!("on {hosts} hosts; {}", notice.detail);
        }
        notice
    };
    let mut left = NOTICES_BYTES;
    let fits = |notice: &Notice| {
        let len = notice.to_text().len();
        let fits = len <= left;
        left -= if fits { len } else { 0 };
        fits
    };
    codes.into_iter().map(said).filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::super::headers;
    use super::*;
    use std::collections::BTreeMap;

    fn notice(code: Code, count: u64, detail: &str) -> Notice {
        Notice { code, count, detail: detail.to_owned() }
    }

    fn each(hosts: &BTreeMap<String, Vec<Notice>>) -> impl Iterator<Item = (&str, &[Notice])> + Clone {
        hosts.iter().map(|(host, notices)| (host.as_str(), notices.as_slice()))
    }

    #[test]
    fn a_notice_survives_a_field() {
        for given in [
            notice(Notice::ROTATED_MEMBERS, 3, "3 of them: a (b): c"),
            notice(Notice::ALIAS, 0, "\u{fc} (1): x"),
            notice("of_a_newer_one".into(), u64::MAX, ""),
        ] {
            assert_eq!(Notice::parse(&headers::value(&given.to_text())), Some(given));
        }
        for text in ["", "alias", "Alias: x", "alias (x): y", "alias (1: y", "alias (-1): y", "a b: c"] {
            assert_eq!(Notice::parse(&headers::value(text)), None, "{text}");
        }
    }

    #[test]
    fn the_notices_of_many_hosts_are_bounded_and_unknown_ones_take_no_place_of_known_ones() {
        let mut hosts = BTreeMap::new();
        for at in 0..50 {
            let other = notice(
                Code::from(format!("other_{}", (b'a' + at % 26) as char).as_str()),
                1,
                &"x".repeat(DETAIL_BYTES),
            );
            let notices = vec![other, notice(Notice::ALIAS, 0, "y")];
            hosts.insert(format!("h{at:02}"), notices);
        }
        let all = of_hosts(&each(&hosts));
        assert_eq!(all[0].code, Notice::ALIAS);
        assert!(all.len() > 1 && all.iter().map(|one| one.to_text().len()).sum::<usize>() <= NOTICES_BYTES);
    }

    #[test]
    fn the_notices_of_several_hosts_are_one_for_each_code() {
        let mut hosts = BTreeMap::new();
        assert_eq!(of_hosts(&each(&hosts)), []);
        let rotated = |count| notice(Notice::ROTATED_MEMBERS, count, "see app.log.1");
        for (host, notices) in
            [("a", vec![]), ("b", vec![rotated(2)]), ("c", vec![rotated(3), notice(Notice::ALIAS, 0, "x")])]
        {
            hosts.insert(host.to_owned(), notices);
        }
        assert_eq!(
            of_hosts(&each(&hosts)),
            [
                notice(Notice::ROTATED_MEMBERS, 5, "on 2 hosts; host b: see app.log.1"),
                notice(Notice::ALIAS, 0, "host c: x")
            ]
        );
    }
}
