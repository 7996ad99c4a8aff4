//! Placeholder for `migrations`; its owner replaces it.
