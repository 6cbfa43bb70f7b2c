//! The bitmap with manual protection: reading it changes nothing, each chunk is protected again just before it is sent.

use super::{DirtyLog, PageSet};
use crate::kvm::{Error, Vm};

/// The log of a VM made with [`super::DirtyMechanism::ManualProtect`].
pub(super) struct Manual {
    vm: Vm,
    /// Reused, so that collecting allocates nothing in the pause.
    read: PageSet,
}

impl Manual {
    pub(super) fn new(vm: Vm) -> Self {
        let read = PageSet::empty(vm.memory().pages());
        Self { vm, read }
    }
}

impl DirtyLog for Manual {
    fn start(&mut self) -> Result<(), Error> {
        self.vm.set_logging(true)
    }

    fn rearm(&mut self, first: usize, pages: usize, set: &PageSet) -> Result<(), Error> {
        let end = (first + pages).min(set.bound());
        let Some(words) = set.words().get(first / 64..end.div_ceil(64)) else {
            return Ok(());
        };
        // The kernel takes whole words only, but for the end of the slot.
        let covered = (words.len() * 64).min(set.bound() - first);
        self.vm.clear_log(first as u64, covered as u32, words)
    }

    fn collect(&mut self, into: &mut PageSet) -> Result<(), Error> {
        self.vm.read_log(self.read.words_mut())?;
        into.add(&self.read);
        Ok(())
    }

    fn stop(&mut self) -> Result<(), Error> {
        self.vm.set_logging(false)
    }
}
