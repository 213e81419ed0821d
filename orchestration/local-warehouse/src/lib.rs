//! longshore-local-warehouse.
