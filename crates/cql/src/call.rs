//! One statement being carried out: which nodes are asked, how often, and what a failure means in the end.

use std::sync::Arc;

use cdrs_tokio::frame::message_query::BodyReqQuery;
use cdrs_tokio::frame::{Envelope, Flags};
use cdrs_tokio::load_balancing::Request;
use cdrs_tokio::query::{QueryParams, QueryValues};
use cdrs_tokio::types::CBytes;
use tokio::time::{Instant, timeout_at};

use crate::agreement::agree;
use crate::answer::{self, Refusal};
use crate::dial::VERSION;
use crate::error::Error;
use crate::link::Failure;
use crate::node::{Node, Rank, probe_request};
use crate::prepared::Prepared;
use crate::rows::Rows;
use crate::session::Inner;
use crate::statement::{Kind, Options, Statement};
use crate::value::Value;

/// How often one node may say that it does not know a statement.
const PREPARATIONS_MAX: usize = 2;
/// How many nodes may receive an idempotent statement.
const SENDS_MAX: usize = 2;

/// A statement with its values, on its way.
pub(crate) struct Call<'a> {
    inner: &'a Inner,
    statement: &'a Statement,
    params: QueryParams,
    deadline: Instant,
}

/// What came of asking one node.
enum Attempt {
    Done(Rows),
    /// This node certainly carried nothing out, so that any statement may go to another.
    NotBegun(Error),
    Failed(Error),
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        inner: &'a Inner,
        statement: &'a Statement,
        values: Vec<Value>,
        options: &Options,
    ) -> Self {
        let deadline = Instant::now() + options.timeout.unwrap_or(inner.settings.request_timeout);
        Self { inner, statement, params: params(statement.kind(), values, options), deadline }
    }

    /// Carries it out.
    pub(crate) async fn run(self) -> Result<Rows, Error> {
        let kind = self.statement.kind();
        let prepared = if kind == Kind::Schema { None } else { Some(self.prepare().await?) };
        let plan = self.plan(prepared.as_deref());
        let mut sends = 0;
        let mut is_unknown = false;
        let mut failure = None;
        for (index, node) in plan.iter().enumerate() {
            let may_repeat = self.statement.may_repeat() && sends + 1 < SENDS_MAX;
            let has_another = plan.iter().skip(index + 1).any(|node| node.rank() != Rank::Down);
            let deadline = if may_repeat && has_another { halfway(self.deadline) } else { self.deadline };
            match self.attempt(node, prepared.clone(), deadline).await {
                Attempt::Done(rows) => return Ok(rows),
                Attempt::NotBegun(error) => failure = failure.or(Some(error)),
                Attempt::Failed(error @ Error::Rejected { .. }) => return Err(error),
                Attempt::Failed(error) => {
                    sends += 1;
                    is_unknown |= matches!(error, Error::Unknown(_));
                    failure = Some(error);
                    if !may_repeat {
                        break;
                    }
                }
            }
            if Instant::now() >= self.deadline {
                break;
            }
        }
        Err(match failure.unwrap_or_else(|| Error::Unavailable(self.inner.nodes.why_down())) {
            // What an earlier node may have done is not undone by the refusal of a later one.
            Error::Unavailable(why) if is_unknown => Error::Unknown(why),
            error @ (Error::Unavailable(_) | Error::Unknown(_) | Error::Rejected { .. }) => error,
        })
    }

    /// The nodes to ask: silent ones after the others, and those without a connection last.
    fn plan(&self, prepared: Option<&Prepared>) -> Vec<Arc<Node>> {
        let values = match &self.params.values {
            Some(QueryValues::SimpleValues(values)) => values.as_slice(),
            Some(QueryValues::NamedValues(_)) | None => &[],
        };
        let key = prepared.and_then(|prepared| prepared.routing_key(values));
        let keyspace = prepared.and_then(|prepared| prepared.keyspace.as_deref());
        let mut plan = plan(self.inner, keyspace, key.as_deref());
        if self.statement.kind() == Kind::Schema {
            // Changes of the schema go through one node as long as it is there.
            plan.sort_by_cached_key(|node| (node.rank(), node.endpoint().address));
        }
        plan
    }

    /// The statement as prepared by whoever needed it first.
    async fn prepare(&self) -> Result<Arc<Prepared>, Error> {
        let cell = self.inner.prepared.cell(self.statement.shared_text());
        let preparing = cell.get_or_try_init(|| self.prepare_anywhere());
        let late = |_| Error::Unavailable("the statement was not prepared in time".to_owned());
        timeout_at(self.deadline, preparing).await.map_err(late)?.cloned()
    }

    async fn prepare_anywhere(&self) -> Result<Arc<Prepared>, Error> {
        let mut failure = None;
        for node in plan(self.inner, None, None) {
            match self.prepare_on(&node, halfway(self.deadline)).await {
                Err(Error::Unavailable(why)) => failure = Some(why),
                settled @ (Ok(_) | Err(Error::Unknown(_) | Error::Rejected { .. })) => return settled,
            }
        }
        Err(Error::Unavailable(failure.unwrap_or_else(|| self.inner.nodes.why_down())))
    }

    async fn prepare_on(&self, node: &Node, deadline: Instant) -> Result<Arc<Prepared>, Error> {
        let text = self.statement.text().to_owned();
        let request = Envelope::new_req_prepare(text, None, Flags::empty(), VERSION);
        let answer = node.send(&request, deadline).await.map_err(|failure| {
            Error::Unavailable(format!("{}: preparing: {failure}", node.endpoint().address))
        })?;
        Ok(Arc::new(Prepared::new(answer::prepared(&answer)?)))
    }

    async fn attempt(&self, node: &Node, prepared: Option<Arc<Prepared>>, deadline: Instant) -> Attempt {
        let kind = self.statement.kind();
        let mut prepared = prepared;
        let mut preparations = 0;
        loop {
            let answer = match node.send(&self.request(prepared.as_deref()), deadline).await {
                Ok(answer) => answer,
                Err(failure) => return failed(node, kind, &failure),
            };
            let Some(refusal) = Refusal::read(&answer) else {
                if answer::is_schema_change(&answer) {
                    agree(&self.inner.nodes, self.deadline).await;
                }
                return answer::rows(&answer, kind).map_or_else(Attempt::Failed, Attempt::Done);
            };
            if !refusal.is_unprepared() {
                return Attempt::Failed(refusal.of_statement(kind));
            }
            preparations += 1;
            if preparations > PREPARATIONS_MAX {
                return Attempt::NotBegun(refusal.of_statement(kind));
            }
            prepared = match self.prepare_on(node, deadline).await {
                Ok(anew) => {
                    self.inner.prepared.replace(self.statement.shared_text(), Arc::clone(&anew));
                    Some(anew)
                }
                Err(error @ Error::Rejected { .. }) => return Attempt::Failed(error),
                Err(error @ (Error::Unavailable(_) | Error::Unknown(_))) => return Attempt::NotBegun(error),
            };
        }
    }

    fn request(&self, prepared: Option<&Prepared>) -> Envelope {
        if let Some(prepared) = prepared {
            return Envelope::new_req_execute(&prepared.id, None, &self.params, Flags::empty(), VERSION);
        }
        let query =
            BodyReqQuery { query: self.statement.text().to_owned(), query_params: self.params.clone() };
        Envelope::new_query(query, Flags::empty(), VERSION)
    }
}

/// Asks nodes in turn whether they answer, until one does.
pub(crate) async fn check(inner: &Inner, deadline: Instant) -> Result<(), Error> {
    let mut why = None;
    for node in plan(inner, None, None) {
        match node.send(&probe_request(), halfway(deadline)).await {
            Ok(_) => return Ok(()),
            Err(failure) => why = why.or(Some(format!("{}: {failure}", node.endpoint().address))),
        }
    }
    Err(Error::Unavailable(why.unwrap_or_else(|| inner.nodes.why_down())))
}

fn plan(inner: &Inner, keyspace: Option<&str>, key: Option<&[u8]>) -> Vec<Arc<Node>> {
    let plan = inner.driver.load().query_plan(Some(Request::new(keyspace, None, key, None)));
    let nodes = plan.nodes.iter().filter_map(|member| inner.nodes.find(member.broadcast_rpc_address()));
    let mut nodes: Vec<_> = nodes.collect();
    nodes.sort_by_cached_key(|node| node.rank());
    nodes
}

/// What a request without an answer may have done.
fn failed(node: &Node, kind: Kind, failure: &Failure) -> Attempt {
    let why = format!("{}: {failure}", node.endpoint().address);
    match failure {
        Failure::NotSent(_) => Attempt::NotBegun(Error::Unavailable(why)),
        Failure::Lost(_) | Failure::TimedOut if kind == Kind::Read => {
            Attempt::Failed(Error::Unavailable(why))
        }
        Failure::Lost(_) | Failure::TimedOut => Attempt::Failed(Error::Unknown(why)),
    }
}

fn halfway(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 2
}

fn params(kind: Kind, values: Vec<Value>, options: &Options) -> QueryParams {
    let is_read = kind == Kind::Read;
    let read_at = options.serial.filter(|_| is_read);
    let values: Vec<_> = values.into_iter().map(Value::into_wire).collect();
    QueryParams {
        consistency: read_at.map_or_else(|| options.consistency.wire(), |serial| serial.wire()),
        values: (!values.is_empty()).then_some(QueryValues::SimpleValues(values)),
        page_size: options.page_size.map(|size| i32::try_from(size).unwrap_or(i32::MAX)),
        paging_state: options.paging_state.as_ref().map(|state| CBytes::new(state.0.to_vec())),
        serial_consistency: options.serial.filter(|_| !is_read).map(|serial| serial.wire()),
        ..QueryParams::default()
    }
}
