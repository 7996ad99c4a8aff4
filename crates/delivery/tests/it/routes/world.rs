//! A node over fake ports, and a client that sees every byte of an answer.

use std::convert::Infallible;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pix_stream_app::{Actor, App, Publish, Settings};
use pix_stream_delivery::{Shared, Wire, handle, handle_admin, handle_plain};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Limits;
use pix_stream_domain::token::Keyring;
use pix_stream_listener::identity::{
    Identity, IdentityRules, IspbClaim, Match, Peer, Protocol, PublishScope, Role, RoleRule,
};
use pix_stream_testkit::fake::{FakeCodec, FakePorts};
use pix_stream_testkit::sim_clock::{START, SimClock};
use rcgen::{CertificateParams, DnType, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The participant that is onboarded.
pub(crate) const BANK: &str = "99999A04";
/// Another one, onboarded as well.
pub(crate) const OTHER: &str = "99999001";
/// One that is not onboarded.
pub(crate) const STRANGER: &str = "99999999";

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
    pub(crate) shared: Arc<Shared<FakePorts>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Wire::default(), Settings::default()).await
    }

    pub(crate) async fn with(wire: Wire, settings: Settings) -> Self {
        let ports = FakePorts::new(7, SimClock::following_tokio(START));
        let keyring = Keyring::new((1, [7; 32]), None);
        let app = App::start(ports.clone(), keyring, settings).await.unwrap();
        for participant in [BANK, OTHER] {
            let actor = Actor { name: "test", request_id: "test", reason: "" };
            app.onboard(ispb(participant), String::new(), Limits::default(), actor).await.unwrap();
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

    pub(crate) async fn ask(&self, who: &Peer, ask: Ask) -> Reply {
        let is_head = ask.method == "HEAD";
        Reply::parse(&self.exchange(Listener::Api, who, &ask.to_bytes()).await, is_head)
    }

    pub(crate) async fn ask_admin(&self, who: &Peer, ask: Ask) -> Reply {
        Reply::parse(&self.exchange(Listener::Admin, who, &ask.to_bytes()).await, false)
    }

    pub(crate) async fn ask_plain(&self, ask: Ask) -> Reply {
        Reply::parse(&self.exchange(Listener::Plain, &bank(), &ask.to_bytes()).await, false)
    }

    /// Everything that comes back for these bytes, until the connection ends.
    pub(crate) async fn raw(&self, who: &Peer, request: &[u8]) -> Vec<u8> {
        self.exchange(Listener::Api, who, request).await
    }

    async fn exchange(&self, listener: Listener, who: &Peer, request: &[u8]) -> Vec<u8> {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let (shared, who) = (Arc::clone(&self.shared), who.clone());
        let service = service_fn(move |request| {
            let (shared, who) = (Arc::clone(&shared), who.clone());
            async move {
                Ok::<_, Infallible>(match listener {
                    Listener::Api => handle(shared, who, request).await,
                    Listener::Admin => handle_admin(shared, who, request).await,
                    Listener::Plain => handle_plain(shared, request).await,
                })
            }
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

/// A request in the making.
pub(crate) struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        let headers =
            vec![("Host".to_owned(), "icom".to_owned()), ("Connection".to_owned(), "close".to_owned())];
        Self { method, path: path.into(), headers, body: Vec::new() }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn start(ispb: &str) -> Self {
        Self::get(format!("/api/v1/out/{ispb}/stream/start"))
    }

    /// A publish request for the bank.
    pub(crate) fn publish(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let ask = Self::new("POST", format!("/api/v1/out/{BANK}/msgs")).body(body);
        if content_type.is_empty() { ask } else { ask.header("Content-Type", content_type) }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn many(self) -> Self {
        self.header("Accept", "multipart/mixed, application/xml, application/problem+xml, */*")
    }

    pub(crate) fn gzip(self) -> Self {
        self.header("Accept-Encoding", "gzip, *")
    }

    /// A body with its length.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("Content-Length", &length)
    }

    pub(crate) fn json(self, body: &str) -> Self {
        self.header("Content-Type", "application/json").body(body)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.body].concat()
    }
}

/// An answer as it stood on the wire.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names as they were spelled.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn parse(bytes: &[u8], is_head: bool) -> Self {
        let at = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer has a head");
        let head = std::str::from_utf8(&bytes[..at]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let pair = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        let reply = Self { status, headers: lines.map(pair).collect(), body: bytes[at + 4..].to_vec() };
        let length = reply.find("content-length").map_or(0, |length| length.parse().unwrap());
        assert_eq!(reply.body.len(), if is_head { 0 } else { length }, "the body has the announced length");
        reply
    }

    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let is_named = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        let mut found = self.headers.iter().filter(is_named);
        let value = found.next().map(|(_, value)| value.as_str());
        assert_eq!(found.next(), None, "{name} stands once");
        value
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("{name} is missing: {self:?}"))
    }

    /// The body, decompressed where it says that it is compressed: exactly one member.
    pub(crate) fn plain(&self) -> Vec<u8> {
        match self.find("content-encoding") {
            None => self.body.clone(),
            Some("gzip") => {
                let mut decoder = GzDecoder::new(&self.body[..]);
                let mut plain = Vec::new();
                decoder.read_to_end(&mut plain).unwrap();
                assert!(decoder.into_inner().is_empty(), "one member");
                plain
            }
            Some(other) => panic!("coding {other}"),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.plain()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The path of `PI-Pull-Next`.
    pub(crate) fn next(&self) -> String {
        self.header("PI-Pull-Next").to_owned()
    }

    /// The XML of each message, found as a client's regular expression would.
    pub(crate) fn messages(&self) -> Vec<String> {
        let text = self.text();
        let Some(boundary) = self.header("Content-Type").strip_prefix("multipart/mixed; boundary=") else {
            return vec![text];
        };
        let parts = text.strip_suffix(&format!("--{boundary}--\r\n")).expect("a closing line");
        let message = |part: &str| {
            let (head, xml) = part.split_once("\r\n\r\n").unwrap();
            let names: Vec<_> = head.split("\r\n").map(|l| l.split_once(": ").unwrap().0).collect();
            assert_eq!(names, ["Content-Type", "PI-ResourceId"]);
            xml.strip_suffix("\r\n").unwrap().to_owned()
        };
        parts.split(&format!("--{boundary}\r\n")).skip(1).map(message).collect()
    }

    /// Asserts an error of protocol section 6, and gives its title.
    pub(crate) fn problem(&self, status: u16, code: &str) -> String {
        let text = self.text();
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("Content-Type"), "application/problem+xml");
        assert_eq!(self.find("PI-Pull-Next"), None, "no error moves a cursor");
        let start = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<problem xmlns=\"urn:ietf:rfc:7807\">\
             <type>https://icom.pi.rsfn.net.br/api/v1/error/{code}</type><title>"
        );
        let rest = text.strip_prefix(&start).unwrap_or_else(|| panic!("{code} expected: {text}"));
        let title = rest.strip_suffix("</problem>").unwrap();
        // Ours, and only where there is more to say.
        let title = title.split_once("</title><detail>").map_or(title, |(title, _)| title);
        title.strip_suffix("</title>").unwrap_or(title).to_owned()
    }

    /// The lines of an error's detail.
    pub(crate) fn details(&self) -> Vec<String> {
        let text = self.text();
        let inside = text.split_once("<detail>").and_then(|(_, rest)| rest.split_once("</detail></problem>"));
        inside.map(|(inside, _)| inside.lines().map(str::to_owned).collect()).unwrap_or_default()
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
            rule("producer", Role::Publish(PublishScope::All)),
            rule("producer of one", Role::Publish(PublishScope::Some([ispb(OTHER)].into()))),
            rule("admin", Role::Admin),
            rule("auditor", Role::Auditor),
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
