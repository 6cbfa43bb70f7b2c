//! Every check refuses what it should, alone and in the product's order.

use twinrack_scenario::spec::generation::Generation;
use twinrack_scenario::spec::host::CpuVendor;
use twinrack_scenario::units::Bytes;

use super::*;
use crate::limits::{Newcomer, Running};
use crate::migration::networks::Candidate;
use crate::migration::processor::guest_visible;

/// A move that nothing speaks against.
fn facts() -> Facts {
    let host = HostFacts {
        edition: Edition::HyperVR2,
        cluster: Some(0),
        up: true,
        vendor: CpuVendor::Intel,
        features: Features::SSE3,
        system_drive: "C:".to_owned(),
    };
    Facts {
        target: host.clone(),
        source: host,
        cluster_nodes: 2,
        running: true,
        highly_available: true,
        target_may_own: true,
        volume: VolumeKind::Csv,
        volume_shared: false,
        guest_features: Features::SSE3,
        missing_network: None,
        reserve: Bytes(4152 << 20),
        target_free: Bytes(8 << 30),
        local_device: None,
        target_holds: Running {
            processors: 16,
            unreserved: 1.0,
            ..Running::default()
        },
        asks: Newcomer {
            vcpus: 2,
            memory: Bytes(4 << 30),
            reserve: 1.0,
        },
        networks: vec![Candidate {
            network: NetworkId(0),
            metric: 1100,
            up: true,
        }],
        automatic_start: false,
    }
}

/// The facts, but for what is changed.
fn with(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = facts();
    change(&mut facts);
    facts
}

fn live(facts: &Facts) -> Result<Cleared, Refusal> {
    check(facts, MigrationKind::Live, false)
}

fn code(facts: &Facts) -> &'static str {
    live(facts).expect_err("something speaks against it").code
}

/// A way to spoil a move, and the code it must be refused with.
type Spoiler = (&'static str, fn(&mut Facts));

const SPOILERS: &[Spoiler] = &[
    ("LM_UNSUPPORTED_HOST", |f| f.target.edition = Edition::HyperV2008),
    ("LM_NOT_CLUSTERED", |f| f.target.cluster = Some(1)),
    ("LM_NODE_DOWN", |f| f.target.up = false),
    ("LM_BAD_STATE", |f| f.running = false),
    ("LM_BAD_STATE", |f| f.highly_available = false),
    ("LM_NOT_POSSIBLE_OWNER", |f| f.target_may_own = false),
    ("LM_STORAGE_NOT_MOVABLE", |f| {
        (f.volume, f.volume_shared) = (VolumeKind::Lun, true);
    }),
    ("LM_CPU_VENDOR", |f| f.target.vendor = CpuVendor::Amd),
    ("LM_CPU_FEATURES", |f| {
        f.guest_features = Features::SSE3.and(Features::SSE42);
    }),
    ("LM_NO_VSWITCH", |f| {
        f.missing_network = Some("External".to_owned());
    }),
    ("LM_NO_MEMORY", |f| f.target_free = Bytes(4151 << 20)),
    ("LM_NO_RESERVE", |f| f.target_holds.unreserved = 0.5),
    ("LM_LOCAL_DEVICE", |f| {
        f.local_device = Some("the DVD drive".to_owned());
    }),
    ("LM_NO_NETWORK", |f| f.networks[0].up = false),
];

#[test]
fn each_check_refuses_alone_and_before_all_later_ones() {
    for (first, (code_wanted, spoil)) in SPOILERS.iter().enumerate() {
        let mut one = facts();
        spoil(&mut one);
        assert_eq!(code(&one), *code_wanted);
        for (_, later) in &SPOILERS[first + 1..] {
            later(&mut one);
        }
        assert_eq!(code(&one), *code_wanted, "it comes first");
    }
    let drive = with(|f| f.target.system_drive = "D:".to_owned());
    assert_eq!(code(&drive), "CSV_SYSDRIVE_MISMATCH");
    let paused = check(&facts(), MigrationKind::Live, true).expect_err("paused");
    assert_eq!(paused.code, "LM_TARGET_PAUSED");
}

#[test]
fn only_five_are_made_when_a_move_is_asked_for() {
    let asked = |spoil: &fn(&mut Facts)| {
        let mut one = facts();
        spoil(&mut one);
        request(&one, MigrationKind::Live, false)
    };
    let (first, later) = SPOILERS.split_at(7);
    assert!(first.iter().all(|(_, spoil)| asked(spoil).is_err()));
    assert!(
        later.iter().all(|(_, spoil)| asked(spoil).is_ok()),
        "its turn may be long after"
    );
}

#[test]
fn quick_migration_needs_no_live_migration() {
    let quick = |facts: &Facts| check(facts, MigrationKind::Quick, false);
    for spoil in [
        (|f| f.source.edition = Edition::HyperV2008) as fn(&mut Facts),
        |f| (f.volume, f.volume_shared) = (VolumeKind::Lun, true),
        |f| f.networks[0].up = false,
    ] {
        assert!(live(&with(spoil)).is_err() && quick(&with(spoil)).is_ok());
    }
    for spoil in [
        (|f| f.target.cluster = None) as fn(&mut Facts),
        |f| f.volume = VolumeKind::Local,
        |f| f.target_free = Bytes::ZERO,
    ] {
        assert!(quick(&with(spoil)).is_err());
    }
}

#[test]
fn a_saved_state_is_restored_only_where_its_processor_features_are() {
    for (code, spoil) in [
        (
            "LM_CPU_FEATURES",
            (|f| f.guest_features = Features::SSE42) as fn(&mut Facts),
        ),
        ("LM_CPU_VENDOR", |f| f.target.vendor = CpuVendor::Amd),
    ] {
        let refused = check(&with(spoil), MigrationKind::Quick, false).expect_err("it could not be restored");
        assert_eq!(refused.code, code);
    }
}

#[test]
fn what_the_product_warns_of_does_not_refuse() {
    let crowded = with(|f| {
        (f.target_holds.vms, f.target_holds.vcpus) = (384, 128);
        f.automatic_start = true;
    });
    let cleared = live(&crowded).expect("nothing speaks against it");
    let codes: Vec<&str> = cleared.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(codes, ["LIMIT_VMS", "LIMIT_VP_RATIO", "WARN_START_ACTION"]);
    assert_eq!(cleared.network, Some(NetworkId(0)));
}

#[test]
fn a_lun_of_its_own_is_movable_and_a_local_disk_is_not() {
    assert!(live(&with(|f| f.volume = VolumeKind::Lun)).is_ok());
    assert_eq!(
        code(&with(|f| f.volume = VolumeKind::Local)),
        "LM_STORAGE_NOT_MOVABLE"
    );
}

#[test]
fn a_cluster_has_two_to_sixteen_nodes() {
    for (nodes, fits) in [(1, false), (2, true), (16, true), (17, false)] {
        assert_eq!(live(&with(|f| f.cluster_nodes = nodes)).is_ok(), fits);
    }
}

#[test]
fn the_memory_message_is_the_products() {
    let why = live(&with(|f| f.target_free = Bytes(1 << 30))).expect_err("too little");
    assert_eq!(
        why.message,
        "Unable to allocate 4152 MB of RAM: Insufficient system resources exist to complete the requested service. \
         (0x800705AA)"
    );
}

#[test]
fn todays_hosts_need_no_cluster() {
    let free = with(|f| {
        for host in [&mut f.source, &mut f.target] {
            (host.edition, host.cluster) = (Edition::Modern, None);
        }
        f.highly_available = false;
    });
    assert!(live(&free).is_ok());
}

#[test]
fn nehalem_to_core_2_needs_compatibility_mode() {
    let (nehalem, core2) = (
        Features::of_generation(Generation::Nehalem),
        Features::of_generation(Generation::Core2),
    );
    let started = |mode| {
        with(|f| {
            f.guest_features = guest_visible(CpuVendor::Intel, nehalem, mode);
            f.target.features = core2;
        })
    };
    assert_eq!(code(&started(false)), "LM_CPU_FEATURES");
    assert!(live(&started(true)).is_ok());
    let mut amd = started(true);
    amd.target.vendor = CpuVendor::Amd;
    assert_eq!(code(&amd), "LM_CPU_VENDOR", "never across vendors");
}
