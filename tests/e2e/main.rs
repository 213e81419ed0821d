//! End-to-end tests on the shipped executables.
