//! The integration tests: each module says what it holds; a new test goes where its sentence fits.

/// Agents of the KVM body: one that hangs, what they say of their hosts, and guests that they keep in files.
mod agents;
/// The command as a user meets it: exit statuses, output, records on disk.
mod command;
/// Both bodies carry the same scenario out alike: the same events in the same order.
mod conformance;
/// Hosts that lose power in the middle of a migration.
mod crashes;
/// The same input gives the same record, whatever the threads.
mod determinism;
/// Guests of the KVM body that use disk and network: what they wrote is there, and what they sent has come.
mod devices;
/// Files that a killed command was writing are whole or absent, and the command goes on when it is given again.
mod howto;
mod kills;
/// Logs of a lab become records, and profiles are fitted to them.
mod record;
/// Every scenario of the library runs, meets its expectations and comes out as it did before.
mod scenarios;
/// Suites of scenarios: what passes, what fails, what can't be run.
mod suites;
/// Sweeps give the same table whatever the threads, the shards and the interruptions.
mod sweep;
/// The workflows of the manual do what they say, tried by their steps.
mod workflows;
