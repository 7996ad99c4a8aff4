//! The same routes over HTTP/2 (protocol, section 1).

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pix_stream_delivery::handle;

use crate::routes::world::{BANK, World, bank, impatient, producer};
use pix_stream_delivery::Wire;

#[tokio::test(start_paused = true)]
async fn publishing_and_reading_work_over_http2() {
    let world = World::with(Wire::default(), impatient()).await;
    let (client, server) = tokio::io::duplex(64 * 1024);
    let shared = Arc::clone(&world.shared);
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let who = if request.method() == http::Method::POST { producer() } else { bank() };
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(handle(shared, who, request).await) }
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    tokio::spawn(connection.serve_connection(TokioIo::new(server), service));
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client));
    let (mut sender, driver) = handshake.await.unwrap();
    tokio::spawn(driver);
    let request = |method: &str, path: String| {
        let uri = format!("https://icom{path}");
        http::Request::builder().method(method).uri(uri).version(http::Version::HTTP_2)
    };
    let xml = format!("<m id=\"M1\" to=\"{BANK}\">{}</m>", "x".repeat(100_000));
    let publish = request("POST", format!("/api/v1/out/{BANK}/msgs"))
        .header("content-type", "application/xml")
        .body(Full::new(Bytes::from(xml.clone())))
        .unwrap();
    assert_eq!(sender.send_request(publish).await.unwrap().status(), 201);
    let read = request("GET", format!("/api/v1/out/{BANK}/stream/start"))
        .header("accept", "multipart/mixed")
        .body(Full::new(Bytes::new()))
        .unwrap();
    let answer = sender.send_request(read).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("pi-pull-next"));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8(body.to_vec()).unwrap().contains(&xml));
}
