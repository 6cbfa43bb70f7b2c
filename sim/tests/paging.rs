//! Paging against published measurements.

/// What they share.
mod support;

#[path = "paging/validation.rs"]
mod validation;
