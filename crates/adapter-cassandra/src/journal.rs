//! The Journal on Cassandra.
