//! The integration tests: each module says what it holds; a new test goes where its sentence fits.

/// Every scenario of the library runs, meets its expectations and comes out as it did before.
mod scenarios;
