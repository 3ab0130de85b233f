//! Tests of the folder's own seams: configuration, patches on fixtures, drift.
