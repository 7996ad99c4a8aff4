//! What a server says of itself at `/metrics`.

use color_eyre::eyre::{OptionExt as _, Result};

use crate::run::World;
use crate::site::Proc;
use crate::wire::{Connection, Identity};

const REQUEST: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// All metrics of a server, as text.
pub(crate) async fn read(world: &World, server: &Proc) -> Result<String> {
    let identity = Identity::load(&world.site.dir, "admin")?;
    let mut connection = Connection::open(server.admin().ok_or_eyre("no admin listener")?, &identity).await?;
    let answer = connection.exchange(REQUEST).await?;
    Ok(String::from_utf8_lossy(&answer.body).into_owned())
}

/// The value of a metric without labels.
pub(crate) fn find(text: &str, name: &str) -> Option<f64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(metric, _)| *metric == name)?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let text = "# TYPE a_b gauge\na_b_c 2\na_b 3\n";
        assert_eq!(find(text, "a_b"), Some(3.0));
        assert_eq!(find(text, "b"), None);
    }
}
