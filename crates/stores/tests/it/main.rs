//! Real stores, started and harmed (issue 6, items 7 and 8).

mod cassandra;
mod process;
mod redis;
mod secured;
