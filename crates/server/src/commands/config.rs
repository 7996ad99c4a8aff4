//! `pix-stream config check|print|schema`.

use std::path::Path;

use pix_stream_config::{self as config, Config, Flags};

use crate::cli::{ConfigArgs, ConfigCommand};
use crate::failure::Failure;
use crate::{environment, output};

/// Runs the command.
///
/// # Errors
/// The configuration has problems; all of them were written to stderr.
pub fn run(args: &ConfigArgs) -> Result<(), Failure> {
    match &args.command {
        ConfigCommand::Check(args) => {
            let config = load(&args.config)?;
            for (key, path) in config.missing_files() {
                output::note(format_args!("note: {key}: {} does not exist yet", path.display()));
            }
            output::line(format_args!("{}: ok", args.config.display()))?;
        }
        ConfigCommand::Print(args) => output::text(&load(&args.config)?.to_masked_toml())?,
        ConfigCommand::Schema(_) => output::line(format_args!("{:#}", config::json_schema()))?,
    }
    Ok(())
}

/// Loads a configuration without flags, and writes every problem to stderr.
fn load(path: &Path) -> Result<Config, Failure> {
    config::load(path, &environment::of_process(), Flags::default()).map_err(|problems| {
        output::note(&problems);
        let count = problems.all().len();
        output::note(format_args!(
            "{}: {count} problem{}",
            path.display(),
            if count == 1 { "" } else { "s" }
        ));
        Failure::silent()
    })
}
