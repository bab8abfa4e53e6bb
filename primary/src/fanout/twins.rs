//! Finds secondaries that are asked at two addresses. The answers to this request show it, and one
//! of the two is left before any of its records is sent. What an earlier answer showed is not used,
//! because another secondary may answer at that address now.
//!
//! This is early enough. No record leaves before every host has begun to answer, or was given up,
//! because that host might have a newer record.

use backscroll_shared::wire::instance::Instance;
use std::collections::HashMap;

/// Which of the hosts are the same secondary as another one of them.
#[derive(Debug)]
pub(super) struct Twins {
    /// Whether a source gave each its name; see [`rank`](crate::fleet::same::rank).
    is_given: Vec<bool>,
    /// The host that stands for each secondary, and whether it refused or failed at once.
    claims: HashMap<Instance, (usize, bool)>,
    /// For each host that is left, the one that is asked in its place.
    kept: Vec<Option<usize>>,
}

impl Twins {
    /// For hosts in the order of their names.
    pub(super) fn new(is_given: impl Iterator<Item = bool>) -> Twins {
        let is_given: Vec<bool> = is_given.collect();
        Twins { claims: HashMap::new(), kept: vec![None; is_given.len()], is_given }
    }

    /// Notes which secondary answers for a host. If it answers for another host too, returns the one
    /// of both that is left: the one that no source named, else the one that refused, else the one
    /// whose name comes later.
    pub(super) fn meet(&mut self, index: usize, instance: Instance, has_refused: bool) -> Option<usize> {
        let (other, other_refused) = self.claims.insert(instance, (index, has_refused))?;
        let rank = |index: usize, has_refused| (!self.is_given[index], has_refused, index);
        let is_other_kept = rank(other, other_refused) < rank(index, has_refused);
        if is_other_kept {
            self.claims.insert(instance, (other, other_refused));
        }
        let (kept, left) = if is_other_kept { (other, index) } else { (index, other) };
        self.kept[left] = Some(kept);
        Some(left)
    }

    /// Whether this host is left.
    pub(super) fn is_left(&self, index: usize) -> bool {
        self.kept[index].is_some()
    }

    /// The host that is asked for the secondary of this one: mostly itself.
    pub(super) fn asked_for(&self, mut index: usize) -> usize {
        // One that was kept may have been left for a third one, but never for one that was left.
        while let Some(kept) = self.kept[index] {
            index = kept;
        }
        index
    }

    /// How many hosts there are, without those that are left.
    pub(super) fn len(&self) -> usize {
        self.kept.iter().filter(|kept| kept.is_none()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_secondary_one_host_is_left_over_whoever_answers_first() {
        let all = [
            (0, 1, false),
            (1, 1, false),
            (2, 1, true),
            (3, 2, false),
            (4, 2, false),
            (5, 3, true),
            (6, 4, false),
            (7, 4, true),
            (8, 5, true),
            (9, 5, false),
        ];
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let mut order = all;
            rng.shuffle(&mut order);
            let mut twins = Twins::new((0..all.len()).map(|index| [1, 2, 7].contains(&index)));
            for (index, bits, has_refused) in order {
                twins.meet(index, Instance::new(bits), has_refused);
            }
            let kept: Vec<usize> = (0..all.len()).filter(|index| !twins.is_left(*index)).collect();
            assert_eq!((kept, twins.len()), (vec![1, 3, 5, 7, 9], 5), "{order:?}");
        }
    }
}
