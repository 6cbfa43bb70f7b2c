//! The integration tests: each module says what it holds; a new test goes where its sentence fits.

/// The command as a user meets it: exit statuses, output, records on disk.
mod command;
/// Both bodies carry the same scenario out alike: the same events in the same order.
mod conformance;
/// Hosts that lose power in the middle of a migration.
mod crashes;
/// The same input gives the same record, whatever the threads.
mod determinism;
/// Guests of the KVM body that use their devices: what they wrote is there.
mod devices;
/// Every scenario of the library runs, meets its expectations and comes out as it did before.
mod scenarios;
/// Sweeps give the same table whatever the threads, the shards and the interruptions.
mod sweep;
