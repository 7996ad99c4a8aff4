//! Placeholder for `regions`; its owner replaces it.
