use super::*;
use proptest::prelude::*;

/// What comes out where all of it is there at once: again and again the newest of all that
/// are next in their streams.
fn oracle(streams: &[Vec<Option<i64>>]) -> Vec<(usize, usize)> {
    let keys: Vec<Vec<i64>> = streams
        .iter()
        .map(|keys| {
            let mut last = None::<i64>;
            let kept = keys.iter().map(|key| {
                last = key.map(|key| last.map_or(key, |last| last.min(key))).or(last);
                last.unwrap_or(i64::MIN)
            });
            kept.collect()
        })
        .collect();
    let mut next = vec![0; streams.len()];
    let mut out = Vec::new();
    loop {
        let heads = (0..streams.len()).filter(|stream| next[*stream] < keys[*stream].len());
        let Some(newest) = heads.max_by_key(|stream| (keys[*stream][next[*stream]], Reverse(*stream))) else {
            return out;
        };
        out.push((newest, next[newest]));
        next[newest] += 1;
    }
}

fn streams() -> impl Strategy<Value = Vec<Vec<Option<i64>>>> {
    let key = prop_oneof![6 => (0i64..30).prop_map(Some), 1 => Just(None)];
    let stream = (proptest::collection::vec(key, 0..12), any::<bool>()).prop_map(|(mut keys, sorted)| {
        if sorted {
            keys.sort_by_key(|key| Reverse(*key));
        }
        keys
    });
    proptest::collection::vec(stream, 0..6)
}

proptest! {
    #[test]
    fn the_outcome_does_not_depend_on_who_is_faster(
        streams in streams(),
        speeds in proptest::collection::vec(any::<prop::sample::Index>(), 200),
        marks in proptest::collection::vec(any::<bool>(), 200),
    ) {
        let mut left: Vec<_> = streams.iter().map(|keys| keys.iter().copied().enumerate().peekable()).collect();
        let mut merge = Merge::new(streams.len());
        let mut waited: Vec<usize> = (0..streams.len()).collect();
        let mut last = vec![None::<i64>; streams.len()];
        let mut out = Vec::new();
        let mut turn = 0;
        while !merge.is_over() {
            if let Some((stream, index)) = merge.pop() {
                out.push((stream, index));
                waited.push(stream);
                continue;
            }
            prop_assert!(!waited.is_empty(), "it waits for nobody");
            turn += 1;
            let at = speeds[turn % speeds.len()].index(waited.len());
            let stream = waited[at];
            // A mark says what is true: that what follows is no newer.
            if marks[turn % marks.len()] && turn < 150
                && let Some((_, Some(key))) = left[stream].peek()
                && last[stream].is_none_or(|last| *key <= last)
            {
                merge.mark(stream, *key);
                continue;
            }
            waited.swap_remove(at);
            match left[stream].next() {
                Some((index, key)) => {
                    if let Some(key) = key {
                        last[stream] = Some(last[stream].map_or(key, |last| last.min(key)));
                    }
                    merge.offer(stream, key, index);
                }
                None => merge.over(stream),
            }
        }
        prop_assert_eq!(out, oracle(&streams));
    }
}

#[test]
fn a_mark_lets_the_others_go_on() {
    let mut merge = Merge::new(2);
    merge.offer(0, Some(5), "five");
    assert_eq!(merge.pop(), None, "the other may have a newer one");
    merge.mark(1, 6);
    assert_eq!(merge.pop(), None);
    merge.mark(1, 4);
    assert_eq!(merge.pop(), Some((0, "five")));
    merge.offer(0, Some(4), "four");
    assert_eq!(merge.pop(), Some((0, "four")), "among equals the first stream's comes first");
}

#[test]
fn those_that_hold_up_the_others_may_have_something_newer() {
    let mut merge = Merge::new(4);
    assert!(merge.holding_up().is_empty(), "nothing is held up");
    merge.mark(0, 6);
    merge.offer(1, Some(5), "five");
    merge.mark(2, 5);
    assert_eq!(merge.holding_up(), [3, 0]);
    merge.over(3);
    merge.over(0);
    assert_eq!(merge.pop(), Some((1, "five")));
}

#[test]
fn a_mark_that_is_newer_than_the_one_before_it_is_nothing_new() {
    let mut merge = Merge::new(2);
    merge.offer(0, Some(5), "five");
    merge.mark(1, 4);
    merge.mark(1, 6);
    assert_eq!(merge.pop(), Some((0, "five")));
}

#[test]
fn no_item_comes_before_every_stream_has_begun() {
    for key in [None, Some(i64::MIN), Some(0), Some(i64::MAX - 1), Some(i64::MAX)] {
        let mut merge = Merge::new(2);
        merge.offer(0, key, "a");
        assert_eq!(merge.pop(), None, "{key:?}: the other has not begun");
        merge.offer(1, key, "b");
        assert_eq!(merge.pop(), Some((0, "a")), "{key:?}");
    }
}
