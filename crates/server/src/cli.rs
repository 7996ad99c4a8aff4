//! The command line: every command with its options, help and examples (cli.md). No command runs here.

mod cluster;
mod messages;
mod operation;
mod serving;
mod validate;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};
use pix_stream_operate::args::{AdminArgs, AuditArgs, KeyFilesArgs};

pub use cluster::{MigrateArgs, MigrateCommand, MigrateOptions, RegionsArgs, RegionsCommand, RegionsOptions};
pub use messages::{PublishArgs, PullArgs, PullEnd, PullForm, Source};
pub use operation::{CompletionsArgs, TokenArgs, TokenCommand};
pub use serving::{
    ConfigArgs, ConfigCommand, ConfigFileArgs, DemoArgs, InitArgs, ListenArgs, SchemaArgs, ServeArgs,
};
pub use validate::ValidateArgs;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Delivers Pix messages to participants as ICOM does: streams over mutual TLS, nothing lost.
#[derive(Debug, Parser)]
#[command(
    name = "pix-stream",
    version,
    styles = STYLES,
    arg_required_else_help = true,
    after_help = "Examples:
  pix-stream demo
  pix-stream init --dir pix && pix-stream serve --config pix/pix-stream.toml

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. Results go to stdout, all else to stderr."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands. The line above each is its purpose in the help.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows everything at work: a fresh folder, a server, a publisher and a consumer in one process
    Demo(DemoArgs),
    /// Makes a folder that works as it is: configuration, development CA, certificates, keys, data
    Init(InitArgs),
    /// Runs the server: one ready line on stdout, logs on stderr
    Serve(ServeArgs),
    /// Checks the configuration, shows what is in force, describes the file
    Config(ConfigArgs),
    /// Brings the schema of a cluster's Cassandra up to this build's, and says how it stands
    Migrate(MigrateArgs),
    /// Shows which region serves whom, takes participants of a lost region over and hands them back
    Regions(RegionsArgs),
    /// Publishes messages and prints the id of each
    Publish(PublishArgs),
    /// Reads a participant's messages as a good client does: stores, then confirms
    Pull(PullArgs),
    /// Judges messages offline: schema and header, one verdict a file
    Validate(ValidateArgs),
    /// Operates a running server through its admin listener
    Admin(AdminArgs),
    /// Lists, makes and retires the files of token keys, where no server needs to run
    Keys(KeyFilesArgs),
    /// Looks into PI-Pull-Next tokens
    Token(TokenArgs),
    /// Works with the audit log
    Audit(AuditArgs),
    /// Prints what makes a shell complete the commands and options of this program
    Completions(CompletionsArgs),
}

#[cfg(test)]
mod tests;
