//! Merges streams of items, each newest first, into one. It knows no host and no clock.
//!
//! An item is delivered once no stream can have a newer one. A stream whose next item has not come
//! can have nothing newer than its last item, and nothing newer than its last mark. What is
//! delivered depends on the items alone, and not on which stream was faster.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// The order of items: newest first, and among equals the one of the stream with the lowest number.
/// The item that comes first has the greatest rank.
type Rank = (i64, Reverse<usize>);

/// Merges streams that are numbered from 0.
#[derive(Debug)]
pub struct Merge<T> {
    heads: BinaryHeap<Head<T>>,
    /// For each stream whose next item has not come, the greatest rank that this item can have.
    awaited: BTreeSet<Rank>,
    /// The key of each stream's last item.
    last: Vec<Option<i64>>,
    /// The last mark of each stream. Marks only let the others go on. The order of the items is not
    /// to depend on how many marks there are.
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
    /// Merges so many streams, of which no item has come.
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

    /// Lets a stream go on after an item of this key, which another merge has delivered.
    pub fn goes_on(&mut self, stream: usize, key: i64) {
        self.awaited.remove(&self.bound(stream));
        self.last[stream] = Some(key);
        self.awaited.insert(self.bound(stream));
    }

    /// The key of the last item that a stream has offered; None before the first one with a key.
    pub fn key(&self, stream: usize) -> Option<i64> {
        self.last[stream]
    }

    /// The streams of the items that have come, and are not delivered.
    pub fn held(&self) -> impl Iterator<Item = usize> {
        self.heads.iter().map(|head| head.rank.1.0)
    }

    /// Takes the next item of a stream. An item without a key gets the key of the one before it, and
    /// if there is none before it, it comes after all items with a key. A stream's own order is kept,
    /// so the key of an item is never newer than that of the one before it. The newest key that there
    /// is counts as the one before it, because `i64::MAX` stands for a stream that has not begun.
    pub fn offer(&mut self, stream: usize, key: Option<i64>, item: T) {
        self.awaited.remove(&self.bound(stream));
        if let Some(key) = key.map(|key| key.min(i64::MAX - 1)) {
            let last = &mut self.last[stream];
            *last = Some(last.map_or(key, |last| last.min(key)));
        }
        let key = self.last[stream].unwrap_or(i64::MIN);
        self.heads.push(Head { rank: (key, Reverse(stream)), item });
    }

    /// Takes a mark: the stream has nothing newer than this, nor anything newer than its last mark.
    pub fn mark(&mut self, stream: usize, key: i64) {
        self.awaited.remove(&self.bound(stream));
        self.marks[stream] = self.marks[stream].min(key);
        self.awaited.insert(self.bound(stream));
    }

    /// Notes that a stream has ended.
    pub fn over(&mut self, stream: usize) {
        self.awaited.remove(&self.bound(stream));
    }

    /// The newest item and its stream; None where a stream whose next item has not come may have a
    /// newer one, or where no item is left.
    pub fn pop(&mut self) -> Option<(usize, T)> {
        let head = self.heads.peek()?;
        if self.awaited.last().is_some_and(|awaited| *awaited > head.rank) {
            return None;
        }
        let Head { rank: (_, Reverse(stream)), item } = self.heads.pop()?;
        self.awaited.insert(self.bound(stream));
        Some((stream, item))
    }

    /// The next item of each stream, as far as it has come, in no order.
    pub fn into_items(self) -> impl Iterator<Item = T> {
        self.heads.into_iter().map(|head| head.item)
    }

    /// The streams that hold up items of others.
    pub fn holding_up(&self) -> Vec<usize> {
        let Some(head) = self.heads.peek() else { return Vec::new() };
        let before = self.awaited.iter().rev().take_while(|awaited| **awaited > head.rank);
        before.map(|(_, Reverse(stream))| *stream).collect()
    }

    /// Whether every stream has ended and every item is delivered.
    pub fn is_over(&self) -> bool {
        self.heads.is_empty() && self.awaited.is_empty()
    }

    fn bound(&self, stream: usize) -> Rank {
        (self.last[stream].unwrap_or(i64::MAX).min(self.marks[stream]), Reverse(stream))
    }
}

#[cfg(test)]
mod tests;
