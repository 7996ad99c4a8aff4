//! The quiet participant: one stream, one message a read, each timed; on a thread of its own, so that the noise does not
//! keep it from looking at its clock.

use std::sync::mpsc;
use std::time::Duration;

use color_eyre::eyre::{Result, ensure, eyre};
use pix_stream_domain::ispb::Ispb;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::noisy::SPACING;
use crate::wire::{Connection, Identity};

/// What is asked of it: so many reads, and where their times go.
type Order = (usize, oneshot::Sender<Result<Vec<Duration>>>);

pub(super) struct Victim(mpsc::Sender<Order>);

struct Reading {
    connection: Connection,
    ispb: Ispb,
    token: String,
}

impl Victim {
    /// Connects, and opens a stream with its first read.
    pub(super) fn start(address: &str, identity: &Identity, ispb: Ispb) -> Result<Self> {
        let (orders, taken) = mpsc::channel::<Order>();
        let (address, identity) = (address.to_owned(), identity.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("quiet".to_owned()).spawn(move || {
            let mut reading = runtime.block_on(Reading::open(&address, &identity, ispb));
            while let Ok((count, reply)) = taken.recv() {
                let times = match &mut reading {
                    Ok(reading) => runtime.block_on(reading.read(count)),
                    Err(error) => Err(eyre!("the quiet participant cannot read: {error:#}")),
                };
                let _gone = reply.send(times);
            }
        })?;
        Ok(Self(orders))
    }

    /// Reads so many messages, and says how long each took.
    pub(super) async fn read(&self, count: usize) -> Result<Vec<Duration>> {
        let (reply, times) = oneshot::channel();
        self.0.send((count, reply)).map_err(|_| eyre!("the quiet participant is gone"))?;
        times.await?
    }
}

impl Reading {
    async fn open(address: &str, identity: &Identity, ispb: Ispb) -> Result<Self> {
        let connection = Connection::open(address, identity).await?;
        let mut reading = Self { connection, ispb, token: "start".to_owned() };
        reading.one().await?;
        Ok(reading)
    }

    async fn read(&mut self, count: usize) -> Result<Vec<Duration>> {
        let mut times = Vec::with_capacity(count);
        let mut due = Instant::now();
        for _ in 0..count {
            sleep_until(due).await;
            due += SPACING;
            times.push(self.one().await?);
        }
        Ok(times)
    }

    async fn one(&mut self) -> Result<Duration> {
        let path = format!("/api/v1/out/{}/stream/", self.ispb);
        let request = format!(
            "GET {path}{} HTTP/1.1\r\nHost: localhost\r\nAccept: application/xml\r\n\r\n",
            self.token
        );
        let begun = Instant::now();
        let answer = self.connection.exchange(&request).await?;
        let took = begun.elapsed();
        ensure!(answer.status == 200, "the quiet participant was answered {}", answer.status);
        let next = answer.find("pi-pull-next").and_then(|next| next.strip_prefix(&path));
        self.token = next.ok_or_else(|| eyre!("no PI-Pull-Next"))?.to_owned();
        Ok(took)
    }
}
