//! Starts one Redis and one Cassandra and keeps them until interrupted or until its input ends.
//!
//! `cargo run -p pix-stream-stores --example up -- DIRECTORY [REDIS_PORT [CASSANDRA_PORT [HEAP_MIB]]]`; the two
//! addresses are its output, a line each. For work on the adapters; tests get theirs from `cargo xtask test`.

use std::io::Write as _;
use std::thread;

use pix_stream_stores::{Cassandra, Error, Redis, cassandra, redis};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let directory = arguments.first().map_or_else(|| "target/stores/up".into(), std::path::PathBuf::from);
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u16>().ok());
    let redis =
        Redis::start(&redis::Options { port: number(1), ..redis::Options::new(directory.join("redis")) })?;
    let cassandra = Cassandra::start(&cassandra::Options {
        port: number(2),
        heap_mib: number(3).map_or(256, u32::from),
        ..cassandra::Options::new(directory.join("cassandra"))
    })?;
    let mut out = std::io::stdout();
    let written = writeln!(out, "redis={}\ncassandra={}", redis.address(), cassandra.address());
    written.map_err(|source| Error::Io { what: "write the addresses".to_owned(), source })?;
    loop {
        thread::park();
    }
}
