//! The environment of this process: the only place in the workspace that reads it (house style, section 3).

use pix_stream_config::Environment;

/// One variable, of whatever program; `None` where it is not set.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment; everybody else is told"
)]
pub fn find(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The variables of this process that the program looks at. Values that are not UTF-8 are read with replacement
/// characters, and are then refused by the key they are meant for.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment; everybody else is told"
)]
pub fn of_process() -> Environment {
    Environment::of(
        std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())),
    )
}
