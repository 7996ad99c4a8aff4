//! The `pix-stream` binary: reads the command line and runs the command.

use std::process::ExitCode;

use clap::Parser as _;
use pix_stream_server::cli::{Cli, Command};
use pix_stream_server::{commands, failure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Config(args) => commands::config::run(&args),
        Command::Init(args) => commands::init::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
    };
    failure::exit_code(result)
}
