//! The embedded stores from outside: contracts, crashes, damaged files, a second process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in a function that it calls")]

mod audit;
mod contract;
mod crash;
mod damage;
mod measure;
mod tail;

use std::path::PathBuf;

use bytes::Bytes;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::journal::{MessageKey, NewMessage};

/// Environment variable that makes a test the child of itself, and names the folder to work in.
const CHILD_FOLDER: &str = "PIX_STREAM_TEST_CHILD_FOLDER";

/// The folder, if this process is the child.
fn child_folder() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the parent test tells the folder this way")]
    std::env::var_os(CHILD_FOLDER).map(PathBuf::from)
}

fn ispb() -> Ispb {
    "99999A04".parse().unwrap()
}

/// Message `n`, of about `bytes` bytes.
fn message(n: u64, bytes: usize) -> NewMessage {
    let published_at = Timestamp::from_unix_millis(1_800_000_000_000 + n);
    let mut xml = format!("<Envelope n=\"{n}\">").into_bytes();
    xml.resize(bytes.max(xml.len()), b'x');
    let mut random = [0; 16];
    random[..8].copy_from_slice(&n.to_be_bytes());
    NewMessage {
        key: MessageKey {
            business_id: format!("M99999A04{n:023}").into(),
            digest: Digest::of(&xml),
            published_at,
        },
        resource_id: ResourceId::new(published_at, random),
        message_type: "pacs.008.spi.1.16".into(),
        xml: Bytes::from(xml),
    }
}
