//! `cargo xtask`: checks, tests, simulation and benchmarks of the workspace, one command each.

fn main() {}
