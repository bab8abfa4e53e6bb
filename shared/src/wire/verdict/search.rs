//! What a verdict says of a search: why it stopped, and how it found its time range.

use serde::{Deserialize, Deserializer, Serialize};

/// Why a search stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// The window has been searched to its start.
    Exhausted,
    /// As many records as were asked for have been delivered.
    N,
    /// All that is left is older than the time range.
    Since,
    /// The time that the client gave was over.
    Timeout,
    /// A limit of the server was reached.
    Limit,
}

impl Stopped {
    /// All of them.
    pub const ALL: [Stopped; 5] =
        [Stopped::Exhausted, Stopped::N, Stopped::Since, Stopped::Timeout, Stopped::Limit];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stopped::Exhausted => "exhausted",
            Stopped::N => "n",
            Stopped::Since => "since",
            Stopped::Timeout => "timeout",
            Stopped::Limit => "limit",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Stopped> {
        Stopped::ALL.into_iter().find(|stopped| stopped.as_str() == text)
    }
}

/// How the edges of a time range were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeFound {
    /// By the order of the times in the file: what lies outside was not read.
    Order,
    /// Every byte was read.
    Scan,
}

impl RangeFound {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            RangeFound::Order => "order",
            RangeFound::Scan => "scan",
        }
    }

    pub(super) fn parse(text: &str) -> Option<RangeFound> {
        [RangeFound::Order, RangeFound::Scan].into_iter().find(|found| found.as_str() == text)
    }
}

/// Reads why a search stopped. A newer server may have another word, which is as good as none.
pub(super) fn stopped<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Stopped>, D::Error> {
    let word: Option<String> = Option::deserialize(from)?;
    Ok(word.and_then(|word| Stopped::parse(&word)))
}

/// Reads how the edges of a range were found, in the same way.
pub(super) fn range<'de, D: Deserializer<'de>>(from: D) -> Result<Option<RangeFound>, D::Error> {
    let word: Option<String> = Option::deserialize(from)?;
    Ok(word.and_then(|word| RangeFound::parse(&word)))
}

#[cfg(test)]
mod tests {
    use crate::wire::verdict::{RangeFound, Status, Stopped, Verdict};

    #[test]
    fn words_of_a_newer_server_do_not_spoil_a_verdict() {
        let verdict = Verdict {
            stopped: Some(Stopped::Since),
            range: Some(RangeFound::Order),
            ..Verdict::new(Status::Complete)
        };
        let json = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
        let newer = json.replace("\"since\"", "\"bored\"").replace("\"order\"", "\"index\"");
        assert_ne!(newer, json);
        let read = Verdict { stopped: None, range: None, ..verdict };
        assert_eq!(serde_json::from_str::<Verdict>(&newer).unwrap(), read);
    }
}
