//! Power models against published measurements: 619 curves, and a host whose idle power was measured core by core.

#[path = "power/approximations.rs"]
mod approximations;
#[path = "power/curves.rs"]
mod curves;
#[path = "power/specpower.rs"]
mod specpower;
#[path = "power/staircase.rs"]
mod staircase;
#[path = "power/tables.rs"]
mod tables;
