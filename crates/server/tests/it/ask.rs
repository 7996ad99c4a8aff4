//! One request over mutual TLS, byte by byte, as one of the clients that `init` makes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pix_stream_testkit::http::{Ask, Reply};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long one answer may take before a case fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks a server of a folder as `client`, a name below `clients`.
pub(crate) async fn ask_server(folder: &Path, address: SocketAddr, client: &str, ask: &Ask) -> Reply {
    let connector = TlsConnector::from(Arc::new(tls(folder, client)));
    let exchange = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(&ask.to_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Without a close_notify the answer is whole all the same when its length says so.
        let _ended = stream.read_to_end(&mut answer).await;
        answer
    };
    let answer = tokio::time::timeout(PATIENCE, exchange).await.unwrap();
    Reply::parse(&answer, ask.is_head())
}

fn tls(folder: &Path, client: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("tls/ca.pem")).unwrap()).unwrap();
    let own = folder.join("clients").join(client);
    let chain = CertificateDer::pem_file_iter(own.with_extension("pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(own.with_extension("key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.unwrap().with_root_certificates(roots);
    builder.with_client_auth_cert(chain.collect::<Result<_, _>>().unwrap(), key).unwrap()
}
