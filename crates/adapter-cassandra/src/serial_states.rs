//! Placeholder for `serial_states`; its owner replaces it.
