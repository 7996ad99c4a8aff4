//! Placeholder for `tables`; its owner replaces it.
