//! `pix-stream demo`: a folder, a server, a publisher and the reference consumer in one process, until interrupted.
//!
//! Everything goes over real TLS, as it would between machines. Nothing here is a shortcut into the server.

mod ground;
mod screen;
mod tally;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pix_stream_client::{Consumer, Endpoint, MemorySink, Options, Stop, Summary};
use pix_stream_development::generate::Generator;
use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::clock::Clock as _;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::cli::DemoArgs;
use crate::failure::Failure;
use crate::publishing::{Piece, Plan, Publishing};
use crate::serving::{self, Serving};
use crate::shutdown::{Draining, Shutdown};
use crate::system::{SystemClock, SystemEntropy};
use crate::target::{self, Caller};
use crate::{advice, output, telemetry};

use super::serve::run_to_end;
use ground::Ground;
use screen::Screen;
use tally::Tally;

/// Messages a second when nobody says.
const RATE_DEFAULT: u32 = 100;
/// Requests that the publisher has under way.
const PUBLISHERS: usize = 4;
/// Ids that the consumer recognises when they come again.
const REMEMBERED: usize = 1_000_000;
/// How long an end waits for requests under way.
const STOP_GRACE: Duration = Duration::from_secs(2);
const MESSAGE_TYPE: &str = "pacs.008";

#[derive(Serialize)]
struct SummaryLine {
    event: &'static str,
    published: u64,
    delivered: u64,
    confirmed: u64,
}

/// What the traffic is made of.
struct Traffic {
    ispb: Ispb,
    producer: Endpoint,
    participant: Endpoint,
    messages: Option<u64>,
    rate: Option<u32>,
    streams: u8,
}

/// Runs the command.
///
/// # Errors
/// The folder cannot be made or used, the server cannot start, or messages were not all delivered and confirmed.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    let ground = Ground::prepare(args)?;
    let (_log, filter) = telemetry::start(&ground.config.log).map_err(Failure::new)?;
    run_to_end(demo(args, &ground, filter))
}

async fn demo(args: &DemoArgs, ground: &Ground, filter: telemetry::Filter) -> Result<(), Failure> {
    let shutdown = Shutdown::listen().map_err(Failure::new)?;
    let serving = serving::start(&ground.config, &ground.dir, &shutdown, filter).await?;
    let announced = announce(args, ground, &serving);
    let result = match announced.and_then(|()| traffic(args, ground, &serving)) {
        Ok(traffic) => run_traffic(traffic, args.json, shutdown.draining()).await,
        Err(failure) => Err(failure),
    };
    // The server ends in order whatever became of the traffic; the first failure is the one to tell.
    let finished = serving.finish().await;
    let (tally, is_complete) = result?;
    finished?;
    summarize(args, ground, &tally)?;
    if is_complete {
        return Ok(());
    }
    Err(Failure::new("not every message was delivered and confirmed").next("see the log above"))
}

fn announce(args: &DemoArgs, ground: &Ground, serving: &Serving) -> Result<(), Failure> {
    if args.json {
        output::json(&serving.ready)?;
        return Ok(());
    }
    let dir = ground.dir.display();
    let files = target::files(&ground.dir, Caller::Participant(ground.ispb));
    let color = output::stdout_has_color();
    output::line(output::paint(output::Style::Strong, "pix-stream demo", color))?;
    output::line(format_args!("  folder  {dir}"))?;
    output::line(format_args!("  API     {}    admin {}", serving.ready.api, serving.ready.admin))?;
    output::line(format_args!(
        "  read as participant {} yourself, on a stream of your own (what it gets, the demo's consumer does not):",
        ground.ispb
    ))?;
    output::line(format_args!(
        "  curl -i --cacert {} --cert {} --key {} -H 'Accept: multipart/mixed' {}/api/v1/out/{}/stream/start",
        files.ca.display(),
        files.cert.display(),
        files.key.display(),
        serving.ready.api,
        ground.ispb
    ))?;
    output::line("")?;
    Ok(())
}

fn traffic(args: &DemoArgs, ground: &Ground, serving: &Serving) -> Result<Traffic, Failure> {
    let target = pix_stream_operate::args::Target {
        dir: Some(PathBuf::from(&ground.dir)),
        url: None,
        ca: None,
        cert: None,
        key: None,
    };
    let url = &serving.ready.api;
    tracing::debug!(url, "traffic starts");
    Ok(Traffic {
        ispb: ground.ispb,
        producer: target::find(&target, Caller::Producer)?.endpoint,
        participant: target::find(&target, Caller::Participant(ground.ispb))?.endpoint,
        messages: args.messages,
        rate: args.rate.or(if args.messages.is_some() { None } else { Some(RATE_DEFAULT) }),
        streams: args.streams,
    })
}

/// Publishes and consumes until all is done or a signal ends it. Says whether what was asked for was done.
async fn run_traffic(
    traffic: Traffic,
    json: bool,
    mut draining: Draining,
) -> Result<(Arc<Tally>, bool), Failure> {
    let (lines, screen) = Screen::start(json);
    let tally = Arc::new(Tally::new(traffic.messages, traffic.streams, lines));
    let ticking = tokio::spawn(screen.run(Arc::clone(&tally)));
    let (end, ended) = watch::channel(false);
    let consuming = tokio::spawn(consume(&traffic, Arc::clone(&tally), ended));
    let mut publishing = publish(&traffic, &tally)?;
    let result = tokio::select! {
        result = pump(&mut publishing, &tally) => result,
        () = draining.begun() => stop(&mut publishing, &tally).await,
        () = tally.consumer_gone() => stop(&mut publishing, &tally).await,
    };
    if result.is_ok() {
        tokio::select! {
            () = tally.all_delivered() => {}
            () = draining.begun() => {}
            () = tally.consumer_gone() => {}
        }
    }
    // Told to end, the consumer confirms its last batches with DELETE.
    end.send_replace(true);
    let consumed = consuming.await.map_err(Failure::new)?;
    tally.close();
    ticking.await.map_err(Failure::new)?;
    result?;
    consumed?;
    let is_complete = draining.has_begun() || tally.is_complete();
    Ok((tally, is_complete))
}

/// Counts what is published until there is no more.
async fn pump(publishing: &mut Publishing, tally: &Tally) -> Result<(), Failure> {
    while let Some(result) = publishing.next().await {
        tally.published(result?.len() as u64);
    }
    Ok(())
}

/// Publishes no more, and counts what was under way.
async fn stop(publishing: &mut Publishing, tally: &Tally) -> Result<(), Failure> {
    publishing.stop();
    // What takes longer is not counted: the demo is over.
    timeout(STOP_GRACE, pump(publishing, tally)).await.unwrap_or(Ok(()))
}

fn publish(traffic: &Traffic, tally: &Arc<Tally>) -> Result<Publishing, Failure> {
    let seed = SystemEntropy::new().number();
    let generator = Generator::new(MESSAGE_TYPE, traffic.ispb, seed).map_err(Failure::new)?;
    let mut messages = generator.from_time(SystemClock.now());
    let mut left = traffic.messages;
    let tally = Arc::clone(tally);
    let source = Box::new(move || {
        if let Some(left) = &mut left {
            *left = left.checked_sub(1)?;
        }
        let message = messages.next()?;
        tally.expect(&message.message_id);
        let label = message.message_id.clone();
        Some(Ok(Piece { label, message_id: Some(message.message_id), bytes: message.bytes }))
    });
    let plan = Plan {
        endpoint: traffic.producer.clone(),
        ispb: traffic.ispb,
        rate: traffic.rate,
        workers: PUBLISHERS,
        quarantine: false,
    };
    Ok(Publishing::start(&plan, source))
}

fn consume(
    traffic: &Traffic,
    tally: Arc<Tally>,
    mut ended: watch::Receiver<bool>,
) -> impl Future<Output = Result<Summary, Failure>> + Send + use<> {
    let mut options = Options::new(Stop::Forever);
    options.streams = traffic.streams;
    let consumer = Consumer::new(traffic.participant.clone(), traffic.ispb, options);
    async move {
        let told = async move {
            // The sender gone means the end too.
            let _ = ended.wait_for(|ended| *ended).await;
        };
        let observer = Arc::clone(&tally);
        let result = consumer.run(Arc::new(MemorySink::new(REMEMBERED)), observer, told).await;
        // Whoever waits for deliveries must not wait for a consumer that is gone.
        tally.consumer_ended();
        result.map_err(|error| advice::failure(&error))
    }
}

fn summarize(args: &DemoArgs, ground: &Ground, tally: &Tally) -> Result<(), Failure> {
    let counts = tally.counts();
    let (published, delivered, confirmed) = (counts.published, counts.delivered, counts.confirmed);
    if args.json {
        output::json(&SummaryLine { event: "summary", published, delivered, confirmed })?;
    } else {
        output::line(format_args!("published {published}, delivered {delivered}, confirmed {confirmed}"))?;
        output::line(format_args!("the folder stays: {}", ground.dir.display()))?;
    }
    Ok(())
}
