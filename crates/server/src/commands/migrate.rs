//! `pix-stream migrate`: the schema of a cluster's Cassandra.

use std::path::Path;

use pix_stream_adapter_cassandra::migrations::{Migrations, State, Status, Step};
use pix_stream_config::Flags;
use pix_stream_process::configuration::load;
use serde::Serialize;

use super::serve::runtime;
use crate::cli::{MigrateArgs, MigrateCommand, MigrateOptions};
use crate::failure::Failure;
use crate::output;

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    migration: &'a str,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// Cassandra cannot be reached, or its schema is not what was asked for.
pub fn run(args: &MigrateArgs) -> Result<(), Failure> {
    match &args.command {
        MigrateCommand::Up(options) => runtime()?.block_on(up(options)),
        MigrateCommand::Status(options) => runtime()?.block_on(status(options)),
        MigrateCommand::Verify(options) => runtime()?.block_on(verify(options)),
    }
}

async fn open(config: &Path) -> Result<Migrations, Failure> {
    let config = load(config, Flags::default())?;
    let migrations = pix_stream_cluster::migrations(&config).await.map_err(|error| {
        Failure::new(error).next("start Cassandra, or correct [cassandra] of the configuration")
    })?;
    Ok(migrations.by(&format!("process {}", std::process::id())))
}

async fn up(options: &MigrateOptions) -> Result<(), Failure> {
    let migrations = open(&options.config).await?;
    let mut done = 0_usize;
    let report = |step: Step| match step {
        Step::Waiting { by } => output::note(format_args!("waiting for another runner: {by}")),
        Step::Keyspace => output::note("the keyspace is made"),
        Step::Statement { name, number, of } => output::note(format_args!("{name}: {number} of {of}")),
        Step::Done { name } => {
            done += 1;
            show(options, name, "applied", None);
        }
    };
    migrations.up(report).await.map_err(|error| {
        Failure::new(error)
            .next("run it again: it goes on where it was; `pix-stream migrate status` says how it stands")
    })?;
    if done == 0 {
        output::note("nothing to do: the schema is this build's");
    }
    Ok(())
}

/// A reader that went away is no reason to stop half way.
fn show(options: &MigrateOptions, migration: &str, state: &str, detail: Option<String>) {
    let _reader_went_away = match options.json {
        true => output::json(&Line { migration, state, detail }),
        false => output::line(format_args!(
            "{migration:<32} {state}{}",
            detail.map(|d| format!(" {d}")).unwrap_or_default()
        )),
    };
}

async fn status(options: &MigrateOptions) -> Result<(), Failure> {
    let migrations = open(&options.config).await?;
    for Status { name, state, .. } in migrations.status().await.map_err(Failure::new)? {
        let (word, detail) = match state {
            State::Applied { at, by } => {
                let at = pix_stream_development::rfc3339::text(at);
                ("applied", Some(format!("at {at} by {by}")))
            }
            State::Half { done, of } => ("half", Some(format!("{done} of {of} statements"))),
            State::Pending => ("pending", None),
            State::Changed => {
                ("changed", Some("its file was another one when it was carried out".to_owned()))
            }
            State::Newer => ("newer", Some("this build does not have it".to_owned())),
        };
        show(options, &name, word, detail);
    }
    migrations.check().await.map_err(Failure::new)
}

async fn verify(options: &MigrateOptions) -> Result<(), Failure> {
    let migrations = open(&options.config).await?;
    let problems = migrations.verify().await.map_err(Failure::new)?;
    for problem in &problems {
        match options.json {
            true => output::json(&serde_json::json!({ "problem": problem.to_string() }))?,
            false => output::line(problem)?,
        }
    }
    match problems.len() {
        0 => {
            output::note("the schema is this build's, and whole");
            Ok(())
        }
        count => Err(Failure::new(format_args!("{count} problems"))),
    }
}
