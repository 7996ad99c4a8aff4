//! What is made from the description of the configuration: TOML, JSON Schema, the reference page.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use crate::describe::{KeyInfo, SectionInfo};
use crate::environment;

const COMMENT_WIDTH: usize = 100;

/// A complete file with a comment on every key. Keys that are not set stand there as comments.
pub(crate) fn commented_toml(sections: &[SectionInfo]) -> String {
    let mut out = String::from(
        "# Configuration of pix-stream. Every key has a default: what you delete falls back to it.\n\
         # Check it with `pix-stream config check --config FILE`. Relative paths start at this file's folder.\n",
    );
    for section in sections {
        out.push('\n');
        comment(&mut out, section.about);
        line(&mut out, format_args!("[{}]", section.name));
        for key in &section.keys {
            out.push('\n');
            comment(&mut out, key.about);
            if !key.range.is_empty() {
                comment(&mut out, &format!("From {}.", key.range));
            }
            match &key.value {
                Some(value) => line(&mut out, format_args!("{} = {value}", key.name)),
                None => line(&mut out, format_args!("# {} = \"…\"", key.name)),
            }
        }
    }
    out
}

/// Every key with its value and nothing else; secrets as `***`, keys that are not set left out.
pub(crate) fn masked_toml(sections: &[SectionInfo]) -> String {
    let mut out = String::new();
    for (index, section) in sections.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        line(&mut out, format_args!("[{}]", section.name));
        for key in &section.keys {
            if let Some(value) = &key.value {
                let shown = if key.is_secret() { "\"***\"" } else { value };
                line(&mut out, format_args!("{} = {shown}", key.name));
            }
        }
    }
    out
}

/// The JSON Schema of the file (draft 2020-12).
pub(crate) fn json_schema(sections: &[SectionInfo]) -> Json {
    let properties: Map<_, _> = sections
        .iter()
        .map(|section| {
            let keys: Map<_, _> =
                section.keys.iter().map(|key| (key.name.to_owned(), key_schema(key))).collect();
            let schema = json!({
                "type": "object",
                "description": section.about,
                "properties": keys,
                "additionalProperties": false,
            });
            (section.name.to_owned(), schema)
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of pix-stream",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn key_schema(key: &KeyInfo) -> Json {
    let mut schema = key.schema.clone();
    if let Some(object) = schema.as_object_mut() {
        let range = if key.range.is_empty() { String::new() } else { format!(" From {}.", key.range) };
        object.insert("description".to_owned(), format!("{}{range}", key.about).into());
        if let Some(default) = key.value.as_deref().and_then(default_as_json) {
            object.insert("default".to_owned(), default);
        }
    }
    schema
}

fn default_as_json(value: &str) -> Option<Json> {
    let table: toml::Table = toml::from_str(&format!("value = {value}")).ok()?;
    serde_json::to_value(table.get("value")?).ok()
}

/// The reference page.
pub(crate) fn markdown(sections: &[SectionInfo]) -> String {
    let mut out = String::from(PREFACE);
    for section in sections {
        line(&mut out, format_args!("\n## `[{}]`\n\n{}\n", section.name, section.about));
        out.push_str("| key | default | takes | what it does |\n|---|---|---|---|\n");
        for key in &section.keys {
            let default =
                key.value.as_ref().map_or_else(|| "not set".to_owned(), |value| format!("`{value}`"));
            let range = if key.range.is_empty() { String::new() } else { format!(", {}", key.range) };
            line(
                &mut out,
                format_args!(
                    "| `{}` | {default} | {}{range} | {} |",
                    key.name,
                    cell(&key.form),
                    cell(key.about)
                ),
            );
        }
        if let Some(key) = section.keys.first() {
            line(
                &mut out,
                format_args!(
                    "\nIn the environment: `{}`, and so on.",
                    environment::variable(section.name, key.name)
                ),
            );
        }
    }
    out
}

const PREFACE: &str = "# Configuration

<!-- Made from the types in crates/config/src. Change those, then run
     UPDATE_EXPECT=1 cargo test -p pix-stream-config -->

One TOML file. Every key has a default, and a file with only `[listen]` works in a folder made by `pix-stream init`.
`deploy/config.example.toml` is a complete file with every default.

- **Order.** The file, then environment variables `PIX_STREAM_<SECTION>_<KEY>` on top, then flags (`--listen`, `--admin-listen`).
- **Durations** are texts with a unit: `\"250ms\"`, `\"5s\"`, `\"10m\"`, `\"24h\"`, `\"30d\"`. **Sizes** are bytes, or texts with a unit: `\"256KiB\"`, `\"4MiB\"`.
- **Relative paths** start at the folder of the file, also those from the environment.
- **Lists** in the environment are separated by commas (`PIX_STREAM_TLS_CRL=a.crl,b.crl`), or written as in TOML (`[\"a.crl\", \"b.crl\"]`).
- **Unknown keys** are errors, also in the environment once the section is one of ours; the message names the nearest known key.
- `pix-stream config check --config F` reports all problems at once; `config print` shows what is in force; `config schema` prints a JSON Schema for editors.
";

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A comment, wrapped between words.
fn comment(out: &mut String, text: &str) {
    let mut width = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if width == 0 || width + 1 + length > COMMENT_WIDTH {
            if width > 0 {
                out.push('\n');
            }
            out.push_str("# ");
            width = 1;
        } else {
            out.push(' ');
        }
        width += 1 + length;
        out.push_str(word);
    }
    out.push('\n');
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
