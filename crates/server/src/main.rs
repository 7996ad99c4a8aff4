//! The `pix-stream` binary: reads the configuration, wires the crates, runs the command.

fn main() {}
