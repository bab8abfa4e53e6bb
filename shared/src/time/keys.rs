//! The names of fields that hold a line's time: one row for each.
//!
//! To add a name, add a row. Capitals, `_`, `-` and `.` in names do not matter: `startTime` is the
//! same as `start_time`.

/// How certain it is that a field of this name holds the line's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// No other field is better.
    Sure,
    /// Only a sure field is better.
    Likely,
    /// The time of an event that the line reports. It is taken as the line's time if there is no
    /// other.
    Event,
}

/// Names in lowercase, without separators.
const NAMES: [(&[u8], Rank); 43] = [
    (b"@timestamp", Rank::Sure),
    (b"@t", Rank::Sure),
    (b"time", Rank::Sure),
    (b"ts", Rank::Sure),
    (b"t", Rank::Sure),
    (b"timestamp", Rank::Likely),
    (b"asctime", Rank::Likely),
    (b"datetime", Rank::Likely),
    (b"dt", Rank::Likely),
    (b"instant", Rank::Likely),
    (b"localtime", Rank::Likely),
    (b"loggedat", Rank::Likely),
    (b"logtime", Rank::Likely),
    (b"logtimestamp", Rank::Likely),
    (b"msgtime", Rank::Likely),
    (b"realtimetimestamp", Rank::Likely),
    (b"syslogtimestamp", Rank::Likely),
    (b"timeiso8601", Rank::Likely),
    (b"timelocal", Rank::Likely),
    (b"timemillis", Rank::Likely),
    (b"timeunixnano", Rank::Likely),
    (b"timems", Rank::Likely),
    (b"timens", Rank::Likely),
    (b"epochms", Rank::Event),
    (b"date", Rank::Event),
    (b"creationtime", Rank::Event),
    (b"edgestarttimestamp", Rank::Event),
    (b"eventtime", Rank::Event),
    (b"eventtimestamp", Rank::Event),
    (b"observedtimestamp", Rank::Event),
    (b"publisheddate", Rank::Event),
    (b"receivedat", Rank::Event),
    (b"requestreceivedtimestamp", Rank::Event),
    (b"requesttime", Rank::Event),
    (b"stagetimestamp", Rank::Event),
    (b"starttime", Rank::Event),
    (b"startutc", Rank::Event),
    (b"timecreated", Rank::Event),
    (b"timegenerated", Rank::Event),
    (b"utctime", Rank::Event),
    (b"unixtime", Rank::Event),
    (b"calendartime", Rank::Event),
    (b"msec", Rank::Event),
];

/// The most bytes of a name, with its separators.
const LONGEST: usize = 28;

/// The rank of a field's name, if it names a time.
#[inline]
pub(super) fn rank(name: &[u8]) -> Option<Rank> {
    match name {
        b"time" | b"ts" | b"@timestamp" | b"t" | b"@t" => return Some(Rank::Sure),
        b"timestamp" => return Some(Rank::Likely),
        b"level" | b"msg" | b"message" | b"log" | b"stream" => return None,
        _ => {}
    }
    // Longer or shorter names are not in the table.
    if name.len() > LONGEST || name.len() < 2 {
        return None;
    }
    let mut plain = [0; LONGEST];
    let mut length = 0;
    for byte in name {
        if !matches!(byte, b'_' | b'-' | b'.') {
            plain[length] = byte.to_ascii_lowercase();
            length += 1;
        }
    }
    let plain = &plain[..length];
    NAMES.iter().find(|(own, _)| *own == plain).map(|(_, rank)| *rank)
}
