//! Guests: small programs assembled here, run at CPL 3 in 64-bit mode, told what to do through a shared page.
//!
//! CPL 3 is where guest code runs natively on every kind of KVM; at CPL 0 a host without hardware virtualisation emulates each
//! instruction. A guest therefore has no kernel: the host lays out its descriptor tables and page tables
//! ([`boot`]), it asks the host for time to pass by writing to an I/O port ([`layout::DOORBELL`]), and an exception, which
//! should never happen, ends in a handler of four instructions that tells its number.
//!
//! What a guest may not use, because hosts differ in it: `CPUID`, `HLT`, `VMCALL`, `RDPMC`, `SYSCALL`, single steps.
//!
//! [`program`] is the one program: a paced loop that in each period dirties pages of several classes, updates page tables, walks
//! memory, uses its disk and its network, burns processor time, and sleeps until the next. [`workload`] turns the parameters of a scenario's VM into its numbers; [`ledger`]
//! is what it counts and how a lost or corrupted page is found.

pub mod asm;
pub mod boot;
pub mod devices;
pub mod disk;
pub mod layout;
pub mod ledger;
pub mod machine;
pub mod network;
pub mod placed;
pub mod program;
pub mod workload;

pub use devices::Devices;
pub use ledger::Ledger;
pub use machine::Machine;
pub use workload::Workload;
