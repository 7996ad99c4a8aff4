//! `pix-stream regions`: who serves whose participants, when a data centre is lost and when it is back (docs/regions.md).

use std::time::Duration;

use pix_stream_adapter_cassandra::regions::{CassandraRegions, CommandError, Holding, TakenOver};
use pix_stream_config::{Config, Flags};
use pix_stream_process::configuration::load;
use serde::Serialize;

use super::serve::runtime;
use crate::cli::{RegionsArgs, RegionsCommand, RegionsOptions};
use crate::cluster;
use crate::failure::Failure;
use crate::output;

/// How often it is looked again for regions that were not read yet.
const LOOK_AGAIN_EVERY: Duration = Duration::from_millis(100);
/// How many times at most.
const LOOKS_MAX: usize = 50;

/// One line of `show --json`.
#[derive(Serialize)]
struct Line<'a> {
    region: &'a str,
    holder: &'a str,
    epoch: u32,
    here: bool,
}

/// Runs the command.
///
/// # Errors
/// Cassandra cannot be reached, the region lives, there is no majority to decide with.
pub fn run(args: &RegionsArgs) -> Result<(), Failure> {
    runtime()?.block_on(async {
        match &args.command {
            RegionsCommand::Show(options) => show(options).await,
            RegionsCommand::TakeOver { region, options } => take_over(region, options).await,
            RegionsCommand::HandOver { region, to, options } => {
                let (_, regions) = open(options).await?;
                let epoch = regions.hand_over(region, to).await.map_err(refused)?;
                done(options, &format!("{to} serves the participants of {region}"), epoch)
            }
            RegionsCommand::Assign { ispb, region, options } => {
                let (config, regions) = open(options).await?;
                let wait = config.region.lease + config.region.margin;
                output::note(format_args!("waiting {wait:?}, until whoever served it has surely stopped"));
                let epoch = regions.assign(*ispb, region.as_deref()).await.map_err(refused)?;
                let owner = region.as_deref().unwrap_or("the region that hashing gives");
                done(options, &format!("{owner} owns {ispb}"), epoch)
            }
        }
    })
}

async fn open(options: &RegionsOptions) -> Result<(Config, CassandraRegions), Failure> {
    let config = load(&options.config, Flags::default())?;
    if config.region.name.is_empty() {
        return Err(Failure::new(CommandError::Alone));
    }
    let means = cluster::means();
    let session = pix_stream_cluster::session(&config).await.map_err(cluster::failure)?;
    let regions = pix_stream_cluster::regions(&config, &session, &means).await.map_err(cluster::failure)?;
    Ok((config, regions))
}

async fn show(options: &RegionsOptions) -> Result<(), Failure> {
    let (_, regions) = open(options).await?;
    let mut holdings = regions.holdings();
    for _ in 0..LOOKS_MAX {
        if !holdings.is_empty() {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN_EVERY).await;
        holdings = regions.holdings();
    }
    if holdings.is_empty() {
        return Err(Failure::new("the regions cannot be read: there is no majority of data centres"));
    }
    for Holding { region, holder, epoch, is_here } in &holdings {
        if options.json {
            output::json(&Line { region, holder, epoch: *epoch, here: *is_here })?;
        } else {
            let here = if *is_here { " (here)" } else { "" };
            output::line(format_args!("{region:<16} served by {holder}{here}, epoch {epoch}"))?;
        }
    }
    Ok(())
}

async fn take_over(region: &str, options: &RegionsOptions) -> Result<(), Failure> {
    let (config, regions) = open(options).await?;
    let watch = config.region.lease + config.region.margin;
    output::note(format_args!("watching {region} for {watch:?}: a region that lives is not taken over"));
    let TakenOver { region, epoch, by_majority, waits } = regions.take_over(region).await.map_err(refused)?;
    if !by_majority {
        output::note("there is no majority: this rests on your word that the other side is down");
    }
    if waits {
        output::note(format_args!(
            "it is served in {watch:?}, when a region that goes on has surely heard of it"
        ));
    }
    done(options, &format!("{} serves the participants of {region}", config.region.name), epoch)
}

fn refused(error: CommandError) -> Failure {
    Failure::new(error).next("docs/regions.md says when a command is refused, and what to do then")
}

fn done(options: &RegionsOptions, what: &str, epoch: u32) -> Result<(), Failure> {
    let reason = options.reason.as_deref().unwrap_or_default();
    if options.json {
        output::json(&serde_json::json!({ "done": what, "epoch": epoch, "reason": reason }))?;
    } else {
        let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        output::line(format_args!("{what}, epoch {epoch}{reason}"))?;
    }
    Ok(())
}
