//! longshore-app.
