//! Frames of protocol v4, read and written by hand, so that they can also be wrong.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::script::Answer;

pub(crate) const HEADER: usize = 9;

pub(crate) const ERROR: u8 = 0x00;
pub(crate) const STARTUP: u8 = 0x01;
pub(crate) const READY: u8 = 0x02;
pub(crate) const AUTHENTICATE: u8 = 0x03;
pub(crate) const OPTIONS: u8 = 0x05;
pub(crate) const SUPPORTED: u8 = 0x06;
pub(crate) const QUERY: u8 = 0x07;
pub(crate) const RESULT: u8 = 0x08;
pub(crate) const PREPARE: u8 = 0x09;
pub(crate) const EXECUTE: u8 = 0x0A;
pub(crate) const REGISTER: u8 = 0x0B;
pub(crate) const AUTH_RESPONSE: u8 = 0x0F;
pub(crate) const AUTH_SUCCESS: u8 = 0x10;

/// A request's frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) stream: i16,
    pub(crate) opcode: u8,
    pub(crate) body: Bytes,
}

/// Takes a whole frame off the front.
pub(crate) fn take_frame(buffer: &mut BytesMut) -> Option<Frame> {
    let &[_, _, s, t, opcode, a, b, c, d] = buffer.first_chunk::<HEADER>()?;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    if buffer.len() < HEADER + length {
        return None;
    }
    buffer.advance(HEADER);
    let body = buffer.split_to(length).freeze();
    Some(Frame { stream: i16::from_be_bytes([s, t]), opcode, body })
}

/// An answer's frame.
pub(crate) fn frame(stream: i16, opcode: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x84, 0];
    frame.put_i16(stream);
    frame.put_u8(opcode);
    frame.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    frame.extend_from_slice(body);
    frame
}

/// The parameters of a QUERY or an EXECUTE, as far as they are there.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pub(crate) consistency: u16,
    pub(crate) values: Vec<Option<Bytes>>,
    pub(crate) page_size: Option<i32>,
    pub(crate) paging_state: Option<Bytes>,
    pub(crate) serial: Option<u16>,
}

pub(crate) fn take_params(body: &mut Bytes) -> Option<Params> {
    let mut params = Params { consistency: body.try_get_u16().ok()?, ..Params::default() };
    let flags = body.try_get_u8().ok()?;
    if flags & 0x01 != 0 {
        for _ in 0..body.try_get_u16().ok()? {
            params.values.push(take_bytes(body)?);
        }
    }
    if flags & 0x04 != 0 {
        params.page_size = Some(body.try_get_i32().ok()?);
    }
    if flags & 0x08 != 0 {
        params.paging_state = take_bytes(body)?;
    }
    if flags & 0x10 != 0 {
        params.serial = Some(body.try_get_u16().ok()?);
    }
    Some(params)
}

/// Bytes with a length of four bytes; below zero is null or not set.
pub(crate) fn take_bytes(body: &mut Bytes) -> Option<Option<Bytes>> {
    let Ok(length) = usize::try_from(body.try_get_i32().ok()?) else { return Some(None) };
    (body.len() >= length).then(|| Some(body.split_to(length)))
}

pub(crate) fn take_long_string(body: &mut Bytes) -> Option<String> {
    let bytes = take_bytes(body)??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Bytes with a length of two bytes.
pub(crate) fn take_short_bytes(body: &mut Bytes) -> Option<Bytes> {
    let length = usize::from(body.try_get_u16().ok()?);
    (body.len() >= length).then(|| body.split_to(length))
}

pub(crate) fn put_string(body: &mut Vec<u8>, text: &str) {
    body.put_u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
    body.extend_from_slice(text.as_bytes());
}

fn put_bytes(body: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            body.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
            body.extend_from_slice(bytes);
        }
        None => body.put_i32(-1),
    }
}

/// A column's type as far as a client looks at it (v4, section 4.2.5.2).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    Blob,
    Int,
    Text,
    Uuid,
    Inet,
    Texts,
}

impl Type {
    fn put(self, body: &mut Vec<u8>) {
        match self {
            Self::Blob => body.put_u16(0x03),
            Self::Int => body.put_u16(0x09),
            Self::Text => body.put_u16(0x0D),
            Self::Uuid => body.put_u16(0x0C),
            Self::Inet => body.put_u16(0x10),
            Self::Texts => {
                body.put_u16(0x22);
                body.put_u16(0x0D);
            }
        }
    }
}

/// The body of a RESULT with rows.
pub(crate) fn rows(columns: &[(&str, Type)], rows: &[Vec<Option<Bytes>>], state: Option<&Bytes>) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_i32(2);
    body.put_i32(if state.is_some() { 0x03 } else { 0x01 });
    body.put_i32(i32::try_from(columns.len()).unwrap_or(i32::MAX));
    if let Some(state) = state {
        put_bytes(&mut body, Some(state));
    }
    put_table(&mut body);
    for (name, of) in columns {
        put_string(&mut body, name);
        of.put(&mut body);
    }
    body.put_i32(i32::try_from(rows.len()).unwrap_or(i32::MAX));
    for cell in rows.iter().flatten() {
        put_bytes(&mut body, cell.as_deref());
    }
    body
}

/// The body of a RESULT that says a text was prepared: the id, the markers, which of them are the key.
pub(crate) fn prepared(id: &[u8], markers: usize, key: &[u16]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_i32(4);
    body.put_u16(u16::try_from(id.len()).unwrap_or(u16::MAX));
    body.extend_from_slice(id);
    body.put_i32(0x01);
    body.put_i32(i32::try_from(markers).unwrap_or(i32::MAX));
    body.put_i32(i32::try_from(key.len()).unwrap_or(i32::MAX));
    for index in key {
        body.put_u16(*index);
    }
    put_table(&mut body);
    for index in 0..markers {
        put_string(&mut body, &format!("marker_{index}"));
        Type::Blob.put(&mut body);
    }
    // No rows are described beforehand.
    body.put_i32(0x04);
    body.put_i32(0);
    body
}

fn put_table(body: &mut Vec<u8>) {
    put_string(body, "k");
    put_string(body, "t");
}

/// Opcode and body of an answer.
pub(crate) fn answer(answer: &Answer) -> (u8, Vec<u8>) {
    match answer {
        Answer::Void => (RESULT, 1_i32.to_be_bytes().to_vec()),
        Answer::Rows { columns, rows: cells, paging_state } => {
            let columns: Vec<_> = columns.iter().map(|name| (name.as_str(), Type::Blob)).collect();
            (RESULT, rows(&columns, cells, paging_state.as_ref()))
        }
        Answer::Error { code, message, rest } => {
            let mut body = code.to_be_bytes().to_vec();
            put_string(&mut body, message);
            body.extend_from_slice(rest);
            (ERROR, body)
        }
        Answer::SchemaChange => {
            let mut body = 5_i32.to_be_bytes().to_vec();
            for word in ["CREATED", "TABLE", "k", "t"] {
                put_string(&mut body, word);
            }
            (RESULT, body)
        }
        Answer::Truncated => (RESULT, [2_i32.to_be_bytes(), 1_i32.to_be_bytes()].concat()),
    }
}
