//! `pix-stream completions`: a shell's completion script, made from the definition of the command line.

use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionsArgs};
use crate::failure::Failure;
use crate::output;

/// Runs the command.
///
/// # Errors
/// Stdout is closed or full.
pub fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut definition = Cli::command();
    let name = definition.get_name().to_owned();
    // Made whole first: it panics where it cannot write, and whoever reads it may have gone.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut definition, name, &mut script);
    Ok(output::text(&String::from_utf8_lossy(&script))?)
}
