//! `cargo xtask migrate`: hands on to `pix-stream migrate`, in the profile that was built last.
//!
//! What a migration is, is the server's business.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use color_eyre::eyre::Result;

use crate::flags::{MigrateFlags, Profile};
use crate::process;

/// Runs it, from the caller's own folder; ends as it does.
pub(crate) fn run(flags: &MigrateFlags) -> Result<ExitCode> {
    let mut arguments = vec!["migrate".into(), flags.action.name().into()];
    arguments.extend(["--config".into(), flags.config.clone().into_os_string()]);
    if flags.json {
        arguments.push("--json".into());
    }
    let profile = built_last(&process::root().join("target"));
    process::run_package("pix-stream-server", profile, &arguments)
}

/// Building is what takes the time; a debug build will do where there is none.
fn built_last(target: &Path) -> Profile {
    let built = |folder: &str| -> Option<SystemTime> {
        let binary: PathBuf = target.join(folder).join("pix-stream");
        binary.metadata().and_then(|metadata| metadata.modified()).ok()
    };
    if built("release") > built("debug") { Profile::Release } else { Profile::Dev }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_profile_that_was_built_last_is_taken() {
        let target = std::env::temp_dir().join(format!("pix-stream-xtask-migrate-{}", std::process::id()));
        assert_eq!(built_last(&target), Profile::Dev);
        fs::create_dir_all(target.join("release")).unwrap();
        fs::write(target.join("release").join("pix-stream"), "").unwrap();
        assert_eq!(built_last(&target), Profile::Release);
        fs::remove_dir_all(&target).unwrap();
    }
}
