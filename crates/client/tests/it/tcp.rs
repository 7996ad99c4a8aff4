//! Once through a real socket, by a URL alone.

use std::sync::Arc;

use pix_stream_client::{Consumer, Endpoint, MemorySink, Stop, Unobserved};
use tokio::net::TcpListener;

use crate::server::{CERTIFICATES, ISPB, Server, an_hour, batch, empty, options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_is_all_it_takes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::scripted([batch("t1", &[1, 2, 3]).gzipped(), empty("t2")]);
    let serving = Arc::clone(&server);
    let accepting = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(Arc::clone(&serving).serve(socket));
        }
    });
    let endpoint = Endpoint::new(&format!("https://127.0.0.1:{port}"), &CERTIFICATES.client).unwrap();
    let endpoint = endpoint.with_server_name("localhost").unwrap();
    let consumer = Consumer::new(endpoint, ISPB.parse().unwrap(), options(Stop::FirstEmpty));
    let summary = consumer.run(Arc::new(MemorySink::new(10)), Arc::new(Unobserved), an_hour()).await.unwrap();
    assert_eq!((summary.delivered, summary.confirmed), (3, 3));
    assert_eq!(server.lines(), ["GET start", "GET t1", "DELETE t2"]);
    accepting.abort();
}
