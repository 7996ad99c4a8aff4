//! Placeholder for `audit`; its owner replaces it.
