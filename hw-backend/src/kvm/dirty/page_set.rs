//! A set of pages: one bit each, counted and walked a word at a time.

use std::ops::Range;

/// A set of page numbers below a fixed bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSet {
    words: Vec<u64>,
    pages: usize,
}

impl PageSet {
    /// No page of `pages`.
    pub fn empty(pages: usize) -> Self {
        Self {
            words: vec![0; pages.div_ceil(64)],
            pages,
        }
    }

    /// Every page of `pages`.
    pub fn full(pages: usize) -> Self {
        let mut set = Self::empty(pages);
        set.words.fill(u64::MAX);
        set.trim();
        set
    }

    /// The bound.
    pub const fn bound(&self) -> usize {
        self.pages
    }

    /// How many are in it.
    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Whether a page is in it; one beyond the bound is not.
    pub fn contains(&self, page: usize) -> bool {
        self.words
            .get(page / 64)
            .is_some_and(|word| word >> (page % 64) & 1 == 1)
    }

    /// Puts a page in; one beyond the bound is ignored.
    pub fn insert(&mut self, page: usize) {
        if page < self.pages
            && let Some(word) = self.words.get_mut(page / 64)
        {
            *word |= 1 << (page % 64);
        }
    }

    /// Takes a page out.
    pub fn remove(&mut self, page: usize) {
        if let Some(word) = self.words.get_mut(page / 64) {
            *word &= !(1 << (page % 64));
        }
    }

    /// The runs, none longer than `most`, among the `pages` from `first` on.
    pub fn part(&self, first: usize, pages: usize, most: usize) -> Vec<Range<usize>> {
        let end = first.saturating_add(pages).min(self.pages);
        let mut runs = Vec::new();
        let mut at = self.next(first, true);
        while at < end {
            let stop = self.next(at, false).min(at.saturating_add(most)).min(end);
            runs.push(at..stop);
            at = self.next(stop, true);
        }
        runs
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Puts all of `other` in. Both have the same bound.
    pub fn add(&mut self, other: &Self) {
        assert_eq!(self.pages, other.pages, "sets of one memory");
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    /// Runs of pages that follow each other, in order, none longer than `most`.
    pub fn runs(&self, most: usize) -> Runs<'_> {
        assert!(most > 0, "a run has a page");
        Runs {
            set: self,
            at: 0,
            most,
        }
    }

    /// The first page from `from` on that is in it (or, with `wanted` false, that is not), or the bound.
    fn next(&self, from: usize, wanted: bool) -> usize {
        let flip = if wanted { 0 } else { u64::MAX };
        let mut index = from / 64;
        let mut mask = u64::MAX.unbounded_shl((from % 64) as u32);
        while let Some(word) = self.words.get(index) {
            let found = (word ^ flip) & mask;
            if found != 0 {
                return (index * 64 + found.trailing_zeros() as usize).min(self.pages);
            }
            index += 1;
            mask = u64::MAX;
        }
        self.pages
    }

    /// The words, for the kernel to fill: a bit for each page.
    pub(super) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    /// The words.
    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Clears the bits of the last word that stand for no page.
    fn trim(&mut self) {
        let beyond = self.words.len() * 64 - self.pages;
        if let Some(last) = self.words.last_mut() {
            *last &= u64::MAX >> beyond;
        }
    }
}

/// See [`PageSet::runs`].
#[derive(Debug)]
pub struct Runs<'a> {
    set: &'a PageSet,
    at: usize,
    most: usize,
}

impl Iterator for Runs<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.set.next(self.at, true);
        if start >= self.set.pages {
            return None;
        }
        let end = self.set.next(start, false).min(start.saturating_add(self.most));
        self.at = end;
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_set_holds_just_its_pages() {
        for pages in [1, 63, 64, 65, 1000] {
            assert_eq!(PageSet::full(pages).count(), pages as u64);
            assert!(
                PageSet::full(pages)
                    .runs(usize::MAX)
                    .eq(std::iter::once(0..pages))
            );
        }
        assert!(PageSet::empty(0).is_empty() && PageSet::full(0).is_empty());
    }

    proptest! {
        #[test]
        fn runs_are_the_pages_in_order_and_as_long_as_allowed(
            members in proptest::collection::btree_set(0_usize..300, 0..120),
            most in 1_usize..80,
        ) {
            let mut set = PageSet::empty(290);
            for page in &members {
                set.insert(*page);
            }
            let runs: Vec<_> = set.runs(most).collect();
            let walked: Vec<usize> = runs.iter().cloned().flatten().collect();
            let expected: Vec<usize> = members.into_iter().filter(|page| *page < 290).collect();
            prop_assert_eq!(&walked, &expected);
            prop_assert_eq!(set.count(), expected.len() as u64);
            prop_assert!(runs.iter().all(|run| run.len() <= most));
            // A run ends only at a gap or at the limit.
            prop_assert!(runs.iter().all(|run| run.len() == most || !set.contains(run.end)));
        }

        #[test]
        fn parts_are_the_runs_cut_at_their_edges(
            members in proptest::collection::btree_set(0_usize..300, 0..120),
            first in 0_usize..300,
            pages in 0_usize..100,
        ) {
            let mut set = PageSet::empty(300);
            for page in &members {
                set.insert(*page);
            }
            let walked: Vec<usize> = set.part(first, pages, 7).into_iter().flatten().collect();
            let expected: Vec<usize> = members.range(first..first + pages).copied().collect();
            prop_assert_eq!(&walked, &expected);
            for page in walked {
                set.remove(page);
            }
            prop_assert_eq!(set.count() as usize, members.len() - expected.len());
        }

        #[test]
        fn adding_is_union(a in proptest::collection::vec(0_usize..200, 0..60), b in proptest::collection::vec(0_usize..200, 0..60)) {
            let of = |pages: &[usize]| {
                let mut set = PageSet::empty(200);
                for page in pages {
                    set.insert(*page);
                }
                set
            };
            let mut sum = of(&a);
            sum.add(&of(&b));
            prop_assert!((0..200).all(|page| sum.contains(page) == (a.contains(&page) || b.contains(&page))));
        }
    }
}
