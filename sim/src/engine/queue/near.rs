//! A 4-ary min-heap of 16-byte keys: the near future, small enough to stay in the first-level cache.
//!
//! Four children to a node halve the depth of a binary heap, and the four lie in one cache line (`LaMarca` and Ladner, "The
//! influence of caches on the performance of heaps", 1996). A key compares as one 128-bit number.

const CHILDREN: usize = 4;

/// Keys, the least of them first.
#[derive(Debug, Default)]
pub(super) struct Near {
    keys: Vec<u128>,
}

impl Near {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn first(&self) -> Option<u128> {
        self.keys.first().copied()
    }

    pub(super) fn push(&mut self, key: u128) {
        let hole = self.keys.len();
        self.keys.push(key);
        self.rise(hole, key);
    }

    pub(super) fn pop(&mut self) -> Option<u128> {
        let last = self.keys.pop()?;
        let Some(first) = self.keys.first().copied() else {
            return Some(last);
        };
        let hole = self.sink();
        self.rise(hole, last);
        Some(first)
    }

    /// Keeps only the keys that `keep` wants.
    pub(super) fn retain(&mut self, keep: impl FnMut(&u128) -> bool) {
        self.keys.retain(keep);
        // An ascending list is a heap.
        self.keys.sort_unstable();
    }

    /// Takes all keys out, in no order, and gives back the room.
    pub(super) fn take(&mut self) -> Vec<u128> {
        std::mem::take(&mut self.keys)
    }

    /// Moves the hole at the top down to a leaf along the least children: the key that fills it comes from the bottom
    /// and seldom rises far, so it isn't compared on the way down.
    fn sink(&mut self) -> usize {
        let keys = self.keys.as_mut_slice();
        let mut hole = 0;
        loop {
            let first = hole * CHILDREN + 1;
            let least = match keys.get(first..first + CHILDREN) {
                Some(&[a, b, c, d]) => {
                    let left = if b < a { first + 1 } else { first };
                    let right = if d < c { first + 3 } else { first + 2 };
                    if c.min(d) < a.min(b) { right } else { left }
                }
                _ => match (first..keys.len()).min_by_key(|&child| keys[child]) {
                    Some(child) => child,
                    None => return hole,
                },
            };
            keys[hole] = keys[least];
            hole = least;
        }
    }

    fn rise(&mut self, mut hole: usize, key: u128) {
        let keys = self.keys.as_mut_slice();
        while hole > 0 {
            let parent = (hole - 1) / CHILDREN;
            if keys[parent] <= key {
                break;
            }
            keys[hole] = keys[parent];
            hole = parent;
        }
        keys[hole] = key;
    }
}

impl Extend<u128> for Near {
    fn extend<I: IntoIterator<Item = u128>>(&mut self, keys: I) {
        for key in keys {
            self.push(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_come_in_order(keys in prop::collection::vec(0..1000u128, 0..300)) {
            let mut near = Near::default();
            near.extend(keys.iter().copied());
            let got: Vec<u128> = std::iter::from_fn(|| near.pop()).collect();
            let mut sorted = keys;
            sorted.sort_unstable();
            prop_assert_eq!(got, sorted);
        }

        #[test]
        fn what_is_kept_still_comes_in_order(keys in prop::collection::vec(0..1000u128, 0..300)) {
            let mut near = Near::default();
            near.extend(keys.iter().copied());
            near.retain(|key| key % 3 != 0);
            let got: Vec<u128> = std::iter::from_fn(|| near.pop()).collect();
            let mut sorted: Vec<u128> = keys.into_iter().filter(|key| key % 3 != 0).collect();
            sorted.sort_unstable();
            prop_assert_eq!(got, sorted);
        }
    }
}
