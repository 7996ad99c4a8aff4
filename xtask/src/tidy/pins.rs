//! The compiler's version is named twice, in `rust-toolchain.toml` and in the container's build: both must agree.

use crate::tidy::Problem;
use crate::tidy::tree::Tree;

const TOOLCHAIN: &str = "rust-toolchain.toml";
const DOCKERFILE: &str = "deploy/Dockerfile";

/// Finds a container build with another compiler than ours.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(channel) = tree.find(TOOLCHAIN).and_then(find_channel) else {
        return vec![Problem::new(TOOLCHAIN, 1, "must pin an exact `channel`")];
    };
    let Some(dockerfile) = tree.find(DOCKERFILE) else {
        return vec![Problem::new(DOCKERFILE, 1, "is missing")];
    };
    let image = format!("FROM rust:{channel}-");
    dockerfile
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with("FROM rust:") && !line.starts_with(&image))
        .map(|(at, _)| {
            Problem::new(DOCKERFILE, at + 1, format!("builds with another compiler than {channel}"))
        })
        .collect()
}

fn find_channel(text: &str) -> Option<&str> {
    let line = text.lines().find_map(|line| line.strip_prefix("channel"))?;
    let channel = line.trim_start_matches([' ', '=']).trim().trim_matches('"');
    channel.starts_with(|c: char| c.is_ascii_digit()).then_some(channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(toolchain: &str, dockerfile: &str) -> Vec<String> {
        let tree = Tree::of(&[(TOOLCHAIN, toolchain), (DOCKERFILE, dockerfile)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_same_version_is_fine() {
        assert!(
            problems("[toolchain]\nchannel = \"1.95.0\"\n", "FROM rust:1.95.0-slim AS build\nFROM debian\n")
                .is_empty()
        );
    }

    #[test]
    fn another_version_is_found() {
        assert_eq!(
            problems("channel = \"1.95.0\"\n", "# x\nFROM rust:1.96.0-slim\n"),
            ["deploy/Dockerfile:2: builds with another compiler than 1.95.0"]
        );
    }

    #[test]
    fn a_moving_channel_is_no_pin() {
        assert_eq!(problems("channel = \"stable\"\n", "FROM rust:1.95.0-slim\n").len(), 1);
    }
}
