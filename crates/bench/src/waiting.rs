//! A thousand reads that wait at the same time, and the memory that they cost the server.

use color_eyre::eyre::{Result, ensure};

use crate::figures::Report;
use crate::gauge;
use crate::pull::{Coding, Stream};
use crate::site::{READERS, Running, STREAMS, Site, WAITERS};

const READS: usize = 1_000;

/// Opens the reads, measures, and sees each of them answered with 204.
pub(crate) fn measure(site: &Site, running: &Running, report: &mut Report) -> Result<()> {
    let idle = gauge::resident(running.pid())?;
    let places = (READERS..READERS + WAITERS).flat_map(|waiter| std::iter::repeat_n(waiter, STREAMS));
    let mut streams = Vec::with_capacity(READS);
    for waiter in places.take(READS) {
        streams.push(Stream::of_reader(running.api, site.client(waiter), waiter, Coding::Gzip)?);
    }
    let connected = gauge::resident(running.pid())?;
    let asked = gauge::now();
    streams.iter_mut().try_for_each(Stream::ask)?;
    gauge::wait_quiet(running.pid())?;
    let waiting = gauge::resident(running.pid())?;
    let measured_after = asked.elapsed();
    streams.iter_mut().try_for_each(Stream::await_nothing)?;
    ensure!(asked.elapsed() > measured_after * 2, "the reads did not wait while their memory was measured");
    let each = |from: u64| waiting_kilobytes(waiting.saturating_sub(from));
    report.value("memory of a waiting read, its connection included", each(idle), "kB", "60 kB");
    report.value("of it, after the connection was idle", each(connected), "kB", "");
    Ok(())
}

fn waiting_kilobytes(bytes: u64) -> f64 {
    bytes as f64 / READS as f64 / 1e3
}
