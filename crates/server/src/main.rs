//! The `pix-stream` binary: reads the command line and runs the command.

use std::process::ExitCode;

use clap::Parser as _;
use pix_stream_operate as operate;
use pix_stream_server::cli::{Cli, Command};
use pix_stream_server::{commands, failure, system};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    system::use_small_pages();
    let command = Cli::parse().command;
    if matches!(command, Command::Demo(_) | Command::Serve(_) | Command::Validate(_)) {
        system::prefer_short_comparisons();
    }
    let result = match command {
        Command::Admin(args) => operate::admin::run(&args),
        Command::Audit(args) => operate::audit::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Config(args) => commands::config::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Init(args) => commands::init::run(&args),
        Command::Keys(args) => operate::keys::run(&args),
        Command::Migrate(args) => commands::migrate::run(&args),
        Command::Publish(args) => commands::publish::run(&args),
        Command::Pull(args) => commands::pull::run(&args),
        Command::Regions(args) => commands::regions::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Token(args) => commands::token::run(&args),
        Command::Validate(args) => commands::validate::run(&args),
    };
    failure::exit_code(result)
}
