//! Which of many streams, each newest first, has the newest item. Pure: no host, no clock.
//!
//! A stream that is waited for holds back every item that may come after what it still has:
//! it is known to have nothing newer than its last item, or than a mark that it gave since.
//! What comes out depends on what the streams hold, never on which of them was faster.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// A place in the order: newest first, and among equals the stream with the lowest number.
/// The one that comes first is the greatest.
type Rank = (i64, Reverse<usize>);

/// Merges streams that are numbered from 0.
#[derive(Debug)]
pub struct Merge<T> {
    heads: BinaryHeap<Head<T>>,
    /// The earliest place that a stream's next item can have, of those that are waited for.
    awaited: BTreeSet<Rank>,
    /// The key of each stream's last item.
    last: Vec<Option<i64>>,
    /// What each stream has last said of what follows. It only lets others go on: what comes
    /// out, and in which order, is not to depend on how often a stream says so.
    marks: Vec<i64>,
}

#[derive(Debug)]
struct Head<T> {
    rank: Rank,
    item: T,
}

impl<T> PartialEq for Head<T> {
    fn eq(&self, other: &Head<T>) -> bool {
        self.rank == other.rank
    }
}

impl<T> Eq for Head<T> {}

impl<T> PartialOrd for Head<T> {
    fn partial_cmp(&self, other: &Head<T>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Head<T> {
    fn cmp(&self, other: &Head<T>) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl<T> Merge<T> {
    /// Merges `streams` streams, all of which are waited for.
    pub fn new(streams: usize) -> Merge<T> {
        let mut merge = Merge {
            heads: BinaryHeap::new(),
            awaited: BTreeSet::new(),
            last: vec![None; streams],
            marks: vec![i64::MAX; streams],
        };
        for stream in 0..streams {
            merge.awaited.insert(merge.bound(stream));
        }
        merge
    }

    /// The next item of a stream that was waited for. Without a key of its own it stays with
    /// the one before; where there is none before it comes after all that have one. A stream
    /// never goes back to something newer: its own order is kept. The last moment that there is
    /// counts as the one before it: no key comes before a stream that has not begun.
    pub fn offer(&mut self, stream: usize, key: Option<i64>, item: T) {
        self.awaited.remove(&self.bound(stream));
        if let Some(key) = key.map(|key| key.min(i64::MAX - 1)) {
            let last = &mut self.last[stream];
            *last = Some(last.map_or(key, |last| last.min(key)));
        }
        let key = self.last[stream].unwrap_or(i64::MIN);
        self.heads.push(Head { rank: (key, Reverse(stream)), item });
    }

    /// A stream that is waited for has nothing newer than this, nor than what it said before.
    pub fn mark(&mut self, stream: usize, key: i64) {
        self.awaited.remove(&self.bound(stream));
        self.marks[stream] = self.marks[stream].min(key);
        self.awaited.insert(self.bound(stream));
    }

    /// A stream that was waited for has ended.
    pub fn over(&mut self, stream: usize) {
        self.awaited.remove(&self.bound(stream));
    }

    /// The newest item and its stream, which is waited for from then on; None where a stream
    /// that is waited for may have a newer one, or where nothing is left.
    pub fn pop(&mut self) -> Option<(usize, T)> {
        let head = self.heads.peek()?;
        if self.awaited.last().is_some_and(|awaited| *awaited > head.rank) {
            return None;
        }
        let Head { rank: (_, Reverse(stream)), item } = self.heads.pop()?;
        self.awaited.insert(self.bound(stream));
        Some((stream, item))
    }

    /// The next item of each stream that has one, in no order.
    pub fn into_items(self) -> impl Iterator<Item = T> {
        self.heads.into_iter().map(|head| head.item)
    }

    /// The streams for which items of others have to wait.
    pub fn holding_up(&self) -> Vec<usize> {
        let Some(head) = self.heads.peek() else { return Vec::new() };
        let before = self.awaited.iter().rev().take_while(|awaited| **awaited > head.rank);
        before.map(|(_, Reverse(stream))| *stream).collect()
    }

    /// Whether every stream has ended and every item is out.
    pub fn is_over(&self) -> bool {
        self.heads.is_empty() && self.awaited.is_empty()
    }

    fn bound(&self, stream: usize) -> Rank {
        (self.last[stream].unwrap_or(i64::MAX).min(self.marks[stream]), Reverse(stream))
    }
}

#[cfg(test)]
mod tests;
