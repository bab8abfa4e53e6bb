use super::super::readiness::{NAME_BYTES, WARNINGS};
use super::*;
use crate::text::TEXT_BYTES;
use serde_json::json;

fn ready() -> Readiness {
    Readiness {
        version: Some("1".to_owned()),
        io_engine: Some("x".repeat(NAME_BYTES + 1)),
        ..Readiness::default()
    }
}

fn here() -> Instance {
    Instance::new(7)
}

/// Fails a request that could not connect.
fn unreached(health: &Health) {
    health.failed_by(Cause::Unreached, Instant::now());
}

/// Fails a request that began and ended then.
fn fail(health: &Health, now: Instant) {
    health.request_failed(Cause::Refused, now, now);
}

/// Is answered by a probe.
fn probed(health: &Health, state: State, readiness: &Readiness) {
    health.probed(Instant::now(), state, here(), readiness);
}

#[test]
fn three_failures_in_a_row_are_down_until_a_probe_succeeds() {
    let health = Health::default();
    let mut now = Instant::now();
    let mut fail = || {
        now += BURST;
        fail(&health, now);
    };
    fail();
    fail();
    assert!(!health.is_down() && health.down_for().is_none());
    health.answered(here());
    fail();
    fail();
    assert!(!health.is_down(), "an answer came in between");
    fail();
    assert!(health.is_down() && health.down_for().is_some());
    health.answered(here());
    assert!(health.is_down(), "only a probe has the last word");
    probed(&health, State::NotReady, &ready());
    assert!(!health.is_down() && health.down_for().is_none());
    assert_eq!(health.seen().state, State::NotReady);
    fail();
    fail();
    assert!(!health.is_down(), "it counts anew");
}

#[test]
fn what_many_requests_see_at_once_is_one_failure() {
    let health = Health::default();
    (0..10 * FAILURES).for_each(|_| unreached(&health));
    assert!(!health.is_down());
}

#[test]
fn what_many_wait_through_together_is_one_failure_however_long_it_lasts() {
    let health = Health::default();
    let begin = Instant::now();
    let ms = |ms: u64| begin + Duration::from_millis(ms);
    // A request each 50 ms, each of which waits for 3 s, and probes of 2 s side by side.
    for n in 0..100 {
        health.request_failed(Cause::Silent, ms(50 * n), ms(50 * n + 3000));
    }
    for n in 0..10 {
        health.probe_failed(Cause::Silent, ms(3000 + 10 * n), ms(5000 + 10 * n));
    }
    assert!(!health.is_down(), "a stall of 5 s is one of the network's, or of a disk's");
    health.probe_failed(Cause::Silent, ms(5500), ms(7500));
    assert!(health.is_down());
}

#[test]
fn a_host_that_hung_is_waited_for_less_until_it_is_heard_of() {
    let usual = Duration::from_secs(3);
    for is_heard in [
        |health: &Health| health.answered(here()),
        |health: &Health| {
            // It hung as a whole.
            health.probe_failed(Cause::Silent, Instant::now(), Instant::now());
            assert_eq!(health.patience(Duration::from_secs(3)), PATIENCE);
            probed(health, State::Ready, &ready());
        },
        |health: &Health| {
            locked(&health.seen).suspect_since = Instant::now().checked_sub(SUSPECT_TIME);
            probed(health, State::Ready, &ready());
        },
    ] {
        let health = Health::default();
        unreached(&health);
        health.failed_by(Cause::Refused, Instant::now() + BURST);
        assert_eq!(health.patience(usual), usual, "nobody waits to be refused");
        health.hung(Instant::now() + BURST * 2);
        assert_eq!(health.patience(usual), PATIENCE);
        assert_eq!(health.patience(PATIENCE / 2), PATIENCE / 2);
        is_heard(&health);
        assert_eq!(health.patience(usual), usual);
    }
}

#[test]
fn a_probe_says_nothing_of_a_host_whose_requests_hang() {
    let (health, usual) = (Health::default(), Duration::from_secs(3));
    let began = Instant::now();
    probed(&health, State::Ready, &ready());
    assert!(!health.has_answered_since(began));
    health.hung(began);
    for _ in 0..3 {
        assert_eq!(health.patience(usual), PATIENCE);
        probed(&health, State::Ready, &ready());
    }
    assert_eq!(health.patience(usual), PATIENCE);
    assert!(!health.is_down() && health.seen().state == State::Ready);
    health.answered(here());
    assert_eq!(health.patience(usual), usual);
}

#[tokio::test]
async fn a_probe_under_way_counts_for_those_who_ask_how_it_is_where_it_fails() {
    let health = Health::default();
    let began = Instant::now();
    let asked = Instant::now();
    health.probed(began.checked_sub(BURST).unwrap(), State::Ready, here(), &ready());
    let soon = Duration::from_millis(10);
    assert!(tokio::time::timeout(soon, health.probed_since(asked)).await.is_err(), "it may be old");
    health.probe_failed(Cause::Silent, began.checked_sub(BURST).unwrap(), Instant::now());
    tokio::time::timeout(Duration::from_secs(5), health.probed_since(asked)).await.unwrap();
}

#[test]
fn those_that_waited_less_do_not_count() {
    let health = Health::default();
    let begin = Instant::now();
    for n in 0..100 {
        health.request_failed(Cause::Silent, begin + PATIENCE * n * 2, begin + PATIENCE * (n * 2 + 1));
    }
    assert!(!health.is_down());
}

#[test]
fn a_request_that_is_lost_says_nothing_of_a_host_that_has_answered_since() {
    let health = Health::default();
    let began = Instant::now().checked_sub(Duration::from_secs(3)).unwrap();
    health.answered(here());
    // As it is after the wall clock was set back.
    health.contact_ms.store(1, Relaxed);
    assert!(health.has_answered_since(began) && !health.has_answered_since(Instant::now()));
    let state = health.seen().state;
    for _ in 0..FAILURES {
        health.hung(began);
    }
    assert_eq!(health.seen().state, state);
    assert_eq!(health.patience(Duration::from_secs(3)), Duration::from_secs(3));
    health.contact_ms.store(i64::MAX, Relaxed);
    health.hung(Instant::now());
    assert_eq!(health.patience(Duration::from_secs(3)), PATIENCE, "it was set back after an answer");
    // A probe shows that it accepts connections.
    let health = Health::default();
    probed(&health, State::Ready, &ready());
    for _ in 0..FAILURES {
        health.failed_by(Cause::Refused, began);
    }
    assert_eq!(health.seen().state, State::Ready);
}

#[test]
fn that_this_machine_cannot_ask_says_nothing_of_the_host() {
    let health = Health::default();
    for n in 0..FAILURES {
        health.probe_failed(Cause::Ours, Instant::now() + BURST * n, Instant::now() + BURST * n);
    }
    assert!(!health.is_down());
    assert_eq!(health.seen().state, State::Unknown);
}

#[tokio::test]
async fn a_host_that_hung_is_probed_at_once_and_once() {
    let health = Health::default();
    for _ in 0..5 {
        health.hung(Instant::now());
    }
    tokio::time::timeout(Duration::from_secs(5), health.probe_wanted.notified()).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(10), health.probe_wanted.notified()).await.is_err());
}

#[test]
fn since_when_it_fails_is_when_the_first_failure_began() {
    let health = Health::default();
    let began = Instant::now().checked_sub(Duration::from_mins(1)).unwrap();
    health.request_failed(Cause::Silent, began, Instant::now());
    let since = health.seen().failing_since.unwrap();
    let ago = Timestamp::now().duration_since(since);
    assert!(ago.as_secs() >= 60 && ago.as_secs() < 90, "{ago}");
    health.failed_by(Cause::Refused, Instant::now() + BURST);
    assert_eq!(health.seen().failing_since, Some(since));
    assert_eq!(health.seen().reason.unwrap(), Cause::Refused.to_string(), "the last one counts");
    health.answered(here());
    assert_eq!(health.seen().failing_since, None);
}

#[test]
fn what_it_said_last_is_kept_within_bounds() {
    let health = Health::default();
    assert_eq!((health.seen().state, health.last_contact()), (State::Unknown, None));
    let before = Timestamp::now().as_millisecond();
    probed(&health, State::Ready, &ready());
    unreached(&health);
    let seen = health.seen();
    assert_eq!((seen.state, seen.version.as_deref(), seen.io_engine), (State::Unreachable, Some("1"), None));
    assert!(health.last_contact().unwrap().as_millisecond() >= before);
}

#[tokio::test]
async fn a_host_that_is_down_by_requests_is_probed_before_its_time() {
    let health = Health::default();
    for failure in 0..FAILURES {
        fail(&health, Instant::now() + BURST * failure);
    }
    tokio::time::timeout(Duration::from_secs(5), health.probe_wanted.notified()).await.unwrap();
}

#[test]
fn why_it_is_not_ready_and_what_it_warns_of_is_kept_cleaned_and_bounded() {
    let health = Health::default();
    let readiness = Readiness {
        reason: json!("the log\tdirectory\u{1b}[2J is empty"),
        warnings: json!(["a\nb", 7, "", " ", null, "x".repeat(9999), "c"]),
        ..Readiness::default()
    };
    probed(&health, State::NotReady, &readiness);
    let seen = health.seen();
    assert_eq!(seen.reason.as_deref(), Some("the log directory [2J is empty"));
    assert_eq!(seen.warnings, ["a b", &"x".repeat(TEXT_BYTES), "c"]);
    let many = Readiness { warnings: json!(vec!["w"; 99]), ..Readiness::default() };
    probed(&health, State::Ready, &many);
    assert_eq!((health.seen().reason, health.seen().warnings.len()), (None, WARNINGS));
    for odd in [json!({ "a": "b" }), json!("a"), json!(7)] {
        let readiness = Readiness { reason: odd.clone(), warnings: odd, ..Readiness::default() };
        probed(&health, State::Ready, &readiness);
        assert_eq!((health.seen().reason, health.seen().warnings.len()), (None, 0));
    }
    health.probe_failed(Cause::Foreign(404), Instant::now(), Instant::now());
    assert!(health.seen().reason.unwrap().contains("no secondary"));
    unreached(&health);
    assert_eq!(health.seen().reason, Some(Cause::Unreached.to_string()));
}

#[test]
fn of_a_host_that_is_down_nobody_knows_which_secondary_it_is() {
    let health = Health::default();
    assert_eq!(health.instance(), None);
    health.answered(here());
    assert_eq!(health.instance(), Some(here()));
    for failure in 0..FAILURES {
        fail(&health, Instant::now() + BURST * failure);
    }
    assert_eq!(health.instance(), None);
    health.probed(Instant::now(), State::Ready, Instance::new(8), &ready());
    assert_eq!(health.instance(), Some(Instance::new(8)));
}
