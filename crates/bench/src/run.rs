//! The order of a run: the codec alone; then store, start, wait, read cold; then rounds of hot reads, in turn with
//! the peer.
//!
//! Between two tasks the server comes to rest, so that none pays for another: what a publish leaves to the
//! background (deflating, checkpoints) is counted by no pull. Every message read is checked after its task.

use std::ops::Range;
use std::path::Path;

use color_eyre::eyre::{OptionExt as _, Result, ensure};

use crate::console;
use crate::figures::{OURS, Report, Sample};
use crate::flags::{Flags, Part, Peer};
use crate::nginx::Nginx;
use crate::pull::{self, Coding, Stream, Taken};
use crate::site::{READERS, Running, STREAMS, Site, Tuning};
use crate::verify::Expected;
use crate::{codec, gauge, limiter, observer, publish, waiting};

/// Each hot task is measured so often; the report has the medians.
const ROUNDS: usize = 3;
/// Messages of a full batch.
const BATCH: u64 = 10;
/// Reads of everything are repeated for messages that did not come at first, at most so often.
const WAVES: usize = 20;
/// A number of messages is a multiple of this: full batches for every reader.
const STEP: u64 = BATCH * READERS as u64;

const QUICK: Tuning = Tuning { long_poll: "250ms", hot: false };
const WAITING: Tuning = Tuning { long_poll: "6s", hot: false };
const HOT: Tuning = Tuning { long_poll: "250ms", hot: true };

/// Measures everything and prints the report.
pub(crate) fn run(server: &Path, flags: &Flags) -> Result<bool> {
    let mut report = Report { machine: gauge::machine(), ..Report::default() };
    console::progress(&format!("[bench] {}", report.machine));
    if flags.measures(Part::Codec) {
        codec::measure(&mut report)?;
    }
    if flags.measures(Part::Limiter) {
        limiter::measure(&mut report)?;
        observer::measure(&mut report)?;
    }
    if flags.measures(Part::Server) {
        measure_server(server, flags, &mut report)?;
    }
    report.print(flags.json)?;
    Ok(true)
}

fn measure_server(server: &Path, flags: &Flags, report: &mut Report) -> Result<()> {
    console::progress("[bench] init: certificates for 171 participants");
    let mut bench = Bench { site: Site::init(server)?, published: 0 };
    let (stored, messages) = (u64::from(flags.stored), u64::from(flags.messages));
    bench.journal_tasks(stored.next_multiple_of(STEP), report)?;
    let nginx = match flags.against {
        Some(Peer::Nginx) => Some(Nginx::start(&bench.site)?),
        None => None,
    };
    let running = bench.site.serve(HOT)?;
    for round in 1..=ROUNDS {
        console::progress(&format!("[bench] round {round} of {ROUNDS}"));
        for task in tasks(messages) {
            let taken = bench.hot_task(&running, &task, report)?;
            if let Some(nginx) = &nginx {
                let sample = bench.peer_task(nginx, &task, &taken)?;
                report.add(task.what, "nginx", BATCH, sample);
            }
        }
    }
    running.stop()?;
    nginx.map_or(Ok(()), Nginx::stop)
}

/// One way of reading everything.
struct Task {
    what: &'static str,
    coding: Coding,
    /// All streams of all readers at once; otherwise one stream at a time.
    crowd: bool,
    messages: u64,
}

fn tasks(messages: u64) -> [Task; 4] {
    let (many, few) = (messages.next_multiple_of(STEP), (messages / 5).next_multiple_of(STEP));
    let task = |what, coding, crowd| Task { what, coding, crowd, messages: if crowd { many } else { few } };
    [
        task("pull of 10, identity, 24 streams", Coding::Identity, true),
        task("pull of 10, gzip, 24 streams", Coding::Gzip, true),
        task("pull of 10, identity, one stream", Coding::Identity, false),
        task("pull of 10, gzip, one stream", Coding::Gzip, false),
    ]
}

struct Bench {
    site: Site,
    /// Messages published so far: the next number.
    published: u64,
}

impl Bench {
    /// What a full journal costs: publishing, start, memory, waiting reads, reads from disk.
    fn journal_tasks(&mut self, stored: u64, report: &mut Report) -> Result<()> {
        console::progress(&format!("[bench] publishing {stored} messages"));
        let running = self.site.serve(QUICK)?;
        let alone = (stored / 10).next_multiple_of(STEP).min(stored);
        let (ones, tens) = (self.claim(alone), self.claim(stored - alone));
        let sample = publish::publish(&self.site, &running, ones, true)?;
        report.add("durable publish of 1, 16 connections", OURS, 1, sample);
        let sample = publish::publish(&self.site, &running, tens, false)?;
        report.add("durable publish of 10, 16 connections", OURS, BATCH, sample);
        gauge::wait_quiet(running.pid())?;
        running.stop()?;

        console::progress("[bench] start, memory, waiting reads");
        let running = self.site.serve(WAITING)?;
        gauge::wait_quiet(running.pid())?;
        let resident = gauge::resident(running.pid())? as f64 / 1e6;
        report.value("stored messages at the start", stored as f64, "", "100,000");
        report.value("start to ready", running.ready_after.as_secs_f64() * 1e3, "ms", "1,000 ms");
        report.value("idle memory", resident, "MB", "60 MB");
        waiting::measure(&self.site, &running, report)?;
        running.stop()?;

        console::progress("[bench] cold reads");
        let running = self.site.serve(QUICK)?;
        gauge::wait_quiet(running.pid())?;
        let (sample, _) = self.read_everything(&running, 0..stored, Coding::Identity, true)?;
        report.add("pull of 10 from the journal, identity, 24 streams", OURS, BATCH, sample);
        running.stop()
    }

    /// Publishes, and reads what was published from memory.
    fn hot_task(&mut self, running: &Running, task: &Task, report: &mut Report) -> Result<Taken> {
        // A participant's last read decides whether its messages are deflated when they are published.
        for reader in 0..READERS {
            let mut stream = Stream::of_reader(running.api, self.site.client(reader), reader, task.coding)?;
            stream.read()?.expect(&[204])?;
            stream.close()?;
        }
        let numbers = self.claim(task.messages);
        publish::publish(&self.site, running, numbers.clone(), false)?;
        gauge::wait_quiet(running.pid())?;
        let (sample, taken) = self.read_everything(running, numbers, task.coding, task.crowd)?;
        report.add(task.what, OURS, BATCH, sample);
        Ok(taken)
    }

    /// The same number of requests for the same bytes, over as many connections.
    fn peer_task(&self, nginx: &Nginx, task: &Task, taken: &Taken) -> Result<Sample> {
        let path = nginx.offer(taken, task.coding)?;
        let connections = if task.crowd { READERS * STREAMS } else { 1 };
        let connect = |_| Stream::of_path(nginx.address, self.site.client(0), &path, task.coding);
        let mut streams = (0..connections).map(connect).collect::<Result<Vec<_>>>()?;
        gauge::wait_quiet(nginx.pid())?;
        let (sample, got) = pull::read_all(&mut streams, &[task.messages / BATCH], nginx.pid())?;
        ensure!(got.iter().all(|one| one.body == taken.body), "nginx served other bytes");
        Ok(sample)
    }

    /// Reads until every message of a range has arrived, and checks each. Gives one body, too.
    fn read_everything(
        &self,
        running: &Running,
        numbers: Range<u64>,
        coding: Coding,
        crowd: bool,
    ) -> Result<(Sample, Taken)> {
        let mut expected = Expected::new(numbers);
        let mut streams = Vec::new();
        for reader in 0..READERS {
            for _ in 0..if crowd { STREAMS } else { 1 } {
                streams.push(Stream::of_reader(running.api, self.site.client(reader), reader, coding)?);
            }
        }
        let (mut whole, mut full) = (None::<Sample>, None);
        for _ in 0..WAVES {
            let pulls = expected.missing().map(|missing| missing.div_ceil(BATCH));
            if pulls.iter().sum::<u64>() == 0 {
                break;
            }
            // One stream at a time is one group of one.
            let group = if crowd { streams.len() } else { 1 };
            for group in streams.chunks_mut(group) {
                let (sample, taken) = pull::read_all(group, &pulls, running.pid())?;
                expected.take(&taken, coding)?;
                full = full.or(taken.into_iter().next());
                match &mut whole {
                    Some(whole) => whole.add(sample),
                    None => whole = Some(sample),
                }
            }
        }
        let missing: u64 = expected.missing().iter().sum();
        ensure!(missing == 0, "{missing} messages never arrived");
        streams.iter_mut().try_for_each(Stream::close)?;
        whole.zip(full).ok_or_eyre("nothing was read")
    }

    fn claim(&mut self, messages: u64) -> Range<u64> {
        let first = self.published;
        self.published += messages;
        first..self.published
    }
}
