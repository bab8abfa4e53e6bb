//! Limits for how long one request works before other tasks of its thread go on.

use std::time::{Duration, Instant};

/// How long one turn lasts.
const TURN_TIME: Duration = Duration::from_micros(500);

/// Steps, of some microseconds each, after which the clock is read.
const STEPS: u32 = 16;

/// The turn of one request.
#[derive(Debug)]
pub struct Turn {
    began: Instant,
    steps: u32,
}

impl Turn {
    /// Begins one.
    pub fn begin() -> Turn {
        Turn { began: Instant::now(), steps: 0 }
    }

    /// Counts a step. Yields to the other tasks if the turn is over.
    pub async fn step(&mut self) {
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS) && self.began.elapsed() >= TURN_TIME {
            #[expect(clippy::disallowed_methods, reason = "the primary's threads have no ring")]
            tokio::task::yield_now().await;
            self.began = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    #[tokio::test]
    async fn others_go_on_while_one_works_for_long() {
        static TURNS: AtomicU32 = AtomicU32::new(0);
        let other = tokio::spawn(async {
            loop {
                TURNS.fetch_add(1, Relaxed);
                #[expect(clippy::disallowed_methods, reason = "a test of the same")]
                tokio::task::yield_now().await;
            }
        });
        let mut turn = Turn::begin();
        let began = Instant::now();
        while began.elapsed() < TURN_TIME * 20 {
            turn.step().await;
        }
        other.abort();
        assert!(TURNS.load(Relaxed) >= 2, "{TURNS:?}");
    }
}
