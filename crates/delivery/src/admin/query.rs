//! The query of an admin path: each name once, and one that nobody took is refused.

use crate::error::{Code, Problem};

/// A query that is taken apart. Values are ISPBs, ids, numbers and words: nothing that would be percent-encoded.
#[derive(Debug, Default)]
pub(super) struct Query<'a> {
    left: Vec<(&'a str, &'a str)>,
}

impl<'a> Query<'a> {
    /// A query; none counts as an empty one.
    pub(super) fn parse(query: Option<&'a str>) -> Result<Self, Problem> {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let left: Vec<_> = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        let is_twice = |(at, (name, _)): (usize, &(&str, &str))| left[..at].iter().any(|(n, _)| n == name);
        if left.iter().enumerate().any(is_twice) {
            return Err(invalid("the query says something twice".to_owned()));
        }
        Ok(Self { left })
    }

    /// A value that is read; an empty one counts as absent.
    pub(super) fn take<T: std::str::FromStr>(
        &mut self,
        name: &str,
        what: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(at) = self.left.iter().position(|(n, _)| *n == name) else { return Ok(None) };
        let (_, value) = self.left.swap_remove(at);
        if value.is_empty() {
            return Ok(None);
        }
        value.parse().map(Some).map_err(|_| invalid(format!("`{name}` in the query must be {what}")))
    }

    /// Whether the query asks for a dry run.
    pub(super) fn take_dry_run(&mut self) -> Result<bool, Problem> {
        Ok(self.take("dry_run", "`true` or `false`")?.unwrap_or(false))
    }

    /// Refuses what nobody took.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.left.first() {
            Some((name, _)) => {
                let name: String = name.chars().take(64).collect();
                Err(invalid(format!("`{name}` in the query is not known here; commands take `dry_run=true`")))
            }
            None => Ok(()),
        }
    }
}

fn invalid(message: String) -> Problem {
    Problem::new(Code::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dry_run(query: &str) -> Result<bool, Problem> {
        let mut query = Query::parse(Some(query))?;
        let dry_run = query.take_dry_run()?;
        query.finish().map(|()| dry_run)
    }

    #[test]
    fn a_command_may_be_tried() {
        assert_eq!(Query::parse(None).unwrap().take_dry_run(), Ok(false));
        for (query, expected) in
            [("", false), ("dry_run=true", true), ("dry_run=false", false), ("dry_run=", false)]
        {
            assert_eq!(dry_run(query), Ok(expected), "{query}");
        }
        for query in ["dry_run=yes", "dryrun=true", "dry_run=true&dry_run=false", "dry_run=true&now=1"] {
            assert!(dry_run(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_value_of_another_form_is_refused_by_its_name() {
        let mut query = Query::parse(Some("after=&limit=x")).unwrap();
        assert_eq!(query.take::<String>("after", "a text"), Ok(None));
        assert!(query.take::<u32>("limit", "a number").unwrap_err().title.contains("`limit`"));
    }
}
