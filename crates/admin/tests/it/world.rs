//! A node over fake ports with all hooks, and a client that sees every byte of an answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pix_stream_admin::{Admin, Hooks, handle_admin, handle_plain};
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
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::document;
use crate::node::FakeHooks;

/// The participant that is onboarded.
pub(crate) const BANK: &str = "99999A04";
/// Another one, onboarded as well.
pub(crate) const OTHER: &str = "99999001";

pub(crate) fn ispb(text: &str) -> Ispb {
    text.parse().unwrap()
}

/// Which listener is spoken to.
#[derive(Clone, Copy)]
enum Listener {
    Api,
    Admin,
    Plain,
}

pub(crate) struct World {
    pub(crate) app: App<FakePorts>,
    pub(crate) ports: FakePorts,
    pub(crate) hooks: Arc<FakeHooks>,
    shared: Arc<Shared<FakePorts>>,
    admin: Arc<Admin<FakePorts>>,
    document: Value,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Wire::default(), Settings::default()).await
    }

    /// Without hooks.
    pub(crate) async fn bare() -> Self {
        Self::made(Wire::default(), Settings::default(), false).await
    }

    pub(crate) async fn with(wire: Wire, settings: Settings) -> Self {
        Self::made(wire, settings, true).await
    }

    async fn made(wire: Wire, settings: Settings, has_hooks: bool) -> Self {
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
        let hooks = Arc::new(FakeHooks::default());
        let given = if has_hooks { FakeHooks::given(&hooks) } else { Hooks::default() };
        let admin = Arc::new(Admin::new(Arc::clone(&shared), given));
        let document = serde_json::from_slice(admin.document()).unwrap();
        Self { app, ports, hooks, shared, admin, document }
    }

    /// What this node says of itself at `/openapi.json`.
    pub(crate) fn document(&self) -> &Value {
        &self.document
    }

    /// Publishes messages for the bank: `M1`, `M2` … of this many bytes each.
    pub(crate) async fn publish(&self, ids: &[&str], bytes: usize) -> Vec<Bytes> {
        let messages: Vec<_> = ids.iter().map(|id| FakeCodec::message(id, ispb(BANK), bytes)).collect();
        let request =
            Publish { ispb: ispb(BANK), actor: "test", request_id: "test", messages: messages.clone() };
        self.app.publish(request).await.unwrap();
        messages
    }

    pub(crate) async fn ask(&self, who: &Peer, ask: Ask) -> Reply {
        self.checked(Listener::Api, who, &ask).await
    }

    pub(crate) async fn ask_admin(&self, who: &Peer, ask: Ask) -> Reply {
        self.checked(Listener::Admin, who, &ask).await
    }

    pub(crate) async fn ask_plain(&self, ask: Ask) -> Reply {
        Reply::parse(&self.exchange(Listener::Plain, &bank(), &ask.to_bytes()).await, false)
    }

    /// Everything that the admin listener sends back for these bytes, until the connection ends.
    pub(crate) async fn raw_admin(&self, who: &Peer, request: &[u8]) -> Vec<u8> {
        self.exchange(Listener::Admin, who, request).await
    }

    /// Whatever is answered is in the document.
    async fn checked(&self, listener: Listener, who: &Peer, ask: &Ask) -> Reply {
        let request = ask.to_bytes();
        let reply = Reply::parse(&self.exchange(listener, who, &request).await, ask.is_head());
        let line = request.split(|byte| *byte == b'\r').next().unwrap();
        let mut words = std::str::from_utf8(line).unwrap().split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let is_admin = matches!(listener, Listener::Admin);
        document::check(&self.document, is_admin, (method, path), &reply);
        reply
    }

    async fn exchange(&self, listener: Listener, who: &Peer, request: &[u8]) -> Vec<u8> {
        let (shared, admin, who) = (Arc::clone(&self.shared), Arc::clone(&self.admin), who.clone());
        match listener {
            Listener::Api => converse(request, move |asked| handle(shared.clone(), who.clone(), asked)).await,
            Listener::Admin => {
                converse(request, move |asked| handle_admin(admin.clone(), who.clone(), asked)).await
            }
            Listener::Plain => converse(request, move |asked| handle_plain(admin.clone(), asked)).await,
        }
    }
}

/// Everything that a handler sends back for these bytes, until the connection ends.
async fn converse<A, B>(
    request: &[u8],
    answer: impl Fn(Request<Incoming>) -> A + Send + Sync + 'static,
) -> Vec<u8>
where
    A: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let (client, server) = tokio::io::duplex(64 * 1024);
    let service = service_fn(move |asked| {
        let answering = answer(asked);
        async move { Ok::<_, Infallible>(answering.await) }
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
            rule("admin of one", Role::Admin(Scope::Some([ispb(BANK)].into()))),
            rule("operator of one", Role::Operator(Scope::Some([ispb(BANK)].into()))),
            rule("auditor of one", Role::Auditor(Scope::Some([ispb(BANK)].into()))),
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

pub(crate) fn operator() -> Peer {
    peer("operator", "")
}

pub(crate) fn auditor() -> Peer {
    peer("auditor", "")
}

/// Settings under which an empty read answers at once.
pub(crate) fn impatient() -> Settings {
    Settings { long_poll: Duration::ZERO, ..Settings::default() }
}
