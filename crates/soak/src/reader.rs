//! Readers: one stream each, with the habits of one client, and every answer looked at to the last byte.

use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{Result, eyre};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_testkit::fake::SplitMix64;
use pix_stream_testkit::oracle::Item;
use tokio::time::sleep;

use crate::book::Delivery;
use crate::habit::Habit;
use crate::multipart;
use crate::run::{Phase, World};
use crate::wire::{Answer, Connection, Identity};

/// The longest pause that a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(2);
/// How often closing a stream is tried.
const CLOSE_TRIES: u32 = 20;

/// One stream of one client.
pub(crate) struct Reader {
    world: Arc<World>,
    ispb: Ispb,
    identity: Identity,
    habit: Habit,
    random: SplitMix64,
    /// One for each server; reads go to them in turn.
    connections: Vec<Option<Connection>>,
    turn: usize,
    token: Option<String>,
}

impl Reader {
    pub(crate) fn new(world: &Arc<World>, ispb: Ispb, identity: Identity, habit: Habit, seed: u64) -> Self {
        let count = world.site.servers().len();
        Self {
            world: Arc::clone(world),
            ispb,
            identity,
            habit,
            random: SplitMix64::new(seed),
            connections: (0..count).map(|_| None).collect(),
            turn: 0,
            token: None,
        }
    }

    /// Reads until everything is over, and closes its stream.
    pub(crate) async fn run(mut self) {
        loop {
            match self.world.phase() {
                Phase::Load => {}
                Phase::Drain => self.habit = self.habit.tame(),
                Phase::Done => break,
            }
            self.step().await;
            sleep(self.habit.pause).await;
        }
        self.close().await;
    }

    async fn step(&mut self) {
        if self.token.is_some() && self.random.chance(self.habit.abandons) {
            self.leave();
        }
        if self.token.is_some() && self.random.chance(self.habit.deletes) {
            return self.close().await;
        }
        let request = self.habit.request("GET", &self.path());
        let presented = self.token.clone();
        if let Some(token) = &presented {
            self.world.book.present(self.ispb, token, false);
        }
        if self.random.chance(self.habit.loses) {
            return self.lose(&request).await;
        }
        let asked = self.world.book.now();
        match self.exchange(&request).await {
            Ok(answer) => self.take(presented.as_deref(), asked, &answer).await,
            Err(_) => self.fail().await,
        }
    }

    fn path(&self) -> String {
        let last = self.token.as_deref().unwrap_or("start");
        format!("/api/v1/out/{}/stream/{last}", self.ispb)
    }

    /// Nothing came, or only a part of it.
    async fn fail(&mut self) {
        self.world.book.note_failure("read: no answer");
        if self.token.is_none() {
            // It may have opened a stream that nobody knows.
            self.world.book.note_abandoned();
        } else if self.habit.deletes_after_failure {
            self.close().await;
        }
        sleep(Duration::from_millis(50 + self.random.below(300))).await;
    }

    /// Sends the request, and goes away before the answer is there, or in the middle of it.
    async fn lose(&mut self, request: &str) {
        let patience = Duration::from_millis(self.random.below(40));
        let _lost = tokio::time::timeout(patience, self.exchange(request)).await;
        self.connections[self.turn] = None;
        if self.token.is_none() {
            self.world.book.note_abandoned();
        }
    }

    async fn exchange(&mut self, request: &str) -> Result<Answer> {
        let servers = self.world.site.servers();
        self.turn = (self.turn + 1) % servers.len();
        // Taken out: a failure, or a caller that goes away, leaves nothing half read behind.
        let kept = self.connections[self.turn].take().filter(|_| !self.habit.closes_connection);
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::open(servers[self.turn].address(), &self.identity).await?,
        };
        let answer = connection.exchange(request).await?;
        let closes = answer.find("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if !closes && !self.habit.closes_connection {
            self.connections[self.turn] = Some(connection);
        }
        Ok(answer)
    }

    async fn take(&mut self, presented: Option<&str>, asked: Duration, answer: &Answer) {
        let book = &self.world.book;
        if answer.status >= 400 {
            self.world.masking.note_answer(&answer.body);
        }
        match answer.status {
            200 | 204 => match self.read(presented, asked, answer) {
                Ok(token) => self.token = Some(token),
                Err(error) => {
                    book.violate(format!("an answer to {} ({}): {error}", self.ispb, self.habit.name))
                }
            },
            400 | 410 => {
                book.note_failure(&format!("read: {}", answer.status));
                self.leave();
            }
            429 | 502 | 503 => {
                if answer.status == 503 {
                    let took = book.now().saturating_sub(asked);
                    book.note_refusal(took, self.world.scenario.refusal_max);
                }
                book.note_failure(&format!("read: {}", answer.status));
                let asked_for = answer.retry_after().unwrap_or(Duration::from_millis(200));
                sleep(asked_for.min(RETRY_AFTER_MAX) + Duration::from_millis(self.random.below(100))).await;
            }
            status => {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                book.violate(format!("a read of {} was answered {status}: {body}", self.ispb));
                self.leave();
                sleep(Duration::from_secs(1)).await;
            }
        }
    }

    /// Enters an answer into the book; the token to read on with.
    fn read(&self, presented: Option<&str>, asked: Duration, answer: &Answer) -> Result<String> {
        let next = answer.find("pi-pull-next").ok_or_else(|| eyre!("no PI-Pull-Next"))?;
        let prefix = format!("/api/v1/out/{}/stream/", self.ispb);
        let token = next.strip_prefix(&prefix).ok_or_else(|| eyre!("PI-Pull-Next is {next}"))?;
        self.world.masking.note_token(token);
        self.world.book.note_answered(self.ispb);
        if answer.status == 204 {
            if let Some(presented) = presented {
                self.world.book.confirm(self.ispb, presented);
            }
            return Ok(token.to_owned());
        }
        let items = items(answer).map_err(|why| eyre!(why))?;
        let delivery = Delivery { presented, token, items: &items, body: Digest::of(&answer.body), asked };
        self.world.book.deliver(self.ispb, &delivery);
        Ok(token.to_owned())
    }

    /// The stream is left as it is.
    fn leave(&mut self) {
        if self.token.take().is_some() {
            self.world.book.note_abandoned();
        }
    }

    async fn close(&mut self) {
        let Some(token) = self.token.take() else { return };
        let request = self.habit.request("DELETE", &format!("/api/v1/out/{}/stream/{token}", self.ispb));
        for _ in 0..CLOSE_TRIES {
            self.world.book.present(self.ispb, &token, true);
            match self.exchange(&request).await.map(|answer| answer.status) {
                Ok(200) => return self.world.book.confirm(self.ispb, &token),
                Ok(410 | 400) => return self.world.book.note_abandoned(),
                Ok(_) | Err(_) => sleep(Duration::from_millis(300)).await,
            }
        }
        self.world.book.note_abandoned();
    }
}

/// The messages of an answer.
fn items(answer: &Answer) -> Result<Vec<Item>, String> {
    let content_type = answer.find("content-type").unwrap_or_default();
    let item = |id: &str, bytes: &[u8]| {
        let resource_id = id.parse().map_err(|_| format!("{id} is no PI-ResourceId"))?;
        Ok(Item { resource_id, digest: Digest::of(bytes) })
    };
    match content_type.split_once("boundary=") {
        Some((_, boundary)) => {
            let parts = multipart::split(&answer.body, boundary).map_err(str::to_owned)?;
            parts.into_iter().map(|part| item(part.resource_id, part.bytes)).collect()
        }
        None => {
            let id = answer.find("pi-resourceid").ok_or("one message without PI-ResourceId")?;
            Ok(vec![item(id, &answer.body)?])
        }
    }
}
