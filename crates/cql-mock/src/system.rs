//! The tables in which a cluster describes itself, as far as drivers read them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::wire::{Type, rows};

/// One node as others see it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) address: SocketAddr,
    pub(crate) datacenter: String,
    pub(crate) token: i64,
    /// As the node itself says, and as it has told the others.
    pub(crate) schema: Arc<AtomicU64>,
    pub(crate) told_schema: Arc<AtomicU64>,
}

/// The body of an answer about the cluster, or `None` when the text asks for something else.
pub(crate) fn answer(text: &str, members: &[Member], own: usize) -> Option<Vec<u8>> {
    if text.contains("system.local") {
        return Some(local(members.get(own)?, own));
    }
    if text.contains("system.peers_v2") {
        return Some(peers(members, own));
    }
    if text.contains("system_schema.keyspaces") {
        return Some(keyspaces());
    }
    None
}

fn local(member: &Member, index: usize) -> Vec<u8> {
    let columns = [
        ("key", Type::Text),
        ("host_id", Type::Uuid),
        ("data_center", Type::Text),
        ("rack", Type::Text),
        ("tokens", Type::Texts),
        ("schema_version", Type::Uuid),
        ("broadcast_address", Type::Inet),
        ("broadcast_port", Type::Int),
        ("rpc_address", Type::Inet),
        ("rpc_port", Type::Int),
    ];
    let mut row = vec![Some(Bytes::from_static(b"local"))];
    row.extend(about(member, index, &member.schema));
    row.extend([
        inet(member.address.ip()),
        port(7_000),
        inet(member.address.ip()),
        port(member.address.port()),
    ]);
    rows(&columns, &[row], None)
}

fn peers(members: &[Member], own: usize) -> Vec<u8> {
    let columns = [
        ("peer", Type::Inet),
        ("peer_port", Type::Int),
        ("host_id", Type::Uuid),
        ("data_center", Type::Text),
        ("rack", Type::Text),
        ("tokens", Type::Texts),
        ("schema_version", Type::Uuid),
        ("native_address", Type::Inet),
        ("native_port", Type::Int),
    ];
    let peers = members.iter().enumerate().filter(|(index, _)| *index != own);
    let peers = peers.map(|(index, member)| {
        let mut row = vec![inet(member.address.ip()), port(7_000)];
        row.extend(about(member, index, &member.told_schema));
        row.extend([inet(member.address.ip()), port(member.address.port())]);
        row
    });
    rows(&columns, &peers.collect::<Vec<_>>(), None)
}

/// Host id, data centre, rack, tokens, schema version.
fn about(member: &Member, index: usize, schema: &AtomicU64) -> [Option<Bytes>; 5] {
    let uuid = |last: u64| {
        let mut uuid = [7; 16];
        uuid[8..].copy_from_slice(&last.to_be_bytes());
        Some(Bytes::copy_from_slice(&uuid))
    };
    let host = uuid(u64::try_from(index).unwrap_or(0));
    let schema = uuid(schema.load(Ordering::Relaxed));
    let token = member.token.to_string();
    let length = u32::try_from(token.len()).unwrap_or(0);
    let tokens = [&1_u32.to_be_bytes()[..], &length.to_be_bytes(), token.as_bytes()].concat();
    [host, text(&member.datacenter), text("r1"), Some(tokens.into()), schema]
}

fn keyspaces() -> Vec<u8> {
    let columns = [("keyspace_name", Type::Text), ("replication", Type::Text)];
    let replication = r#"{"class":"NetworkTopologyStrategy","dc1":"1","dc2":"1"}"#;
    rows(&columns, &[vec![text("k"), text(replication)]], None)
}

fn text(text: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(text.as_bytes()))
}

fn port(port: u16) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(&i32::from(port).to_be_bytes()))
}

fn inet(address: IpAddr) -> Option<Bytes> {
    Some(match address {
        IpAddr::V4(address) => Bytes::copy_from_slice(&address.octets()),
        IpAddr::V6(address) => Bytes::copy_from_slice(&address.octets()),
    })
}
