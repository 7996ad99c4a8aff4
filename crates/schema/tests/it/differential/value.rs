//! Texts of simple types: values, in all their spellings, and texts that are or are almost none.

mod odd;

use super::seed::Random;
use super::xsd::{BuiltIn, Simple};

/// How often a spelling is tried until it fits the facets.
const TRIES: usize = 2_000;
/// Characters of texts: one to four bytes each, markup, blanks, a combining one.
const ALPHABET: [char; 34] = [
    'a', 'b', 'z', 'A', 'Z', '0', '9', ' ', '.', ',', '-', '/', '<', '>', '&', '"', '\'', ']', '%', '\t',
    '\n', '\r', 'ã', 'ç', 'É', 'ß', '€', '漢', '\u{301}', '\u{a0}', '\u{2028}', '😀', '🇧', '𝔛',
];

/// A value of the type. `next_id` makes IDs differ.
pub(super) fn valid(simple: &Simple, random: &mut Random, next_id: &mut usize) -> String {
    if !simple.enumeration.is_empty() {
        return random.pick(&simple.enumeration).clone();
    }
    for _ in 0..TRIES {
        let candidate = candidate(simple, random, next_id);
        if simple.patterns.iter().all(|pattern| pattern.matches(&candidate)) {
            return padded(simple, random, candidate);
        }
    }
    panic!("no value of {simple:?} was found");
}

fn candidate(simple: &Simple, random: &mut Random, next_id: &mut usize) -> String {
    match simple.built_in {
        BuiltIn::AnyUri => uri(random),
        BuiltIn::Base64 => base64(random),
        BuiltIn::Date => format!("{}{}", date(random), zone(random)),
        BuiltIn::DateTime if random.chance(3) => format!("{}T24:00:00.000Z", date(random)),
        BuiltIn::DateTime => format!("{}T{}{}", date(random), time(random), zone(random)),
        BuiltIn::Decimal => decimal(simple, random),
        BuiltIn::Id => {
            *next_id += 1;
            format!("{}{next_id}", random.pick(&["id-", "_", "é.", "Signature"]))
        }
        BuiltIn::Integer | BuiltIn::String if !simple.patterns.is_empty() => {
            random.pick(&simple.patterns).sample(random)
        }
        BuiltIn::Integer => integer(random),
        BuiltIn::String => {
            let max = simple.max_length.unwrap_or(simple.min_length + 20);
            let length = match random.below(5) {
                0 => simple.min_length,
                1 => max,
                2 => simple.min_length.midpoint(max),
                _ => random.between(simple.min_length, max.min(simple.min_length + 30)),
            };
            text(length, random)
        }
        BuiltIn::Time => format!("{}{}", time(random), zone(random)),
    }
}

/// Blanks round values whose type drops them.
fn padded(simple: &Simple, random: &mut Random, value: String) -> String {
    if simple.built_in == BuiltIn::String || !random.chance(4) {
        return value;
    }
    let blanks = [" ", "\n", "\t", "  \r\n ", ""];
    format!("{}{value}{}", random.pick(&blanks), random.pick(&blanks))
}

/// A text of so many characters.
pub(super) fn text(length: usize, random: &mut Random) -> String {
    let plain = random.chance(60);
    let one = |_| if plain { *random.pick(&ALPHABET[..9]) } else { *random.pick(&ALPHABET) };
    (0..length).map(one).collect()
}

fn date(random: &mut Random) -> String {
    let year = match random.below(6) {
        0 => random.between(1, 9_999),
        1 => *random.pick(&[1, 1600, 1900, 2000, 2024, 2100, 9_999]),
        _ => random.between(2_019, 2_030),
    };
    let month = random.between(1, 12);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let day = if random.chance(20) { days } else { random.between(1, days) };
    format!("{year:04}-{month:02}-{day:02}")
}

fn time(random: &mut Random) -> String {
    let (hour, minute, second) = (random.between(0, 23), random.between(0, 59), random.between(0, 59));
    let fraction = match random.below(4) {
        0 => String::new(),
        1 => format!(".{}", digits(random.between(1, 12), random)),
        _ => format!(".{}", digits(3, random)),
    };
    format!("{hour:02}:{minute:02}:{second:02}{fraction}")
}

fn zone(random: &mut Random) -> String {
    let zones = ["Z", "Z", "Z", "", "+00:00", "-03:00", "+14:00", "-14:00", "+05:45"];
    (*random.pick(&zones)).to_owned()
}

fn digits(length: usize, random: &mut Random) -> String {
    (0..length).map(|_| char::from(b'0' + u8::try_from(random.below(10)).unwrap())).collect()
}

/// At the limits of digits, with zeros that do not count, and in the spellings that a decimal has.
fn decimal(simple: &Simple, random: &mut Random) -> String {
    let total = simple.total_digits.unwrap_or(22);
    let fraction = simple.fraction_digits.unwrap_or(5).min(total);
    let fraction = random.between(0, fraction);
    let whole = match random.below(3) {
        0 => total - fraction,
        1 => 1,
        _ => random.between(1, (total - fraction).max(1)).min(total - fraction),
    };
    let sign = if random.chance(5) { "+" } else { "" };
    let zeros = if random.chance(8) { "000" } else { "" };
    let (whole, fraction) = (digits(whole, random), digits(fraction, random));
    let after = if random.chance(6) { "0000" } else { "" };
    match (whole.is_empty() && zeros.is_empty(), fraction.is_empty() && after.is_empty()) {
        (true, true) => "0".to_owned(),
        (false, true) if random.chance(95) => format!("{sign}{zeros}{whole}"),
        _ if random.chance(2) => "-0.00".to_owned(),
        _ => format!("{sign}{zeros}{whole}.{fraction}{after}"),
    }
}

fn integer(random: &mut Random) -> String {
    let length = if random.chance(10) { random.between(19, 49) } else { random.between(1, 15) };
    let sign = *random.pick(&["", "", "-", "+"]);
    format!("{sign}{}", digits(length, random))
}

fn base64(random: &mut Random) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut one = |of: &[u8]| char::from(*random.pick(of));
    let groups = usize::from(one(b"01234589") as u8 - b'0');
    let mut text: String = (0..groups * 4).map(|_| one(ALPHABET)).collect();
    match one(b"0123") {
        '1' => text.extend([one(ALPHABET), one(b"AQgw"), '=', '=']),
        '2' => text.extend([one(ALPHABET), one(ALPHABET), one(b"AEIMQUYcgkosw048"), '=']),
        _ => {}
    }
    if text.len() > 8 && random.chance(4) {
        text.insert(4, *random.pick(&[' ', '\n']));
    }
    text
}

fn uri(random: &mut Random) -> String {
    let known = [
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "",
        "#id-1",
        "urn:example:a",
        "../b?c=d&e=f#g",
    ];
    (*random.pick(&known)).to_owned()
}

/// A text that the type may or may not take: made from a value, or of the kind that validators stumble over.
pub(super) fn odd(simple: &Simple, random: &mut Random) -> String {
    let value = valid(simple, random, &mut 9_000);
    match random.below(16) {
        0 => String::new(),
        1 => " ".to_owned(),
        2 => format!(" {value}"),
        3 => format!("{value}\n"),
        4 => format!("{value}{value}"),
        5 => text(simple.max_length.unwrap_or(50) + 1, random),
        6 => "😀".repeat(simple.max_length.unwrap_or(35)),
        7 => changed(&value, random),
        8 => value.chars().skip(1).collect(),
        9 => format!("\u{a0}{value}"),
        10 => value.to_lowercase(),
        11 => value.replace(['0', '1'], "١"),
        _ => (*random.pick(odd::of(simple.built_in))).to_owned(),
    }
}

fn changed(value: &str, random: &mut Random) -> String {
    let mut characters: Vec<char> = value.chars().collect();
    if !characters.is_empty() {
        let at = random.below(characters.len());
        characters[at] = *random.pick(&ALPHABET);
    }
    characters.into_iter().collect()
}
