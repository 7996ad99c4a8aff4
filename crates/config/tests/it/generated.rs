//! Files that are made from the configuration's types have not drifted from them (issue 4, item 13).

use std::path::Path;

use pix_stream_config::{Config, Environment, Flags, load, markdown};

use crate::expect::assert_golden;

fn in_repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[test]
fn the_example_file_is_generated() {
    assert_golden(&in_repository("deploy/config.example.toml"), &Config::default().to_commented_toml());
}

#[test]
fn the_reference_page_is_generated() {
    assert_golden(&in_repository("docs/CONFIGURATION.md"), &markdown());
}

#[test]
fn the_example_file_is_the_default() {
    let example = in_repository("deploy/config.example.toml");
    let read = load(&example, &Environment::default(), Flags::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.toml");
    std::fs::write(&empty, "").unwrap();
    let default = load(&empty, &Environment::default(), Flags::default()).unwrap();
    assert_eq!(read.limits, default.limits);
    assert_eq!(read.stream, default.stream);
    assert_eq!(read.roles, default.roles);
}
