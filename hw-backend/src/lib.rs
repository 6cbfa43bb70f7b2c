//! The KVM body of twinrack: what a host can do, a micro-VMM, guests at CPL 3, and live migration over TCP.
//!
//! The only crate with `unsafe`; each file that has some says why in its first lines, each block why it is sound.

#![deny(clippy::undocumented_unsafe_blocks)]

pub mod body;
pub mod calibrate;
pub mod guest;
pub mod kvm;
pub mod lab;
pub mod migrate;
pub mod probe;
#[cfg(test)]
mod testing;
