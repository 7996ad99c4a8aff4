//! Windows of requests that this node counts alone while the primary Coordinator does not.

use std::collections::HashMap;
use std::sync::Mutex;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::{Decision, Rule, Window};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::error::Error;

use crate::lock;

/// Participants that are counted at a time; those idle for a window give their place up.
const WINDOWS_MAX: usize = 16_384;

#[derive(Debug, Default)]
pub(crate) struct Windows(Mutex<HashMap<Ispb, Window>>);

impl Windows {
    pub(crate) fn admit(&self, ispb: Ispb, rule: Rule, now: Timestamp) -> Result<Decision, Error> {
        let mut windows = lock(&self.0);
        if windows.len() >= WINDOWS_MAX && !windows.contains_key(&ispb) {
            windows.retain(|_, window| !window.is_idle(rule, now));
            if windows.len() >= WINDOWS_MAX {
                return Err(Error::Unavailable("too many participants read at once".to_owned()));
            }
        }
        Ok(windows.entry(ispb).or_default().admit(rule, now))
    }
}
