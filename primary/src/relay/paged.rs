//! How the answer of one host is continued, and the time that the client gives it.

use super::Relay;
use crate::answer::TimeLimit;
use crate::paging::WantedPaging;
use backscroll_shared::wire::code::Code;
use backscroll_shared::wire::cursor::Direction;
use backscroll_shared::wire::verdict::{Failure, Stopped, Verdict};
use std::task::{Context, Poll, ready};
use tokio::time::sleep_until;

impl Relay {
    /// Sets how the answer can be continued, if its verdict can say so, and the time that the client
    /// gives.
    pub fn paged(&mut self, paging: WantedPaging, limit: Option<TimeLimit>) {
        self.paging = paging;
        self.time = limit.map(|limit| Box::pin(sleep_until(limit.ends_at())));
    }

    /// Ends the answer, because its host has not ended in the client's time.
    pub fn give_up(&mut self) {
        let detail = out_of_time(&self.host);
        self.end(Some(Failure { code: Code::Timeout, detail }));
    }

    /// Gives up the host if the client's time is over. What has come already is passed on before, also
    /// to a client that is slow.
    pub(super) fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(time) = &mut self.time else { return Poll::Pending };
        ready!(time.as_mut().poll(cx));
        self.give_up();
        Poll::Ready(())
    }

    /// The verdict with the cursors of the host as those of this host in the fleet.
    pub(super) fn continued(&self, verdict: Verdict) -> Verdict {
        let (mut older, mut newer) = (None, None);
        if let Some(paging) = &self.paging {
            let wrap = |word: &Option<String>, direction| paging.wrap(&self.host, direction, word.as_ref()?);
            older = wrap(&verdict.older, Direction::Older);
            newer = wrap(&verdict.newer, Direction::Newer);
            if verdict.is_failure() && self.lines.count == 0 {
                // The same place again.
                older = older.or_else(|| paging.again(Direction::Older));
                newer = newer.or_else(|| paging.again(Direction::Newer));
            }
        }
        let mut verdict = Verdict { older, newer, ..verdict };
        if let Some(paging) = &self.paging {
            paging.add_range(&mut verdict);
        }
        verdict
    }
}

/// Why the search of a host that has given no verdict stopped.
pub(super) fn stopped(code: Code) -> Option<Stopped> {
    match code {
        Code::Timeout => Some(Stopped::Timeout),
        _ => None,
    }
}

pub(super) fn out_of_time(host: &str) -> String {
    format!(
        "the time that the request gave was over before host {host} had ended: its older records are missing; continue with the cursor `older` if the verdict has one, or ask with a longer timeout"
    )
}
