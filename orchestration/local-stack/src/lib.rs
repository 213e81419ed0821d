//! longshore-local-stack.
