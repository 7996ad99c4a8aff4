//! The Journal on a real Cassandra.
