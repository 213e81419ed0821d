//! longshore-copy.
