//! longshore-local-postgres.
