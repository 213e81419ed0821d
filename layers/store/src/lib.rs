//! longshore-store.
