//! The command line is consistent, and its habits hold for every command (cli.md, "Habits of every command").

use clap::{Command as Definition, CommandFactory as _, Parser as _};

use super::*;

mod page;

fn parser() -> Definition {
    Cli::command()
}

fn accepts(line: &str) -> Result<(), clap::Error> {
    parser().try_get_matches_from(line.split(' ')).map(drop)
}

#[test]
fn the_definition_is_consistent() {
    parser().debug_assert();
}

#[test]
fn every_command_has_a_purpose_and_two_examples() {
    let parser = parser();
    let mut commands: Vec<_> = parser.get_subcommands().collect();
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands());
        let name = command.get_name();
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(about.contains(' ') && !about.starts_with('`'), "{name}: {about}");
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.lines().filter(|line| line.contains("pix-stream ")).count() >= 2, "{name}: {after}");
    }
}

#[test]
fn every_contracted_line_is_accepted() {
    for line in [
        "pix-stream demo",
        "pix-stream demo --dir d --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --messages 1000 --rate 5 --streams 6 --json",
        "pix-stream init --dir d --listen 127.0.0.1:0 --participant 99999001 --participant 9999900A --force",
        "pix-stream serve --config d/pix-stream.toml --listen 127.0.0.1:0 --admin-listen [::1]:0",
        "pix-stream config check --config f",
        "pix-stream config schema",
        "pix-stream config schema --config f",
        "pix-stream publish --dir d --ispb 99999001 a.xml b.xml",
        "pix-stream publish --url https://h:1 --ca a --cert b --key c --ispb 99999001 --generate 5 --type pacs.002 --seed 1 --rate 2 --json",
        "pix-stream pull --dir d --ispb 99999001 --streams 6 --save f --count 10 --single --no-gzip --json",
        "pix-stream pull --url https://h:1 --ca a --cert b --key c --ispb 99999001 --follow",
        "pix-stream publish --dir d --ispb 99999001 --quarantine a.xml --json",
        "pix-stream validate a.xml b.xml",
        "pix-stream validate --schemas d --json --all a",
        "pix-stream admin --dir d quarantine list --participant 99999001 --json",
        "pix-stream admin --dir d quarantine show UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur",
        "pix-stream admin --dir d quarantine export UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur --out f --reason x",
        "pix-stream admin --dir d quarantine release UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Us --dry-run",
        "pix-stream admin --dir d quarantine drop UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur --reason x",
        "pix-stream admin --dir d catalog list",
        "pix-stream admin --dir d catalog disable pacs.008.spi.1.16 --participant 99999001 --dry-run",
        "pix-stream admin --dir d catalog clear pacs.008.spi.1.16",
        "pix-stream admin --dir d reload --reason x --dry-run",
        "pix-stream token inspect abc --config f",
        "pix-stream audit verify a b",
        "pix-stream audit show UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur a b --json",
        "pix-stream audit export a --since 2026-11-01 --until 2d --ispb 99999001 --out f --force",
        "pix-stream admin --dir d participants list",
        "pix-stream admin participants --dir d list --json",
        "pix-stream admin --dir d participants hold 99999001 --reason x",
        "pix-stream admin --dir d participants unhold 99999001 --dry-run",
        "pix-stream admin --dir d participants rewind 99999001 --to 5 --dry-run --reason drill",
        "pix-stream admin --url https://h:1 --ca a --cert b --key c participants limits 99999001 --backlog-high-water 5",
    ] {
        if let Err(error) = accepts(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn every_line_of_operators_is_accepted() {
    for line in [
        "pix-stream admin --dir d --as auditor participants list",
        "pix-stream admin --dir d participants create 99999A04 --name x --retention-days 90 --reason x --dry-run",
        "pix-stream admin --dir d participants offboard 99999001 --reason x --dry-run",
        "pix-stream admin --dir d participants onboard 99999001",
        "pix-stream admin --dir d participants slot release 99999001 6 --reason x --dry-run",
        "pix-stream admin --dir d participants hold 99999001 --since 2026-11-01 --until 2026-11-08T00:00:00Z",
        "pix-stream admin --dir d participants unhold 99999001 --since 30d --until 2h --dry-run",
        "pix-stream admin --dir d participants retention 99999001 90 --reason x",
        "pix-stream admin --dir d participants retention 99999001 --default --dry-run",
        "pix-stream admin --dir d participants replay open 99999001 --from 1 --to 9 --valid 2h --reason x",
        "pix-stream admin --dir d participants replay open 99999001 --since 2h --dry-run --json",
        "pix-stream admin --dir d participants replay show 99999001",
        "pix-stream admin --dir d participants replay close 99999001 --reason x --dry-run",
        "pix-stream admin --dir d participants export 99999001 --since 30d --until now --out f --force",
        "pix-stream admin --dir d participants export 99999001 --from 1 --to 9",
        "pix-stream admin --dir d keys list --json",
        "pix-stream admin --dir d keys rotate --stage --reason x --dry-run",
        "pix-stream admin --dir d keys sign 2 --reason x --dry-run",
        "pix-stream admin --dir d keys retire 1 --reason x --dry-run",
        "pix-stream admin --dir d audit show UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur",
        "pix-stream admin --dir d audit head",
        "pix-stream admin --dir d audit verify --json",
        "pix-stream admin --dir d slow",
        "pix-stream admin --dir d log show",
        "pix-stream admin --dir d log set info,pix_stream_app=debug --for 30m --reason x --dry-run",
        "pix-stream admin --dir d drain --reason x --dry-run",
        "pix-stream admin --dir d node --json",
        "pix-stream keys list --config f --json",
        "pix-stream keys new --config f --sign --dry-run",
        "pix-stream keys sign 2 --config f",
        "pix-stream keys retire 1 --config f --dry-run --json",
        "pix-stream completions bash",
        "pix-stream completions powershell",
    ] {
        if let Err(error) = accepts(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    for line in [
        "pix-stream frobnicate",
        "pix-stream init",
        "pix-stream init --dir d --participant short",
        "pix-stream init --dir d --participant 9999900a",
        "pix-stream init --dir d --listen nowhere",
        "pix-stream demo --streams 7",
        "pix-stream demo --messages 0",
        "pix-stream publish --dir d --ispb 99999001",
        "pix-stream publish --dir d --ispb 99999001 a.xml --generate 5",
        "pix-stream publish --dir d --url u --ca a --cert b --key c --ispb 99999001 a.xml",
        "pix-stream publish --url u --ispb 99999001 a.xml",
        "pix-stream publish --ispb 99999001 a.xml",
        "pix-stream pull --dir d --ispb 99999001 --count 5 --follow",
        "pix-stream pull --dir d --ispb 99999001 --streams 0",
        "pix-stream audit verify",
        "pix-stream audit show UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur",
        "pix-stream audit export a",
        "pix-stream validate",
        "pix-stream admin --dir d quarantine show short",
        "pix-stream admin --dir d catalog enable",
        "pix-stream admin --dir d participants cap 99999001 7",
        "pix-stream admin --dir d participants limits 99999001",
        "pix-stream admin --dir d participants limits 99999001 --default --requests-per-second 5",
        "pix-stream admin --dir d --as somebody participants list",
        "pix-stream admin --dir d participants slot release 99999001 7",
        "pix-stream admin --dir d participants hold 99999001 --since yesterday --until now",
        "pix-stream admin --dir d participants hold 99999001 --since 2h",
        "pix-stream admin --dir d participants retention 99999001",
        "pix-stream admin --dir d participants retention 99999001 90 --default",
        "pix-stream admin --dir d participants retention 99999001 0",
        "pix-stream admin --dir d participants replay open 99999001",
        "pix-stream admin --dir d participants replay open 99999001 --from 1",
        "pix-stream admin --dir d participants replay open 99999001 --from 1 --to 2 --since 1h",
        "pix-stream admin --dir d participants replay open 99999001 --since 1h --valid soon",
        "pix-stream admin --dir d participants export 99999001 --until 1h",
        "pix-stream admin --dir d participants export 99999001 --since 1h --force",
        "pix-stream admin --dir d keys sign 0",
        "pix-stream admin --dir d keys retire 256",
        "pix-stream admin --dir d audit show short",
        "pix-stream admin --dir d log set",
        "pix-stream keys list",
        "pix-stream keys sign --config f",
        "pix-stream completions csh",
    ] {
        match accepts(line) {
            Ok(()) => panic!("{line}: accepted"),
            Err(error) => assert_eq!(error.exit_code(), 2, "{line}"),
        }
    }
}

#[test]
fn an_admin_target_is_a_folder_or_all_four_by_hand() {
    let target = |line: &str| match Cli::try_parse_from(line.split(' ')).map(|cli| cli.command) {
        Ok(Command::Admin(args)) => args.target.to_target().is_ok(),
        other => panic!("{line}: {other:?}"),
    };
    assert!(target("pix-stream admin --dir d participants list"));
    assert!(target("pix-stream admin participants list --dir d"));
    assert!(target("pix-stream admin --url u --ca a participants --cert b list --key c"));
    assert!(!target("pix-stream admin participants list"));
    assert!(!target("pix-stream admin --dir d --url u participants list"));
    assert!(!target("pix-stream admin --url u participants list"));
    assert!(target("pix-stream admin --dir d --as operator participants list"));
    assert!(!target("pix-stream admin --url u --ca a --cert b --key c --as operator participants list"));
}
