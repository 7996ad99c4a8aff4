//! The Cassandra stores from outside. Skipped where no Cassandra is named.

mod journal;
