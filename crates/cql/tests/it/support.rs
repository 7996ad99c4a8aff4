//! Sessions of ours and of the driver, and a script that says back what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cdrs_tokio::cluster::connection_pool::ConnectionPoolConfigBuilder;
use cdrs_tokio::cluster::session::{Session as Driver, SessionBuilder as _, TcpSessionBuilder};
use cdrs_tokio::cluster::{NodeTcpConfigBuilder, TcpConnectionManager};
use cdrs_tokio::load_balancing::RoundRobinLoadBalancingStrategy;
use cdrs_tokio::retry::ConstantReconnectionPolicy;
use cdrs_tokio::transport::TransportTcp;
use cdrs_tokio::types::ByIndex as _;
use pix_stream_cql::{Consistency, Error, Options, Serial, Session, Settings, Statement, Value};
use pix_stream_cql_mock::{Answer, Mock, Reply, Request, Step};
use tokio::time::timeout;

/// No event that a test waits for takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// Of a request, unless a test says otherwise.
pub(crate) const LIMIT: Duration = Duration::from_millis(600);

/// Reads one value; the script says it back.
pub(crate) const ECHO: &str = "SELECT v FROM k.t WHERE id = ?";
/// Writes conditionally.
pub(crate) const CONDITIONAL: &str = "UPDATE k.t SET v = ? WHERE id = ? IF v = ?";

pub(crate) fn settings(mock: &Mock) -> Settings {
    Settings {
        contact_points: mock.contact_points(),
        datacenter: "dc1".to_owned(),
        connections_per_node: 1,
        request_timeout: LIMIT,
        heartbeat: Duration::from_millis(400),
        ..Settings::default()
    }
}

pub(crate) async fn connect(mock: &Mock) -> Session {
    Session::connect(settings(mock)).await.expect("the mock is up")
}

/// Waits until every node is connected.
pub(crate) async fn wait_for_all(session: &Session) {
    until("every node is connected", || session.health().nodes_up == session.health().nodes).await;
}

/// Waits for something that comes about by itself.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let polling = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, polling).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

pub(crate) fn options() -> Options {
    Options::new(Consistency::LocalQuorum)
}

/// Asks for a value that the script says back.
pub(crate) async fn echo(session: &Session, word: &str) -> Result<String, Error> {
    echo_within(session, word, &options()).await
}

pub(crate) async fn echo_within(session: &Session, word: &str, options: &Options) -> Result<String, Error> {
    let rows = session.execute(&Statement::new(ECHO), vec![word.into()], options).await?;
    Ok(rows.first().expect("the script gives a row").text("v")?.unwrap_or_default())
}

/// A conditional write.
pub(crate) async fn write_if(session: &Session) -> Result<Option<bool>, Error> {
    let values = vec![Value::Int(1), "id".into(), Value::Int(0)];
    let options = options().serial(Serial::Local);
    Ok(session.execute(&Statement::new(CONDITIONAL), values, &options).await?.applied())
}

/// What the script is asked about: the first bound value, or the text itself.
pub(crate) fn word(request: &Request) -> String {
    let value = request.values.first().cloned().flatten();
    value.map_or_else(|| request.text.clone(), |value| String::from_utf8_lossy(&value).into_owned())
}

/// Says back what it was asked.
pub(crate) fn said(request: &Request) -> Answer {
    Answer::cell("v", Bytes::from(word(request)))
}

/// The reply to what is no EXECUTE or QUERY: let it be prepared.
pub(crate) fn on_statements(request: &Request, reply: impl FnOnce() -> Reply) -> Reply {
    if request.step == Step::Prepare { Reply::Now(Answer::Void) } else { reply() }
}

pub(crate) fn echo_script(request: &Request) -> Reply {
    on_statements(request, || Reply::Now(said(request)))
}

/// What reached the nodes, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Request>>>);

impl Log {
    pub(crate) fn note(&self, request: &Request) {
        self.0.lock().unwrap().push(request.clone());
    }

    pub(crate) fn of(&self, step: Step) -> Vec<Request> {
        self.0.lock().unwrap().iter().filter(|request| request.step == step).cloned().collect()
    }
}

pub(crate) type Stock = Driver<
    TransportTcp,
    TcpConnectionManager,
    RoundRobinLoadBalancingStrategy<TransportTcp, TcpConnectionManager>,
>;

/// The driver as it comes, with so many connections to each node, and quicker to reconnect and to probe than by default.
pub(crate) async fn stock(mock: &Mock, connections: usize) -> Arc<Stock> {
    let addresses = mock.nodes().iter().map(|node| node.address().into()).collect();
    let config = NodeTcpConfigBuilder::new().with_contact_points(addresses).build().await.unwrap();
    let pool = ConnectionPoolConfigBuilder::new()
        .with_local_size(connections)
        .with_remote_size(connections)
        .with_heartbeat_interval(Duration::from_millis(200));
    let building = TcpSessionBuilder::new(RoundRobinLoadBalancingStrategy::new(), config)
        .with_connection_pool_config(pool.build())
        .with_reconnection_policy(Arc::new(ConstantReconnectionPolicy::new(Duration::from_millis(100))))
        .build();
    Arc::new(timeout(PATIENCE, building).await.expect("in time").expect("the mock is up"))
}

/// Asks the driver for a text that the script says back.
pub(crate) async fn stock_echo(stock: &Stock, word: &str) -> Result<String, cdrs_tokio::Error> {
    let body = stock.query(word).await?.response_body()?;
    let row = body.into_rows().and_then(|rows| rows.into_iter().next()).expect("the script gives a row");
    let blob: Option<cdrs_tokio::types::blob::Blob> = row.by_index(0)?;
    Ok(String::from_utf8(blob.unwrap().into_vec()).unwrap())
}
