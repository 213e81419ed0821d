//! longshore-preprocess.
