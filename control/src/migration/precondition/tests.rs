//! Every check refuses what it should, alone and in the product's order.

use super::*;
use crate::migration::processor::guest_visible;

/// A move that nothing speaks against, and one thing after another that does.
#[derive(Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that can speak against a move"
)]
struct Move {
    edition: Edition,
    clusters: (Option<u32>, Option<u32>),
    up: bool,
    paused: bool,
    available: bool,
    running: bool,
    may_own: bool,
    volume: (VolumeKind, bool),
    busy: bool,
    vendors: (CpuVendor, CpuVendor),
    features: (Features, Features),
    lacks: Option<String>,
    free: Bytes,
    device: Option<String>,
    network: Option<NetworkId>,
    drive: bool,
}

impl Default for Move {
    fn default() -> Self {
        Self {
            edition: Edition::HyperVR2,
            clusters: (Some(0), Some(0)),
            up: true,
            paused: false,
            available: true,
            running: true,
            may_own: true,
            volume: (VolumeKind::Csv, false),
            busy: false,
            vendors: (CpuVendor::Intel, CpuVendor::Intel),
            features: (Features::SSE3, Features::SSE3),
            lacks: None,
            free: Bytes(8 << 30),
            device: None,
            network: Some(NetworkId(0)),
            drive: true,
        }
    }
}

impl View for Move {
    fn edition(&self, _: End) -> Edition {
        self.edition
    }
    fn cluster(&self, end: End) -> Option<u32> {
        if end == End::Source {
            self.clusters.0
        } else {
            self.clusters.1
        }
    }
    fn is_up(&self, end: End) -> bool {
        self.up || end == End::Source
    }
    fn target_paused(&self) -> bool {
        self.paused
    }
    fn highly_available(&self) -> bool {
        self.available
    }
    fn running(&self) -> bool {
        self.running
    }
    fn target_may_own(&self) -> bool {
        self.may_own
    }
    fn volume(&self) -> VolumeKind {
        self.volume.0
    }
    fn volume_shared_with_others(&self) -> bool {
        self.volume.1
    }
    fn busy(&self, end: End) -> bool {
        self.busy && end == End::Target
    }
    fn vendor(&self, end: End) -> CpuVendor {
        if end == End::Source {
            self.vendors.0
        } else {
            self.vendors.1
        }
    }
    fn guest_features(&self) -> Features {
        self.features.0
    }
    fn target_features(&self) -> Features {
        self.features.1
    }
    fn missing_network(&self) -> Option<String> {
        self.lacks.clone()
    }
    fn reserve(&self) -> Bytes {
        Bytes(4152 << 20)
    }
    fn target_free(&self) -> Bytes {
        self.free
    }
    fn local_device(&self) -> Option<String> {
        self.device.clone()
    }
    fn excesses(&self) -> Vec<Excess> {
        vec![Excess {
            code: "LIMIT_VMS",
            limit: 384,
            would_be: 385,
        }]
    }
    fn network(&self) -> Option<NetworkId> {
        self.network
    }
    fn starts_by_cluster_only(&self) -> bool {
        false
    }
    fn same_system_drive(&self) -> bool {
        self.drive
    }
}

fn code(view: &Move) -> &'static str {
    check(view).expect_err("something speaks against it").code
}

/// A way to spoil a move, and the code it must be refused with.
type Spoiler = (&'static str, fn(&mut Move));

const SPOILERS: &[Spoiler] = &[
    ("LM_UNSUPPORTED_HOST", |m| m.edition = Edition::HyperV2008),
    ("LM_NOT_CLUSTERED", |m| m.clusters.1 = Some(1)),
    ("LM_NODE_DOWN", |m| m.up = false),
    ("LM_TARGET_PAUSED", |m| m.paused = true),
    ("LM_BAD_STATE", |m| m.running = false),
    ("LM_BAD_STATE", |m| m.available = false),
    ("LM_NOT_POSSIBLE_OWNER", |m| m.may_own = false),
    ("LM_STORAGE_NOT_MOVABLE", |m| m.volume = (VolumeKind::Lun, true)),
    ("LM_NODE_BUSY", |m| m.busy = true),
    ("LM_CPU_VENDOR", |m| m.vendors.1 = CpuVendor::Amd),
    ("LM_CPU_FEATURES", |m| {
        m.features.0 = Features::SSE3.and(Features::SSE42);
    }),
    ("LM_NO_VSWITCH", |m| m.lacks = Some("External".to_owned())),
    ("LM_NO_MEMORY", |m| m.free = Bytes(4151 << 20)),
    ("LM_LOCAL_DEVICE", |m| m.device = Some("the DVD drive".to_owned())),
    ("LM_NO_NETWORK", |m| m.network = None),
];

#[test]
fn each_check_refuses_alone_and_before_all_later_ones() {
    for (first, (code_wanted, spoil)) in SPOILERS.iter().enumerate() {
        let mut one = Move::default();
        spoil(&mut one);
        assert_eq!(code(&one), *code_wanted);
        for (_, later) in &SPOILERS[first + 1..] {
            later(&mut one);
        }
        assert_eq!(code(&one), *code_wanted, "it comes first");
    }
    let drive = Move {
        drive: false,
        ..Move::default()
    };
    assert_eq!(code(&drive), "CSV_SYSDRIVE_MISMATCH");
}

#[test]
fn what_the_product_warns_of_does_not_refuse() {
    let warnings = check(&Move::default()).expect("nothing speaks against it");
    let codes: Vec<&str> = warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(codes, ["LIMIT_VMS", "WARN_START_ACTION"]);
}

#[test]
fn a_lun_of_its_own_is_movable_and_a_local_disk_is_not() {
    let lun = Move {
        volume: (VolumeKind::Lun, false),
        ..Move::default()
    };
    assert!(check(&lun).is_ok());
    let local = Move {
        volume: (VolumeKind::Local, false),
        ..Move::default()
    };
    assert_eq!(code(&local), "LM_STORAGE_NOT_MOVABLE");
}

#[test]
fn the_memory_message_is_the_products() {
    let why = check(&Move {
        free: Bytes(1 << 30),
        ..Move::default()
    })
    .expect_err("too little");
    assert_eq!(
        why.message,
        "Unable to allocate 4152 MB of RAM: Insufficient system resources exist to complete the requested service. \
         (0x800705AA)"
    );
}

#[test]
fn todays_hosts_need_no_cluster() {
    let free = Move {
        edition: Edition::Modern,
        clusters: (None, None),
        available: false,
        ..Move::default()
    };
    assert!(check(&free).is_ok());
}

#[test]
fn nehalem_to_core_2_needs_compatibility_mode() {
    let (nehalem, core2) = (
        Features::of_generation(CpuVendor::Intel, "nehalem"),
        Features::of_generation(CpuVendor::Intel, "core2"),
    );
    let visible = |mode| guest_visible(CpuVendor::Intel, nehalem, mode);
    assert_eq!(
        code(&Move {
            features: (visible(false), core2),
            ..Move::default()
        }),
        "LM_CPU_FEATURES"
    );
    assert!(
        check(&Move {
            features: (visible(true), core2),
            ..Move::default()
        })
        .is_ok()
    );
    let amd = Move {
        features: (visible(true), core2),
        vendors: (CpuVendor::Intel, CpuVendor::Amd),
        ..Move::default()
    };
    assert_eq!(code(&amd), "LM_CPU_VENDOR", "never across vendors");
}
