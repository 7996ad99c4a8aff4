//! One node over fakes, and short words for what tests ask of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use pix_stream_app::{Actor, Answer, App, Change, Changed, Error, Publish, Published, Read, Settings};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::stream::Form;
use pix_stream_domain::token::Keyring;
use pix_stream_testkit::sim_clock::START;
use pix_stream_testkit::{FakeCodec, FakePorts, SimClock};

/// An operator, in the audit log.
pub(crate) const OPERATOR: Actor<'_> = Actor { name: "ana", request_id: "r-op", reason: "a test" };

/// A node and its stores.
pub(crate) struct World {
    pub(crate) app: App<FakePorts>,
    pub(crate) ports: FakePorts,
    pub(crate) ispb: Ispb,
    settings: Settings,
    made: AtomicU64,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::of(settings, true).await
    }

    /// A node of a cluster.
    pub(crate) async fn cluster(settings: Settings) -> Self {
        Self::of(settings, false).await
    }

    /// Another node on the same stores.
    pub(crate) async fn beside(&self) -> Self {
        let made = AtomicU64::new(1_000_000 + self.made.fetch_add(1_000, Ordering::Relaxed));
        let (ports, settings) = (self.ports.clone(), self.settings.clone());
        let app = start(&ports, &settings).await;
        Self { app, ports, ispb: self.ispb, settings, made }
    }

    /// A node of another region: the same Journal, a Coordinator of its own.
    pub(crate) async fn in_another_region(&self, region: u16) -> Self {
        let apart = FakePorts::new(8, self.ports.clock.clone());
        let ports =
            FakePorts { coordinator: apart.coordinator, regions: apart.regions, ..self.ports.clone() };
        let settings = Settings { region, ..self.settings.clone() };
        let app = start(&ports, &settings).await;
        Self { app, ports, ispb: self.ispb, settings, made: AtomicU64::new(2_000_000) }
    }

    async fn of(settings: Settings, is_alone: bool) -> Self {
        let ports = FakePorts::new(7, SimClock::following_tokio(START));
        ports.coordinator.set_alone(is_alone);
        let ispb = "99999A04".parse().unwrap();
        ports.journal.onboard(Participant::new(ispb, START));
        let app = start(&ports, &settings).await;
        Self { app, ports, ispb, settings, made: AtomicU64::new(0) }
    }

    /// Ends the node without warning, and its Coordinator with it; another starts on the same Journal.
    pub(crate) async fn crash(self) -> Self {
        let Self { app, ports, ispb, settings, made } = self;
        drop(app);
        ports.coordinator.disconnect();
        ports.coordinator.forget();
        let app = start(&ports, &settings).await;
        Self { app, ports, ispb, settings, made }
    }

    /// Ends the node cleanly, and starts it anew.
    pub(crate) async fn restart(self) -> Self {
        self.app.begin_drain();
        self.app.finish().await.unwrap();
        self.crash().await
    }

    pub(crate) fn read(&self) -> Read<'static> {
        Read { ispb: self.ispb, form: Form::Multipart, gzip: false, request_id: "r-1", spent: Duration::ZERO }
    }

    pub(crate) async fn open(&self) -> Result<Answer, Error> {
        self.app.open(self.read()).await
    }

    pub(crate) async fn pull(&self, after: &Answer) -> Result<Answer, Error> {
        self.app.pull(self.read(), after.token.as_str()).await
    }

    pub(crate) async fn close(&self, after: &Answer) -> Result<(), Error> {
        self.app.close(self.read(), after.token.as_str()).await
    }

    /// A new message of this many bytes.
    pub(crate) fn message(&self, bytes: usize) -> Bytes {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        FakeCodec::message(&format!("M{number}"), self.ispb, bytes)
    }

    pub(crate) async fn send(&self, messages: Vec<Bytes>) -> Result<Vec<Published>, Error> {
        let publish = Publish { ispb: self.ispb, actor: "core", request_id: "r-3", messages };
        self.app.publish(publish).await
    }

    /// Publishes this many small messages, one request each.
    pub(crate) async fn publish(&self, count: usize) {
        for _ in 0..count {
            self.send(vec![self.message(100)]).await.unwrap();
        }
    }

    pub(crate) async fn change(&self, change: Change) -> Result<Changed, Error> {
        self.app.change(self.ispb, change, false, OPERATOR).await
    }

    /// Lets a request of its own run until it waits for something; its end is told by the handle.
    pub(crate) async fn begin<T: Send + 'static>(
        &self,
        request: impl FnOnce(App<FakePorts>, Read<'static>) -> BoxFuture<T>,
    ) -> tokio::task::JoinHandle<T> {
        let task = tokio::spawn(request(self.app.clone(), self.read()));
        settle().await;
        task
    }

    /// A read of a new stream that waits.
    pub(crate) async fn begin_open(&self) -> tokio::task::JoinHandle<Result<Answer, Error>> {
        self.begin(|app, read| Box::pin(async move { app.open(read).await })).await
    }

    /// A read with the token of an answer that waits.
    pub(crate) async fn begin_pull(&self, after: &Answer) -> tokio::task::JoinHandle<Result<Answer, Error>> {
        let token = after.token.as_str().to_owned();
        self.begin(|app, read| Box::pin(async move { app.pull(read, &token).await })).await
    }
}

/// A request on its way.
pub(crate) type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;

/// Lets every task run until nothing is left to do without time passing.
pub(crate) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// How long something takes, in simulated time.
pub(crate) async fn timed<T>(what: impl Future<Output = T>) -> (T, Duration) {
    let begun = tokio::time::Instant::now();
    (what.await, begun.elapsed())
}

/// The sequence numbers of an answer.
pub(crate) fn numbers(answer: &Answer) -> Vec<u64> {
    answer.messages.iter().map(|message| message.sequence.value()).collect()
}

async fn start(ports: &FakePorts, settings: &Settings) -> App<FakePorts> {
    let keyring = Keyring::new((1, [7; 32]), None);
    App::start(ports.another_node(), keyring, settings.clone()).await.unwrap()
}
