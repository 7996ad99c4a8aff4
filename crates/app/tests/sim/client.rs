//! Clients of participants, with the habits of protocol section 9.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_app::{Answer, Error, Read};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::stream::Form;
use pix_stream_testkit::fake::SplitMix64;

use crate::oracle::Request;
use crate::plan::Habits;
use crate::world::World;

/// Tokens that a client remembers though it should not.
const REMEMBERED: usize = 8;

/// One client: reads one stream after another until the world ends.
pub(crate) async fn run(world: Arc<World>, name: String, habits: Habits) {
    let random = SplitMix64::new(habits.seed);
    let mut client = Client { world, name, habits, random, token: None, old: Vec::new() };
    while !client.world.is_over() {
        client.step().await;
    }
}

/// What a client knows.
struct Client {
    world: Arc<World>,
    name: String,
    habits: Habits,
    random: SplitMix64,
    token: Option<String>,
    old: Vec<String>,
}

impl Client {
    async fn step(&mut self) {
        let habits = self.habits.clone();
        if self.random.chance(habits.late) {
            let idle = self.world.plan.settings.rules.idle;
            self.world.pause(idle + Duration::from_millis(self.random.below(3_000))).await;
        } else {
            let think = u64::try_from(habits.think.as_millis()).unwrap_or(u64::MAX);
            self.world.pause(Duration::from_millis(1 + self.random.below(think))).await;
        }
        if self.random.chance(habits.forgets) {
            self.forget();
        }
        if self.random.chance(habits.old_tokens) && !self.old.is_empty() {
            return self.present_old().await;
        }
        if self.random.chance(habits.closes) && self.token.is_some() {
            return self.close().await;
        }
        if self.random.chance(habits.races) {
            return self.race().await;
        }
        let patience = self.random.chance(habits.drops).then(|| Duration::from_millis(self.random.below(60)));
        let received = !self.random.chance(habits.loses);
        let Some(answer) = self.sender(true).read(self.token.as_deref(), patience, received).await else {
            return;
        };
        if received {
            self.take(answer).await;
        }
    }

    /// Takes note of an answer that came.
    async fn take(&mut self, answer: Result<Answer, Error>) {
        match answer {
            Ok(answer) => {
                if answer.messages.is_empty() && self.world.plan.settings.long_poll.is_zero() {
                    self.world.pause(Duration::from_millis(100)).await;
                }
                let next = answer.token.as_str().to_owned();
                if let Some(before) = self.token.replace(next) {
                    self.remember(before);
                }
            }
            Err(Error::Gone | Error::InvalidCursor) => self.forget(),
            Err(Error::ThreadLimit { .. }) => {
                self.world.pause(Duration::from_millis(200 + self.random.below(800))).await;
            }
            Err(_) if self.habits.closes_after_failure && self.token.is_some() => self.close().await,
            Err(_) => self.world.pause(Duration::from_millis(50 + self.random.below(500))).await,
        }
    }

    async fn close(&mut self) {
        let Some(token) = self.token.take() else { return };
        self.sender(true).close(&token).await;
        self.remember(token);
    }

    /// Two requests at once with the same token; the answers must agree.
    async fn race(&mut self) {
        let (a, b) = (self.sender(false), self.sender(false));
        let token = self.token.clone();
        let (first, second) =
            tokio::join!(a.read(token.as_deref(), None, true), b.read(token.as_deref(), None, true));
        let answers = [first, second].into_iter().flatten();
        let mut with_messages = answers.clone().flatten().filter(|answer| !answer.messages.is_empty());
        // A 204 beside a 200 is the older of the two: the token of the 200 is the one that counts.
        let newest = with_messages.next().map(Ok).or_else(|| answers.last());
        if let Some(newest) = newest {
            self.take(newest).await;
        }
    }

    async fn present_old(&mut self) {
        let at = usize::try_from(self.random.below(self.old.len() as u64)).unwrap_or(0);
        let token = self.old.swap_remove(at);
        let sender = self.sender(false);
        if self.random.chance(500) {
            sender.close(&token).await;
            // It may have been the token just before this one: then the stream is closed.
            self.forget();
        } else if let Some(Ok(answer)) = sender.read(Some(&token), None, true).await {
            self.token = Some(answer.token.as_str().to_owned());
        }
    }

    fn forget(&mut self) {
        if let Some(token) = self.token.take() {
            self.remember(token);
        }
    }

    fn remember(&mut self, token: String) {
        self.old.push(token);
        if self.old.len() > REMEMBERED {
            self.old.remove(0);
        }
    }

    fn sender(&mut self, is_newest: bool) -> Sender {
        Sender {
            world: Arc::clone(&self.world),
            name: self.name.clone(),
            ispb: self.habits.ispb,
            form: self.habits.form,
            gzip: self.habits.gzip,
            is_newest,
            random: SplitMix64::new(self.random.next()),
        }
    }
}

/// Sends one request to some node, and tells the oracle.
pub(crate) struct Sender {
    pub(crate) world: Arc<World>,
    pub(crate) name: String,
    pub(crate) ispb: Ispb,
    pub(crate) form: Form,
    pub(crate) gzip: bool,
    pub(crate) is_newest: bool,
    pub(crate) random: SplitMix64,
}

impl Sender {
    /// `None`: there is no answer.
    pub(crate) async fn read(
        mut self,
        token: Option<&str>,
        patience: Option<Duration>,
        received: bool,
    ) -> Option<Result<Answer, Error>> {
        let node = self.world.any_node(&mut self.random)?;
        let oracle = &self.world.oracle;
        let request = Request { token, form: self.form, closes: false, is_newest: self.is_newest };
        let ticket = oracle.begin(&self.name, self.ispb, &request);
        let read = self.read_request();
        let answer = self
            .world
            .ask(&node, patience, async {
                match token {
                    None => node.app.open(read).await,
                    Some(token) => node.app.pull(read, token).await,
                }
            })
            .await;
        match &answer {
            None => oracle.unanswered(&self.name, self.ispb),
            Some(result) => oracle.read((&self.name, self.ispb), &ticket, result, received),
        }
        answer
    }

    fn read_request(&self) -> Read<'static> {
        let Self { ispb, form, gzip, .. } = *self;
        Read { ispb, form, gzip, request_id: "sim", spent: Duration::ZERO }
    }

    pub(crate) async fn close(mut self, token: &str) {
        let Some(node) = self.world.any_node(&mut self.random) else { return };
        let oracle = &self.world.oracle;
        let request = Request { token: Some(token), form: self.form, closes: true, is_newest: false };
        let ticket = oracle.begin(&self.name, self.ispb, &request);
        match self.world.ask(&node, None, node.app.close(self.read_request(), token)).await {
            None => oracle.unanswered(&self.name, self.ispb),
            Some(result) => oracle.closed(&self.name, self.ispb, &ticket, &result),
        }
    }
}
