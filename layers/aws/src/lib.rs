//! longshore-aws.
