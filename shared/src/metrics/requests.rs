//! Counts each request at its end.

use super::counts::Counts;
use super::labels::{CODES, REFUSALS, ROUTES, STOPPED};
use super::table::Metric;
use crate::conn::Overdue;
use crate::conn::exchange::{Ended, Exchange, Recorder};
use crate::wire::code::Code;
use crate::wire::verdict::{Status, Stopped};
use http::StatusCode;
use std::sync::Arc;

/// The number of the route of an endpoint.
fn route(endpoint: &str) -> usize {
    ROUTES.iter().position(|route| *route == endpoint).unwrap_or(ROUTES.len() - 1)
}

/// The number of a status among [`CODES`].
fn code(status: Option<StatusCode>) -> usize {
    let Some(status) = status else { return 0 };
    CODES.iter().position(|code| *code == status.as_str()).unwrap_or(CODES.len() - 1)
}

/// The number of the class of a status.
fn class(status: Option<StatusCode>) -> usize {
    match status.map(|status| status.as_u16() / 100) {
        Some(2) => 0,
        Some(4) => 1,
        Some(5) => 2,
        _ => 3,
    }
}

impl Recorder for Counts {
    fn began(&self, _: &Arc<Exchange>) {
        self.up(Metric::RequestsInFlight);
    }

    fn ended(&self, ended: &Arc<Ended>) {
        let (exchange, noted) = (&ended.exchange, &ended.noted);
        let route = route(exchange.endpoint);
        self.down(Metric::RequestsInFlight);
        self.add(Metric::Requests, route * CODES.len() + code(noted.status), 1);
        self.observe(Metric::RequestDuration, route * 4 + class(noted.status), ended.took);
        self.add(Metric::ResponseBytes, route, ended.bytes_sent);
        if ended.has_client_left {
            self.add(Metric::ClientsGone, 0, 1);
        }
        if let Some(code) = &noted.code {
            self.add(Metric::Errors, error(*code), 1);
            if let Some(reason) = refusal(*code).filter(|_| noted.is_refused) {
                self.add(Metric::RequestsRefused, reason, 1);
            }
        }
        // The first two routes are those whose answers have a verdict.
        if route < 2 {
            let verdict = match noted.verdict {
                Some(Status::Complete) => 0,
                Some(Status::Partial) => 1,
                // The verdict on a whole answer is one of three.
                Some(Status::Failed | Status::Timeout | Status::NotFound) => 2,
                None => 3,
            };
            self.add(Metric::Answers, route * 4 + verdict, 1);
        }
        if route == 0 {
            if noted.verdict.is_some() {
                let why = noted.stopped.map(Stopped::as_str);
                let why = STOPPED.iter().position(|word| Some(*word) == why).unwrap_or(STOPPED.len() - 1);
                self.add(Metric::Searches, why, 1);
            }
            self.add(Metric::RangeFallbacks, 0, u64::from(ended.fell_back_to_scan()));
            if let Some(took) = noted.first_record {
                self.observe(Metric::FirstRecord, 0, took);
            }
            self.add(Metric::ScannedBytes, 0, noted.bytes_scanned);
            self.add(Metric::Lines, 0, noted.lines);
            self.add(Metric::TruncatedLines, 0, noted.truncated_lines);
        }
    }
}

fn error(code: Code) -> usize {
    Code::KNOWN.iter().position(|known| *known == code).unwrap_or(Code::KNOWN.len())
}

fn refusal(code: Code) -> Option<usize> {
    REFUSALS.iter().position(|reason| *reason == code.as_str())
}

impl Counts {
    /// Counts a connection that is cut with an answer on it.
    pub fn cut(&self, overdue: Overdue) {
        match overdue {
            Overdue::Stalled => self.add(Metric::ClientsGone, 1, 1),
            Overdue::Late => self.add(Metric::ClientsGone, 2, 1),
            // There was no answer.
            Overdue::Head | Overdue::Idle => {}
        }
    }
}
