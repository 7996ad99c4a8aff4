//! `pix-stream config check|print|schema`.

use std::path::Path;

use pix_stream_config::{self as config, Config, Flags};

use pix_stream_offline::folder;

use crate::cli::{ConfigArgs, ConfigCommand};
use crate::failure::Failure;
use crate::{compose, environment, output};

/// Runs the command.
///
/// # Errors
/// The configuration has problems; all of them were written to stderr.
pub fn run(args: &ConfigArgs) -> Result<(), Failure> {
    match &args.command {
        ConfigCommand::Check(args) => {
            let config = load(&args.config)?;
            let missing = config.missing_files();
            for (key, path) in &missing {
                output::note(format_args!("note: {key}: {} does not exist yet", path.display()));
            }
            check_files(&args.config, &config, |key| missing.iter().any(|(other, _)| *other == key))?;
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
        counted(path, problems.all().len())
    })
}

/// Schemas and signers' certificates are read as `serve` would read them; folders that are missing were noted.
fn check_files(path: &Path, config: &Config, is_missing: impl Fn(&str) -> bool) -> Result<(), Failure> {
    let mut count = 0;
    let mut tell = |key: &str, problems: Vec<String>| {
        count += problems.len();
        for problem in problems {
            output::note(format_args!("{key}: {problem}"));
        }
    };
    if !is_missing("schemas.directory")
        && let Err(problems) = folder::load(config.schemas.directory.as_deref())
    {
        tell("schemas.directory", problems);
    }
    if !is_missing("publish.certificates")
        && let Err(problems) = compose::verifier(config)
    {
        tell("publish.certificates", problems);
    }
    if count == 0 { Ok(()) } else { Err(counted(path, count)) }
}

fn counted(path: &Path, count: usize) -> Failure {
    output::note(format_args!("{}: {count} problem{}", path.display(), if count == 1 { "" } else { "s" }));
    Failure::silent()
}
