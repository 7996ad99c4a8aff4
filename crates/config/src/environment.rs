//! The environment as far as this program looks at it. Who reads it from the process is not known here: the binary does.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroize as _;

/// What every variable of ours starts with.
pub const PREFIX: &str = "PIX_STREAM_";

/// The environment variables that this program looks at. Some hold secrets, so values are neither shown nor left in
/// memory; the process's own copy of its environment stays what it is.
#[derive(Clone, Default)]
pub struct Environment {
    overrides: BTreeMap<String, String>,
    no_color: bool,
}

impl Environment {
    /// The environment that consists of these variables. The binary passes the ones of its process, tests their own.
    #[must_use]
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            if name == "NO_COLOR" {
                // The convention (no-color.org): present and not empty, whatever the value.
                environment.no_color = !value.is_empty();
            } else if name.starts_with(PREFIX) {
                environment.overrides.insert(name, value);
            }
        }
        environment
    }

    /// Whether the user asked for output without colour.
    #[must_use]
    pub const fn refuses_color(&self) -> bool {
        self.no_color
    }

    /// The variables that start with [`PREFIX`], by name.
    pub(crate) const fn overrides(&self) -> &BTreeMap<String, String> {
        &self.overrides
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.overrides.values_mut().for_each(|value| value.zeroize());
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.overrides.keys()).finish()
    }
}

/// The variable that overrides a key: `PIX_STREAM_<SECTION>_<KEY>`.
pub(crate) fn variable(section: &str, key: &str) -> String {
    format!("{PREFIX}{}_{}", section.to_ascii_uppercase(), key.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_in_its_debug_form() {
        let name = "PIX_STREAM_REDIS_PASSWORD_SECRET";
        let environment = Environment::of([(name.to_owned(), "hunter2".to_owned())]);
        let shown = format!("{environment:?}");
        assert!(shown.contains(name) && !shown.contains("hunter2"), "{shown}");
    }
}
