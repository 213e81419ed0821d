//! longshore-runtime.
