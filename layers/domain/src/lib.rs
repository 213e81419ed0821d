//! longshore-domain.
