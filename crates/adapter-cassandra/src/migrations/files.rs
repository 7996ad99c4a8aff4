//! The migrations as this build knows them: text, checksum, statements, tables. No I/O.

use pix_stream_domain::digest::Digest;

/// What the names of all our tables start with, and nothing else in the files does.
const PREFIX: &str = "pix_";
const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS ";

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Migration {
    pub(crate) number: i32,
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! migrations {
    ($($number:literal $name:literal),+ $(,)?) => {
        &[$(Migration {
            number: $number,
            name: $name,
            text: include_str!(concat!("../../../../migrations/cassandra/", $name, ".cql")),
        }),+]
    };
}

/// All files, in order. The first one makes the tables in which the others are recorded.
pub(crate) const ALL: &[Migration] = migrations![
    1 "0001_migrations",
    2 "0002_streams",
    3 "0003_participants",
    4 "0004_quarantine",
    5 "0005_fallback",
    6 "0006_regions",
    7 "0007_audit",
    8 "0008_anchors",
];

impl Migration {
    /// The checksum by which a change of the file is noticed.
    pub(crate) fn checksum(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// Its statements, without comments, with `keyspace` before the name of each table.
    pub(crate) fn statements(&self, keyspace: &str) -> Vec<String> {
        split(self.text).iter().map(|statement| qualify(statement, keyspace)).collect()
    }

    /// The tables that it makes.
    pub(crate) fn tables(&self) -> Vec<String> {
        let made = split(self.text);
        let made = made.iter().filter_map(|statement| statement.strip_prefix(CREATE_TABLE));
        made.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
            .collect()
    }
}

/// Cuts at each `;` outside of quotes, and drops comments. Runs of white space become one space.
fn split(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    let mut rest = text;
    let mut is_quoted = false;
    while let Some(next) = rest.chars().next() {
        let statement = statements.last_mut();
        if !is_quoted && rest.starts_with("--") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        rest = &rest[next.len_utf8()..];
        is_quoted ^= next == '\'';
        if next == ';' && !is_quoted {
            statements.push(String::new());
        } else if let Some(statement) = statement {
            if is_quoted || !next.is_whitespace() {
                statement.push(next);
            } else if !statement.is_empty() && !statement.ends_with(' ') {
                statement.push(' ');
            }
        }
    }
    statements.iter().map(|statement| statement.trim_end().to_owned()).filter(|s| !s.is_empty()).collect()
}

/// Puts the keyspace before every word outside of quotes that starts with [`PREFIX`].
fn qualify(statement: &str, keyspace: &str) -> String {
    let mut qualified = String::with_capacity(statement.len() + 32);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (index, part) in statement.split('\'').enumerate() {
        if index > 0 {
            qualified.push('\'');
        }
        let mut before = ' ';
        for (at, c) in part.char_indices() {
            let is_quoted = index % 2 == 1;
            if !is_quoted && !is_word(before) && part[at..].starts_with(PREFIX) {
                qualified.push_str(keyspace);
                qualified.push('.');
            }
            qualified.push(c);
            before = c;
        }
    }
    qualified
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_numbered_without_a_gap_and_named_by_their_number() {
        for (number, migration) in (1..).zip(ALL) {
            assert_eq!(migration.number, number);
            assert!(migration.name.starts_with(&format!("{number:04}_")), "{}", migration.name);
        }
    }

    #[test]
    fn every_statement_does_nothing_the_second_time() {
        for statement in ALL.iter().flat_map(|migration| migration.statements("k")) {
            let repeatable = [CREATE_TABLE, "CREATE INDEX IF NOT EXISTS "];
            let adds = statement.starts_with("ALTER TABLE ") && statement.contains(" ADD IF NOT EXISTS ");
            assert!(adds || repeatable.iter().any(|start| statement.starts_with(start)), "{statement}");
        }
    }

    #[test]
    fn every_table_has_the_keyspace_before_it_and_no_other_word_has() {
        for migration in ALL {
            let tables = migration.tables();
            let statements = migration.statements("some_space").join(" ");
            assert_eq!(statements.matches("some_space.").count(), tables.len(), "{}", migration.name);
            assert!(tables.iter().all(|table| statements.contains(&format!("some_space.{table}"))));
        }
    }

    #[test]
    fn every_table_has_its_section_and_its_line_in_the_data_model() {
        let document = include_str!("../../../../docs/data-model.md");
        let has_line = |line: &str| document.lines().any(|written| written.starts_with(line));
        for migration in ALL {
            let file = format!("`migrations/cassandra/{}.cql`", migration.name);
            for (table, statement) in migration.tables().iter().zip(migration.statements("k")) {
                assert!(has_line(&format!("| [`{table}`](#{table})")), "{table} has no line");
                let section = document.split_once(&format!("\n### {table}\n"));
                let section = section.map(|(_, rest)| rest.split("\n##").next().unwrap_or(rest));
                let section = section.unwrap_or_else(|| panic!("{table} has no section"));
                assert!(section.contains(&file), "the section of {table} names its file");
                for column in columns(&statement) {
                    assert!(section.contains(&column), "the section of {table} has nothing of {column}");
                }
            }
        }
    }

    /// The columns of a `CREATE TABLE`.
    fn columns(statement: &str) -> Vec<String> {
        let (_, inner) = statement.split_once('(').unwrap();
        let inner = inner.split_once(") WITH").map_or(inner, |(inner, _)| inner);
        let inner = inner.split("PRIMARY KEY (").next().unwrap();
        let names = inner.split(',').filter_map(|column| column.split_whitespace().next());
        names.map(str::to_owned).collect()
    }

    #[test]
    fn a_file_is_cut_at_semicolons_outside_of_quotes_and_comments() {
        let text = "-- one; two\nCREATE TABLE pix_a (\n  b text -- a key; pix_b\n) WITH comment = 'x; pix_c -- y';\n\n\
                    ALTER TABLE pix_a ADD c int;\n";
        let statements = split(text);
        assert_eq!(
            statements,
            ["CREATE TABLE pix_a ( b text ) WITH comment = 'x; pix_c -- y'", "ALTER TABLE pix_a ADD c int"]
        );
        assert_eq!(
            qualify(&statements[0], "k"),
            "CREATE TABLE k.pix_a ( b text ) WITH comment = 'x; pix_c -- y'"
        );
    }
}
