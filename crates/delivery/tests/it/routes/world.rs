//! A node over fake ports, and a client that sees every byte of an answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pix_stream_app::{Actor, App, Properties, Publish, Settings};
use pix_stream_delivery::{Shared, Wire, handle};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::token::Keyring;
use pix_stream_listener::identity::{
    Identity, IdentityRules, IspbClaim, Match, Peer, Protocol, Role, RoleRule, Scope,
};
use pix_stream_testkit::fake::{FakeCodec, FakePorts};
pub(crate) use pix_stream_testkit::http::{Ask, Reply};
use pix_stream_testkit::sim_clock::{START, SimClock};
use rcgen::{CertificateParams, DnType, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::routes::table;

/// The participant that is onboarded.
pub(crate) const BANK: &str = "99999A04";
/// Another one, onboarded as well.
pub(crate) const OTHER: &str = "99999001";
/// One that is not onboarded.
pub(crate) const STRANGER: &str = "99999999";

pub(crate) fn ispb(text: &str) -> Ispb {
    text.parse().unwrap()
}

pub(crate) struct World {
    pub(crate) app: App<FakePorts>,
    pub(crate) ports: FakePorts,
    pub(crate) shared: Arc<Shared<FakePorts>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Wire::default(), Settings::default()).await
    }

    pub(crate) async fn with(wire: Wire, settings: Settings) -> Self {
        let ports = FakePorts::new(7, SimClock::following_tokio(START));
        ports.coordinator.set_alone(true);
        let keyring = Keyring::new((1, [7; 32]), None);
        let app = App::start(ports.clone(), keyring, settings).await.unwrap();
        for participant in [BANK, OTHER] {
            let actor = Actor { name: "test", request_id: "test", reason: "" };
            app.onboard(ispb(participant), Properties::default(), false, actor).await.unwrap();
        }
        let render = Arc::new(|| "pix_stream_up 1\n".to_owned());
        let shared = Arc::new(Shared::new(app.clone(), wire, render, 1, "0.0.0-test").await);
        Self { app, ports, shared }
    }

    /// Publishes messages for the bank: `M1`, `M2` … of this many bytes each.
    pub(crate) async fn publish(&self, ids: &[&str], bytes: usize) -> Vec<Bytes> {
        let messages: Vec<_> = ids.iter().map(|id| FakeCodec::message(id, ispb(BANK), bytes)).collect();
        let request =
            Publish { ispb: ispb(BANK), actor: "test", request_id: "test", messages: messages.clone() };
        self.app.publish(request).await.unwrap();
        messages
    }

    /// Whatever is answered is in the table.
    pub(crate) async fn ask(&self, who: &Peer, ask: Ask) -> Reply {
        let request = ask.to_bytes();
        let reply = Reply::parse(&self.exchange(who, &request).await, ask.is_head());
        table::check(&request, &reply);
        reply
    }

    /// Everything that comes back for these bytes, until the connection ends.
    pub(crate) async fn raw(&self, who: &Peer, request: &[u8]) -> Vec<u8> {
        self.exchange(who, request).await
    }

    async fn exchange(&self, who: &Peer, request: &[u8]) -> Vec<u8> {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let (shared, who) = (Arc::clone(&self.shared), who.clone());
        let service = service_fn(move |request| {
            let (shared, who) = (Arc::clone(&shared), who.clone());
            async move { Ok::<_, Infallible>(handle(shared, who, request).await) }
        });
        let connection =
            http1::Builder::new().title_case_headers(true).serve_connection(TokioIo::new(server), service);
        let serving = tokio::spawn(connection);
        let (mut from, mut to) = tokio::io::split(client);
        let mut answer = Vec::new();
        // A connection that is closed early takes no more of the request: that is an answer as well.
        let (_sent, read) = tokio::join!(to.write_all(request), from.read_to_end(&mut answer));
        read.unwrap();
        let _ended_anyhow = serving.await.unwrap();
        answer
    }
}

/// A certificate's holder with this name and this OU, if any.
pub(crate) fn peer(name: &str, unit: &str) -> Peer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    if !unit.is_empty() {
        params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let rule = |name: &str, role| RoleRule { subject: Match::Name(name.to_owned()), role };
    let rules = IdentityRules {
        roles: vec![
            rule("producer", Role::Publish(Scope::All)),
            rule("producer of one", Role::Publish(Scope::Some([ispb(OTHER)].into()))),
            rule("admin", Role::Admin(Scope::All)),
            rule("operator", Role::Operator(Scope::All)),
            rule("auditor", Role::Auditor(Scope::All)),
        ],
        ..IdentityRules::default()
    };
    let identity = Identity::from_der(certificate.der(), &rules).unwrap();
    let remote = "127.0.0.1:40000".parse().unwrap();
    Peer { identity: Arc::new(identity), remote, protocol: Protocol::Http1 }
}

/// The holder of a certificate that names two participants.
pub(crate) fn two_ispbs(name: &str) -> Peer {
    let mut peer = peer(name, "");
    let identity = Identity { ispb: IspbClaim::Conflict, ..(*peer.identity).clone() };
    peer.identity = Arc::new(identity);
    peer
}

pub(crate) fn bank() -> Peer {
    peer("bank", "ISPB-99999A04")
}

pub(crate) fn producer() -> Peer {
    peer("producer", "")
}

pub(crate) fn admin() -> Peer {
    peer("admin", "")
}

pub(crate) fn auditor() -> Peer {
    peer("auditor", "")
}

/// Settings under which an empty read answers at once.
pub(crate) fn impatient() -> Settings {
    Settings { long_poll: Duration::ZERO, ..Settings::default() }
}
