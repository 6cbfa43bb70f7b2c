//! Migration end to end without the engine: policies, state machine and dirty model against what is known of them.

/// What they share.
mod support;

#[path = "migration/body.rs"]
mod body;
#[path = "migration/closed_forms.rs"]
mod closed_forms;
#[path = "migration/policies.rs"]
mod policies;
#[path = "migration/product.rs"]
mod product;
#[path = "migration/setup.rs"]
mod setup;
#[path = "migration/simgrid.rs"]
mod simgrid;
#[path = "migration/validation.rs"]
mod validation;
