//! The token file: `--token-file PATH`, in TOML, one table `[[token]]` for each token.

use super::digest::Digest;
use super::grant::{ALL_BYTES, FileGrant, Grant, HostGrant, Known, PATTERN_BYTES, PATTERNS};
use super::usage::Usage;
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};
use toml::Spanned;
use toml::value::Datetime;

/// The flag that names the file.
pub const FLAG: &str = "--token-file";

/// The most tokens of a file.
const TOKENS: usize = 1024;

/// The most bytes of an id: it stands in each line of the audit.
const ID_BYTES: usize = 64;

/// Requests that the holder of a token may have under way, unless the file says otherwise, and the
/// most that it may say.
const REQUESTS: usize = 64;
const MOST_REQUESTS: usize = 4096;

/// The most bytes of memory that the globs of all tokens may take.
const GLOBS_BYTES: usize = 8 << 20;

/// A token, as the file describes it.
#[derive(Debug)]
pub struct Token {
    /// What the audit and the log call it.
    pub id: String,
    /// When it ends to be valid.
    pub expires: Option<Timestamp>,
    /// What it may see.
    pub grant: Grant,
    /// The most requests at once.
    pub requests: usize,
    /// Whether it is that of a primary. Only a secondary looks at this.
    pub is_primary: bool,
    /// Whether it may read the metrics.
    pub reads_metrics: bool,
    /// What its holder uses. It stays when the file is read again.
    pub usage: Arc<Usage>,
    digest: Digest,
}

/// All tokens of a file.
#[derive(Debug, Default)]
pub struct Tokens(Vec<Arc<Token>>);

impl Tokens {
    /// The entry of this token, which may have expired. It takes as long wherever the entry stands,
    /// and also if there is none.
    pub fn find(&self, token: &[u8]) -> Option<Arc<Token>> {
        let digest = Digest::of(token);
        let mut found = u32::MAX;
        for (index, token) in (0..).zip(&self.0) {
            found.conditional_assign(&index, token.digest.ct_eq(&digest));
        }
        self.0.get(usize::try_from(found).ok()?).map(Arc::clone)
    }

    /// When the next of them expires, of those that have not yet.
    pub fn next_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.iter().filter_map(|token| token.expires).filter(|expires| *expires > now).min()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none. Then nobody may ask anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    sha256: String,
    #[serde(default)]
    expires: Option<When>,
    hosts: Vec<String>,
    files: Vec<String>,
    #[serde(default)]
    requests: Option<usize>,
    #[serde(default)]
    primary: bool,
    #[serde(default)]
    metrics: bool,
}

/// A time, with quotes or without.
#[derive(Deserialize)]
#[serde(untagged)]
enum When {
    Bare(Datetime),
    Quoted(String),
}

/// What reads the file, again and again. What a caller uses is counted on from one reading to the
/// next.
pub fn reader() -> impl FnMut(&[Vec<u8>]) -> Result<Tokens, String> + Send + 'static {
    let mut usages: HashMap<String, Weak<Usage>> = HashMap::new();
    move |files| {
        let bytes = files.first().map(Vec::as_slice).unwrap_or_default();
        let tokens = parse(bytes, |id| usages.get(id).and_then(Weak::upgrade).unwrap_or_default())?;
        usages = tokens.0.iter().map(|token| (token.id.clone(), Arc::downgrade(&token.usage))).collect();
        Ok(tokens)
    }
}

/// Reads the bytes of a file.
fn parse(bytes: &[u8], usage: impl Fn(&str) -> Arc<Usage>) -> Result<Tokens, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let line = |at: usize| memchr::memchr_iter(b'\n', &text.as_bytes()[..at.min(text.len())]).count() + 1;
    let file: File = toml::from_str(text).map_err(|error| {
        let what = error.message().replace('\n', " ");
        match error.span() {
            Some(span) => format!("line {}: {what}", line(span.start)),
            None => what,
        }
    })?;
    if file.token.len() > TOKENS {
        return Err(format!("it has {} tokens: at most {TOKENS} are taken", file.token.len()));
    }
    let (mut ids, mut digests, mut known) = (HashSet::new(), HashSet::new(), Known::default());
    let mut tokens = Vec::with_capacity(file.token.len());
    for entry in file.token {
        let at = line(entry.span().start);
        let token =
            entry.into_inner().check(&mut known, &usage).map_err(|why| format!("line {at}: {why}"))?;
        if !ids.insert(token.id.clone()) {
            return Err(format!("line {at}: a second token with the id {}", token.id));
        }
        if !digests.insert(token.digest.to_string()) {
            return Err(format!("line {at}: the token {} is also that of another entry", token.id));
        }
        if known.bytes > GLOBS_BYTES {
            return Err(format!("line {at}: the globs of all files so far are too costly: use fewer"));
        }
        tokens.push(Arc::new(token));
    }
    Ok(Tokens(tokens))
}

impl Entry {
    fn check(self, known: &mut Known, usage: impl Fn(&str) -> Arc<Usage>) -> Result<Token, String> {
        let Entry { id, sha256, expires, hosts, files, requests, primary, metrics } = self;
        check_id(&id)?;
        let digest = Digest::parse(&sha256)
            .ok_or_else(|| format!("sha256 of the token {id}: write the 64 digits that token new prints"))?;
        let expires = expires.map(|when| match when {
            When::Bare(time) => time.to_string(),
            When::Quoted(text) => text,
        });
        let expires = expires.map(|text| expiry(&text)).transpose().map_err(|why| format!("{why} ({id})"))?;
        check_grant(&id, &hosts, &files, metrics)?;
        let requests = requests.unwrap_or(REQUESTS);
        if !(1..=MOST_REQUESTS).contains(&requests) {
            return Err(format!("requests of the token {id}: give a number from 1 to {MOST_REQUESTS}"));
        }
        let files = FileGrant::new(&files, known).map_err(|why| format!("token {id}: {why}"))?;
        let grant = Grant { hosts: HostGrant::new(&hosts), files };
        let usage = usage(&id);
        Ok(Token { id, expires, grant, requests, is_primary: primary, reads_metrics: metrics, usage, digest })
    }
}

/// Checks the id of a token.
pub(super) fn check_id(id: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    if id.is_empty() || id.len() > ID_BYTES || !id.bytes().all(is_plain) {
        return Err(format!(
            "the id {id:?}: write 1 to {ID_BYTES} letters, digits, and the characters - _ . @"
        ));
    }
    Ok(())
}

/// Checks the patterns of a token. One that reads the metrics may see nothing else.
pub(super) fn check_grant(id: &str, hosts: &[String], files: &[String], metrics: bool) -> Result<(), String> {
    if metrics && hosts.is_empty() && files.is_empty() {
        return Ok(());
    }
    check_patterns(id, "hosts", hosts)?;
    check_patterns(id, "files", files)
}

fn check_patterns(id: &str, name: &str, patterns: &[String]) -> Result<(), String> {
    let all = match name {
        "hosts" => "[\"*\"]",
        _ => "[\"**\"]",
    };
    let refuse = |why: String| Err(format!("{name} of the token {id}: {why}"));
    if patterns.is_empty() {
        return refuse(format!("it is empty: write {all} for all"));
    }
    if patterns.len() > PATTERNS {
        return refuse(format!("it has {} patterns: at most {PATTERNS} are taken", patterns.len()));
    }
    for pattern in patterns {
        if pattern.is_empty() || pattern.len() > PATTERN_BYTES || pattern.chars().any(char::is_control) {
            return refuse(format!(
                "a pattern is {pattern:?}: write 1 to {PATTERN_BYTES} bytes without control characters"
            ));
        }
    }
    if patterns.iter().map(String::len).sum::<usize>() > ALL_BYTES {
        return refuse(format!("all patterns together have more than {ALL_BYTES} bytes: use fewer"));
    }
    Ok(())
}

/// The time at which a token ends. A date means its first instant in UTC.
pub(super) fn expiry(text: &str) -> Result<Timestamp, String> {
    let date = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp());
    let time = text.parse::<Timestamp>().ok();
    // A time without a zone would also be read as a date.
    let is_date = text.len() == "2027-01-31".len();
    time.or_else(|| text.parse().ok().filter(|_| is_date).and_then(date)).ok_or_else(|| {
        format!(
            "expires is {text:?}: write a date or a time with its zone, as 2027-01-31 or 2027-01-31T18:00:00Z"
        )
    })
}

#[cfg(test)]
mod tests;
