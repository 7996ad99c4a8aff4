//! How the switches of message types lie in the file: one record.

use pix_stream_domain::ispb::{self, Ispb};
use pix_stream_domain::switches::Switches;
use redb::TableDefinition;

use super::super::fault::Fault;
use super::{Body, push_text, seal};

/// The switches, under [`KEY`].
pub(crate) const SWITCHES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("switches");
/// The one key of [`SWITCHES`].
pub(crate) const KEY: &str = "switches";

/// The owner of a switch for all participants: no ISPB has these bytes.
const ALL: [u8; ispb::LEN] = [0; ispb::LEN];

pub(crate) fn encode(switches: &Switches) -> Vec<u8> {
    let mut body = switches.revision.to_be_bytes().to_vec();
    for (message_type, ispb, on) in switches.iter() {
        body.push(u8::from(on));
        let owner = ispb.map_or(ALL, |ispb| *ispb.as_bytes());
        body.extend_from_slice(&owner);
        push_text(&mut body, message_type);
    }
    seal(KEY.as_bytes(), &body)
}

pub(crate) fn decode(record: &[u8]) -> Result<Switches, Fault> {
    let mut body = Body::of("switches", KEY.as_bytes(), record)?;
    let mut switches = Switches::default();
    switches.revision = body.u64()?;
    while !body.rest.is_empty() {
        let on = body.u8()? != 0;
        let ispb = match *body.array()? {
            ALL => None,
            ispb => Some(Ispb::from_bytes(ispb).map_err(|_| body.wrong())?),
        };
        let message_type = body.counted_text()?;
        switches.set(message_type, ispb, Some(on)).map_err(|_| body.wrong())?;
    }
    Ok(switches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_come_back_as_they_were_or_not_at_all() {
        let mut switches = Switches::default();
        switches.revision = 7;
        switches.set("pacs.008.spi.1.16", None, Some(false)).unwrap();
        switches.set("pacs.008.spi.1.16", Some("99999A04".parse().unwrap()), Some(true)).unwrap();
        let record = encode(&switches);
        assert_eq!(decode(&record).unwrap(), switches);
        for at in 0..record.len() {
            let mut broken = record.clone();
            broken[at] ^= 1;
            assert!(decode(&broken).is_err(), "a flipped bit at {at}");
            assert!(decode(&record[..at]).is_err(), "cut at {at}");
        }
    }
}
