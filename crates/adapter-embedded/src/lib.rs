//! The embedded stores: a Journal on redb and the in-process Coordinator.
