//! Power models against published measurements: 619 curves, and a host whose idle power was measured core by core.

/// What they share.
mod support;

#[path = "power/approximations.rs"]
mod approximations;
#[path = "power/curves.rs"]
mod curves;
#[path = "power/given_back.rs"]
mod given_back;
#[path = "power/specpower.rs"]
mod specpower;
#[path = "power/staircase.rs"]
mod staircase;
#[path = "power/tables.rs"]
mod tables;
#[path = "power/whole.rs"]
mod whole;
