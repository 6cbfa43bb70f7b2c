//! The plain bitmap: reading it clears it and protects the dirty pages again, all in one call.

use super::{DirtyLog, PageSet};
use crate::kvm::{Error, Vm};

/// The log of a VM made with [`super::DirtyMechanism::Bitmap`].
pub(super) struct Bitmap {
    vm: Vm,
    /// Reused, so that collecting allocates nothing in the pause.
    read: PageSet,
}

impl Bitmap {
    pub(super) fn new(vm: Vm) -> Self {
        let read = PageSet::empty(vm.memory().pages());
        Self { vm, read }
    }
}

impl DirtyLog for Bitmap {
    fn start(&mut self) -> Result<(), Error> {
        self.vm.set_logging(true)
    }

    fn rearm(&mut self, _: usize, _: usize, _: &PageSet) -> Result<(), Error> {
        Ok(())
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
