//! Preconditions.
