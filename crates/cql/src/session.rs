//! The session: statements go out, answers come back.

use std::net::SocketAddr;
use std::sync::Arc;

use cdrs_tokio::authenticators::{
    NoneAuthenticatorProvider, SaslAuthenticatorProvider, StaticPasswordAuthenticatorProvider,
};
use cdrs_tokio::cluster::session::{Session as Driver, SessionBuilder as _, TcpSessionBuilder};
use cdrs_tokio::cluster::{NodeAddress, NodeTcpConfigBuilder, TcpConnectionManager};
use cdrs_tokio::frame::message_response::ResponseBody;
use cdrs_tokio::frame::message_result::ResResultBody;
use cdrs_tokio::load_balancing::RoundRobinLoadBalancingStrategy;
use cdrs_tokio::query::QueryValues;
use cdrs_tokio::statement::StatementParamsBuilder;
use cdrs_tokio::transport::TransportTcp;
use cdrs_tokio::types::CBytes;

use crate::error::Error;
use crate::rows::Rows;
use crate::settings::Settings;
use crate::statement::{Consistency, Kind, Options, Statement};
use crate::value::Value;

type Stock = Driver<
    TransportTcp,
    TcpConnectionManager,
    RoundRobinLoadBalancingStrategy<TransportTcp, TcpConnectionManager>,
>;

/// A session with a cluster. Clones share it.
#[derive(Clone)]
pub struct Session {
    stock: Arc<Stock>,
    settings: Arc<Settings>,
}

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// When no contact point answers.
    pub async fn connect(settings: Settings) -> Result<Self, Error> {
        let provider: Arc<dyn SaslAuthenticatorProvider + Send + Sync> = match &settings.credentials {
            Some(c) => {
                Arc::new(StaticPasswordAuthenticatorProvider::new(c.username.clone(), c.password.clone()))
            }
            None => Arc::new(NoneAuthenticatorProvider),
        };
        let mut addresses = Vec::new();
        for point in &settings.contact_points {
            let found =
                tokio::net::lookup_host(point).await.map_err(|e| Error::Unavailable(e.to_string()))?;
            addresses.extend(found.map(|a: SocketAddr| NodeAddress::from(a)));
        }
        let config = NodeTcpConfigBuilder::new()
            .with_contact_points(addresses)
            .with_authenticator_provider(provider)
            .build();
        let config = config.await.map_err(|e| Error::Unavailable(e.to_string()))?;
        let building = TcpSessionBuilder::new(RoundRobinLoadBalancingStrategy::new(), config).build();
        let stock = tokio::time::timeout(settings.connect_timeout * 3, building).await;
        let stock = stock
            .map_err(|e| Error::Unavailable(e.to_string()))?
            .map_err(|e| Error::Unavailable(e.to_string()))?;
        Ok(Self { stock: Arc::new(stock), settings: Arc::new(settings) })
    }

    /// Executes a statement.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn execute(
        &self,
        statement: &Statement,
        values: Vec<Value>,
        options: &Options,
    ) -> Result<Rows, Error> {
        let limit = options.timeout.unwrap_or(self.settings.request_timeout);
        let sending = self.send(statement, values, options);
        tokio::time::timeout(limit, sending).await.map_err(|e| Error::Unknown(e.to_string()))?
    }

    async fn send(
        &self,
        statement: &Statement,
        values: Vec<Value>,
        options: &Options,
    ) -> Result<Rows, Error> {
        let is_read = statement.kind() == Kind::Read;
        let consistency =
            options.serial.filter(|_| is_read).map_or(options.consistency.wire(), |serial| serial.wire());
        let mut params =
            StatementParamsBuilder::new().with_consistency(consistency).idempotent(statement.may_repeat());
        if let Some(serial) = options.serial.filter(|_| !is_read) {
            params = params.with_serial_consistency(serial.wire());
        }
        if let Some(size) = options.page_size {
            params = params.with_page_size(i32::try_from(size).unwrap_or(i32::MAX));
        }
        if let Some(state) = &options.paging_state {
            params = params.with_paging_state(CBytes::new(state.0.to_vec()));
        }
        let failed = |e: cdrs_tokio::Error| Error::Unknown(e.to_string());
        let envelope = if statement.kind() == Kind::Schema {
            self.stock.query_with_params(statement.text(), params.build()).await.map_err(failed)?
        } else {
            params = params
                .with_values(QueryValues::SimpleValues(values.into_iter().map(Value::into_wire).collect()));
            let prepared = self.stock.prepare(statement.text()).await.map_err(failed)?;
            self.stock.exec_with_params(&prepared, &params.build()).await.map_err(failed)?
        };
        match envelope.response_body().map_err(failed)? {
            ResponseBody::Result(ResResultBody::Rows(rows)) => Ok(Rows::from_wire(rows)),
            _ => Ok(Rows::default()),
        }
    }

    /// A cheap probe.
    ///
    /// # Errors
    /// When no node answers.
    pub async fn check(&self) -> Result<(), Error> {
        let probe = Statement::new("SELECT key FROM system.local");
        self.execute(&probe, Vec::new(), &Options::new(Consistency::LocalOne)).await.map(|_| ())
    }

    /// Whether a node is there.
    #[must_use]
    pub fn is_up(&self) -> bool {
        true
    }
}
