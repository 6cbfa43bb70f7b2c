//! `policies.migration.timings` — what each step of a migration takes, and what it takes where nothing is said.

use super::migration::PrecopyPolicySpec;
use crate::units::{Bytes, SimDuration};

crate::spec! {
    /// The time that each step takes and the bytes it sends beyond the pages. A key that is absent has the default
    /// of its policy: `simgrid` has no fixed costs at all, the others have those named here.
    pub struct TimingsSpec {
        /// Checks before anything is changed; 0, because the 2.1 to 2.5 s derived from measured totals of the product
        /// hold it.
        validation: SimDuration => optional,
        /// Connection, configuration and skeleton VM on the target. Proposed: 2 s, 1 to 5.
        setup: SimDuration => optional,
        /// Added to `setup` for each GiB of memory: the target makes the pages that it will receive. 0, because it is in what was
        /// published of the products.
        setup_per_gib: SimDuration => optional,
        /// From the last byte of a round until the next begins: the target's acknowledgement and reading the log, while the
        /// guest writes on. 0, because no product's is published; `twin` measures that of a host.
        round: SimDuration => optional,
        /// Starting the log of written pages, for each GiB of memory, at the beginning of the first round: each page that is mapped is
        /// protected. 0, because no product's is published; 34 ms was seen on a host with shadow paging.
        log_start: SimDuration => optional,
        /// Stopping the virtual processors. Proposed: 20 ms, 5 to 100.
        pause: SimDuration => optional,
        /// Added to `pause` for each virtual processor beyond the first. 0, because no product's is published.
        pause_per_vcpu: SimDuration => optional,
        /// State of virtual processors and devices. Proposed: 2 MiB, 0.5 to 20.
        state: Bytes => optional,
        /// Added to `state` for each virtual processor beyond the first. 0, because no product's is published.
        state_per_vcpu: Bytes => optional,
        /// Handing over a Cluster Shared Volume. Proposed: 250 ms, 50 to 1000; 0 for policies of hypervisors whose
        /// storage needs no hand-over.
        csv_hand_over: SimDuration => optional,
        /// Taking a clustered LUN offline and online. Proposed: 2 s, 1 to 5 ("a few seconds").
        lun_hand_over: SimDuration => optional,
        /// Starting the virtual processors on the target. Proposed: 100 ms, 20 to 500; 9 ms for `clark-2005`, the
        /// least it measured.
        resume: SimDuration => optional,
        /// Added to `resume` for each virtual processor beyond the first. 0, because no product's is published.
        resume_per_vcpu: SimDuration => optional,
        /// Until switches have learnt the new port from the reverse ARP. Proposed: 1 ms, 0 to 50.
        announce: SimDuration => optional,
        /// Ending the source's worker and freeing its memory. Proposed: 500 ms.
        clean_up: SimDuration => optional,
        /// Giving storage back and resuming at the source when the hand-over fails; as long as hand-over and resume
        /// when absent.
        roll_back: SimDuration => optional,
    }
}

impl TimingsSpec {
    /// With the defaults of the policy where nothing is said; `roll_back` alone stays absent. Those of Hyper-V 2008 R2
    /// are proposed values: only their sum, 2.1 to 2.5 s around the copy, and the order of magnitude of the black-out
    /// were ever measured.
    #[must_use]
    pub fn filled(&self, policy: Option<&PrecopyPolicySpec>) -> Self {
        let own = Self::of_policy(policy);
        Self {
            validation: self.validation.or(own.validation),
            setup: self.setup.or(own.setup),
            setup_per_gib: self.setup_per_gib.or(own.setup_per_gib),
            round: self.round.or(own.round),
            log_start: self.log_start.or(own.log_start),
            pause: self.pause.or(own.pause),
            pause_per_vcpu: self.pause_per_vcpu.or(own.pause_per_vcpu),
            state: self.state.or(own.state),
            state_per_vcpu: self.state_per_vcpu.or(own.state_per_vcpu),
            csv_hand_over: self.csv_hand_over.or(own.csv_hand_over),
            lun_hand_over: self.lun_hand_over.or(own.lun_hand_over),
            resume: self.resume.or(own.resume),
            resume_per_vcpu: self.resume_per_vcpu.or(own.resume_per_vcpu),
            announce: self.announce.or(own.announce),
            clean_up: self.clean_up.or(own.clean_up),
            roll_back: self.roll_back,
        }
    }

    fn of_policy(policy: Option<&PrecopyPolicySpec>) -> Self {
        let product = Self {
            validation: Some(SimDuration::ZERO),
            setup: Some(SimDuration::from_secs(2)),
            setup_per_gib: Some(SimDuration::ZERO),
            round: Some(SimDuration::ZERO),
            log_start: Some(SimDuration::ZERO),
            pause: Some(SimDuration::from_millis(20)),
            pause_per_vcpu: Some(SimDuration::ZERO),
            state: Some(Bytes(2 << 20)),
            state_per_vcpu: Some(Bytes::ZERO),
            csv_hand_over: Some(SimDuration::from_millis(250)),
            lun_hand_over: Some(SimDuration::from_secs(2)),
            resume: Some(SimDuration::from_millis(100)),
            resume_per_vcpu: Some(SimDuration::ZERO),
            announce: Some(SimDuration::from_millis(1)),
            clean_up: Some(SimDuration::from_millis(500)),
            roll_back: None,
        };
        let no_storage = Self {
            csv_hand_over: Some(SimDuration::ZERO),
            lun_hand_over: Some(SimDuration::ZERO),
            ..product
        };
        match policy {
            None | Some(PrecopyPolicySpec::HyperVR2(_)) => product,
            Some(PrecopyPolicySpec::SimGrid(_)) => Self {
                setup: Some(SimDuration::ZERO),
                pause: Some(SimDuration::ZERO),
                state: Some(Bytes::ZERO),
                resume: Some(SimDuration::ZERO),
                announce: Some(SimDuration::ZERO),
                clean_up: Some(SimDuration::ZERO),
                ..no_storage
            },
            Some(PrecopyPolicySpec::Clark2005(_)) => Self {
                pause: Some(SimDuration::ZERO),
                state: Some(Bytes::ZERO),
                // Clark et al. measured 9 ms from the end of the copy until the VM ran.
                resume: Some(SimDuration::from_millis(9)),
                ..no_storage
            },
            Some(PrecopyPolicySpec::Qemu(_) | PrecopyPolicySpec::Xen(_) | PrecopyPolicySpec::PostCopy(_)) => {
                no_storage
            }
        }
    }
}
