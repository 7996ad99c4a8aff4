//! Sets of characters that patterns name: the escapes of one letter, categories and blocks of Unicode.
//!
//! Categories are those of the Unicode version that `regex-syntax` knows, as the standard invites to; blocks are
//! those of Unicode 3.1, which the second edition lists (Appendix F.1.1).

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::super::names;

/// Names of categories (Appendix F.1.1); surrogates are no characters.
const CATEGORIES: &str = "L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po Z Zs Zl Zp S Sm Sc Sk So \
    C Cc Cf Co Cn";

/// Blocks: name, first and last character.
const BLOCKS: &str = "
BasicLatin 0 7F; Latin-1Supplement 80 FF; LatinExtended-A 100 17F; LatinExtended-B 180 24F
IPAExtensions 250 2AF; SpacingModifierLetters 2B0 2FF; CombiningDiacriticalMarks 300 36F; Greek 370 3FF
Cyrillic 400 4FF; Armenian 530 58F; Hebrew 590 5FF; Arabic 600 6FF; Syriac 700 74F; Thaana 780 7BF
Devanagari 900 97F; Bengali 980 9FF; Gurmukhi A00 A7F; Gujarati A80 AFF; Oriya B00 B7F; Tamil B80 BFF
Telugu C00 C7F; Kannada C80 CFF; Malayalam D00 D7F; Sinhala D80 DFF; Thai E00 E7F; Lao E80 EFF
Tibetan F00 FFF; Myanmar 1000 109F; Georgian 10A0 10FF; HangulJamo 1100 11FF; Ethiopic 1200 137F
Cherokee 13A0 13FF; UnifiedCanadianAboriginalSyllabics 1400 167F; Ogham 1680 169F; Runic 16A0 16FF
Khmer 1780 17FF; Mongolian 1800 18AF; LatinExtendedAdditional 1E00 1EFF; GreekExtended 1F00 1FFF
GeneralPunctuation 2000 206F; SuperscriptsandSubscripts 2070 209F; CurrencySymbols 20A0 20CF
CombiningMarksforSymbols 20D0 20FF; LetterlikeSymbols 2100 214F; NumberForms 2150 218F; Arrows 2190 21FF
MathematicalOperators 2200 22FF; MiscellaneousTechnical 2300 23FF; ControlPictures 2400 243F
OpticalCharacterRecognition 2440 245F; EnclosedAlphanumerics 2460 24FF; BoxDrawing 2500 257F
BlockElements 2580 259F; GeometricShapes 25A0 25FF; MiscellaneousSymbols 2600 26FF; Dingbats 2700 27BF
BraillePatterns 2800 28FF; CJKRadicalsSupplement 2E80 2EFF; KangxiRadicals 2F00 2FDF
IdeographicDescriptionCharacters 2FF0 2FFF; CJKSymbolsandPunctuation 3000 303F; Hiragana 3040 309F
Katakana 30A0 30FF; Bopomofo 3100 312F; HangulCompatibilityJamo 3130 318F; Kanbun 3190 319F
BopomofoExtended 31A0 31BF; EnclosedCJKLettersandMonths 3200 32FF; CJKCompatibility 3300 33FF
CJKUnifiedIdeographsExtensionA 3400 4DB5; CJKUnifiedIdeographs 4E00 9FFF; YiSyllables A000 A48F
YiRadicals A490 A4CF; HangulSyllables AC00 D7A3; PrivateUse E000 F8FF; PrivateUse F0000 FFFFD
PrivateUse 100000 10FFFD; CJKCompatibilityIdeographs F900 FAFF; AlphabeticPresentationForms FB00 FB4F
ArabicPresentationForms-A FB50 FDFF; CombiningHalfMarks FE20 FE2F; CJKCompatibilityForms FE30 FE4F
SmallFormVariants FE50 FE6F; ArabicPresentationForms-B FE70 FEFE; Specials FEFF FEFF; Specials FFF0 FFFD
HalfwidthandFullwidthForms FF00 FFEF; OldItalic 10300 1032F; Gothic 10330 1034F; Deseret 10400 1044F
ByzantineMusicalSymbols 1D000 1D0FF; MusicalSymbols 1D100 1D1FF; MathematicalAlphanumericSymbols 1D400 1D7FF
CJKUnifiedIdeographsExtensionB 20000 2A6D6; CJKCompatibilityIdeographsSupplement 2F800 2FA1F
Tags E0000 E007F";

/// `\s \i \c \d \w` and their complements in capitals.
pub(super) fn find_escape(letter: char) -> Option<ClassUnicode> {
    let mut set = match letter.to_ascii_lowercase() {
        's' => of(&[(' ', ' '), ('\t', '\n'), ('\r', '\r')]),
        'i' => ClassUnicode::new(names::start_ranges().map(range)),
        'c' => ClassUnicode::new(names::start_ranges().chain(names::extra_ranges()).map(range)),
        'd' => category("Nd")?,
        'w' => {
            let mut set = of(&[('\0', char::MAX)]);
            for name in ["P", "Z", "C"] {
                set.difference(&category(name)?);
            }
            set
        }
        _ => return None,
    };
    if letter.is_ascii_uppercase() {
        set.negate();
    }
    Some(set)
}

/// The category, or with `Is` before it the block, of a name.
pub(super) fn find_property(name: &str) -> Option<ClassUnicode> {
    match name.strip_prefix("Is") {
        Some(block) => find_block(block),
        None => category(name),
    }
}

/// `.`: everything but the ends of lines.
pub(super) fn not_line_end() -> ClassUnicode {
    let mut set = of(&[('\n', '\n'), ('\r', '\r')]);
    set.negate();
    set
}

fn category(name: &str) -> Option<ClassUnicode> {
    if !CATEGORIES.split(' ').any(|known| known == name) {
        return None;
    }
    let hir = regex_syntax::parse(&format!("\\p{{{name}}}")).ok()?;
    if let HirKind::Class(Class::Unicode(set)) = hir.kind() {
        return Some(set.clone());
    }
    // A set of one character, such as Zl, is read as that character.
    let HirKind::Literal(literal) = hir.kind() else { return None };
    let c = std::str::from_utf8(&literal.0).ok()?.chars().next()?;
    Some(of(&[(c, c)]))
}

fn find_block(name: &str) -> Option<ClassUnicode> {
    let mut set = ClassUnicode::empty();
    for line in BLOCKS.split(['\n', ';']) {
        let mut words = line.split_whitespace();
        if words.next() == Some(name) {
            let mut bound = || char::from_u32(u32::from_str_radix(words.next()?, 16).ok()?);
            set.push(range((bound()?, bound()?)));
        }
    }
    (!set.ranges().is_empty()).then_some(set)
}

fn of(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().copied().map(range))
}

fn range((first, last): (char, char)) -> ClassUnicodeRange {
    ClassUnicodeRange::new(first, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_and_block_is_known() {
        for name in CATEGORIES.split(' ') {
            assert!(find_property(name).is_some_and(|set| !set.ranges().is_empty()), "{name}");
        }
        for line in BLOCKS.split(['\n', ';']).filter(|line| !line.trim().is_empty()) {
            let name = line.split_whitespace().next().unwrap();
            assert!(find_property(&format!("Is{name}")).is_some(), "{line}");
        }
        for bad in ["", "Cs", "Latin", "lu", "IsLatin", "Is", "IsHighSurrogates", "L&", "Any"] {
            assert!(find_property(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn words_are_neither_punctuation_nor_separators_nor_others() {
        let words = find_escape('w').unwrap();
        let holds = |c| words.ranges().iter().any(|range| range.start() <= c && c <= range.end());
        assert!("aZ9é+$<~`^|😀".chars().all(holds), "symbols are words in XSD");
        assert!("_-. \t\0!\u{a0}\u{e000}".chars().all(|c| !holds(c)), "the underscore is punctuation");
    }
}
