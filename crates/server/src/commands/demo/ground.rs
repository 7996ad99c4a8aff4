//! Where a demo runs: a fresh folder of `init` or one that is there, and ports that are free.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use pix_stream_config::{Config, Flags};
use pix_stream_development::init::{self, Request};
use pix_stream_domain::ispb::Ispb;
use pix_stream_process::configuration::load;

use crate::cli::DemoArgs;
use crate::compose;
use crate::failure::Failure;
use crate::output;
use crate::system::SystemEntropy;
use crate::target::{self, Caller};

/// The log level of a demo whose configuration has the usual one: its own lines are what is to be seen.
const LOG_LEVEL: &str = "warn";

/// A folder, its configuration, and who reads.
pub(super) struct Ground {
    /// The folder, absolute.
    pub(super) dir: PathBuf,
    /// Its configuration, with the addresses of this run.
    pub(super) config: Config,
    /// The participant that gets messages.
    pub(super) ispb: Ispb,
}

impl Ground {
    /// Makes the folder, or goes on with one of `init`.
    pub(super) fn prepare(args: &DemoArgs) -> Result<Self, Failure> {
        let dir = args.dir.clone().unwrap_or_else(fresh_folder);
        let dir = std::path::absolute(&dir).map_err(Failure::new)?;
        let file = dir.join("pix-stream.toml");
        if file.exists() {
            output::note(format_args!("going on with the folder {} and what is in it", dir.display()));
        } else {
            make(&dir)?;
        }
        let flags = Flags { listen: args.listen.listen, admin_listen: args.listen.admin_listen };
        let mut config = load(&file, flags)?;
        if args.listen.listen.is_none() {
            config.listen.api = free(config.listen.api, "API");
        }
        if args.listen.admin_listen.is_none() {
            config.listen.admin = free(config.listen.admin, "admin listener");
        }
        if config.log.level == Config::default().log.level {
            LOG_LEVEL.clone_into(&mut config.log.level);
        }
        let ispb = participant(&dir)?;
        Ok(Self { dir, config, ispb })
    }
}

fn fresh_folder() -> PathBuf {
    std::env::temp_dir().join(format!("pix-stream-demo-{:016x}", SystemEntropy::new().number()))
}

fn make(dir: &Path) -> Result<(), Failure> {
    let request = Request {
        directory: dir.to_owned(),
        listen: None,
        admin_listen: None,
        participants: Vec::new(),
        force: false,
    };
    init::create(&request, &compose::means()).map(drop).map_err(|error| {
        Failure::new(error)
            .next("choose another --dir: a folder of `pix-stream init`, or one that does not exist yet")
    })
}

/// The address itself when it is free, otherwise another port of it: a demo should not fail for a number.
fn free(address: SocketAddr, what: &str) -> SocketAddr {
    if address.port() == 0 || TcpListener::bind(address).is_ok() {
        return address;
    }
    output::note(format_args!("{address} is taken: the {what} gets a free port"));
    SocketAddr::new(address.ip(), 0)
}

/// The first of the default participants that has a certificate, otherwise any that has.
fn participant(dir: &Path) -> Result<Ispb, Failure> {
    let has_certificate = |ispb: &Ispb| target::files(dir, Caller::Participant(*ispb)).cert.exists();
    if let Some(ispb) = init::default_participants().into_iter().find(has_certificate) {
        return Ok(ispb);
    }
    let named = std::fs::read_dir(dir.join("clients")).into_iter().flatten().flatten().filter_map(|entry| {
        entry.file_name().to_str()?.strip_prefix("psp-")?.strip_suffix(".pem")?.parse().ok()
    });
    named.min().ok_or_else(|| {
        Failure::new(format_args!("{} has no participant's certificate", dir.join("clients").display()))
            .next("choose another --dir")
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_taken_port_becomes_a_free_one() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        assert_eq!(free(taken, "API"), taken);
        let holder = TcpListener::bind(taken).unwrap();
        assert_eq!(free(taken, "API").port(), 0);
        drop(holder);
    }
}
