//! longshore-testkit.
