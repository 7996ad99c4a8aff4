//! Placeholder for `quarantine`; its owner replaces it.
