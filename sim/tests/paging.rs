//! Paging against published measurements.

#[path = "paging/validation.rs"]
mod validation;
