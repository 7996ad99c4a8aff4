//! Patterns: the grammar, what they match, and that a backtracking matcher agrees (C.2).

use proptest::prelude::*;

use super::*;

fn compiled(source: &str) -> Pattern {
    Pattern::compile(source, vec![Parsed::parse(source).unwrap()]).unwrap()
}

#[test]
fn patterns_match_whole_texts_by_the_rules_of_xsd() {
    for (source, good, bad) in [
        ("", &[""][..], &["a"][..]),
        ("a|b|", &["a", "b", ""], &["ab"]),
        ("ab|cd", &["ab", "cd"], &["abd", "acd", "abcd"]),
        ("a|ab", &["a", "ab"], &["abb"]),
        ("^a$", &["^a$"], &["a"]),
        ("a.c", &["abc", "a😀c", "a\u{85}c", "a\u{2028}c"], &["a\nc", "a\rc", "ac"]),
        ("[0-9]{1,15}", &["1", "123456789012345"], &["", "1234567890123456", "a", "١"]),
        ("[E|D]", &["E", "|", "D"], &["", "ED"]),
        (".*Z", &["Z", "aZ", "ZZ"], &["", "Za"]),
        (r"\d{2}", &["12", "١٢"], &["1", "a1"]),
        ("[a-z-[aeiou]]+", &["xyz"], &["a", "xa", "-"]),
        ("[^a-z-[A-Z]]", &["1", "é"], &["a", "A"]),
        ("[a-z-[b-y-[m]]]", &["a", "z", "m"], &["b", "y"]),
        ("[a-]+", &["a-"], &["b"]),
        ("[-a]+", &["a-"], &["b"]),
        ("[^-a]", &["b"], &["a", "-"]),
        ("[a^]+", &["a^"], &["b"]),
        (r"[0-9a-zA-Z/\-\?:\(\)\.,'\+ ]{1,35}", &["a/-?:().,'+ "], &["a;"]),
        (r"\p{IsBasicLatin}+", &["az~"], &["é"]),
        (r"\P{IsBasicLatin}+", &["é"], &["a"]),
        (r"[\p{Lu}\d-[A-C]]+", &["D1É"], &["A", "d"]),
        (r"\i\c*", &["a-1", ":", "_", "é"], &["1a", "-a"]),
        (r"\I", &["1", " "], &["a"]),
        (r"\w+", &["aé1+$😀"], &["_", "a b", "-"]),
        (r"\S\s", &["a ", "\u{a0}\n"], &["  ", "a\u{a0}"]),
        (r"\.\\\-\^\{\}\n", &[".\\-^{}\n"], &["a"]),
        ("(a{0}|b{2,}){2}", &["", "bb", "bbbbb"], &["b", "a"]),
        ("[a-[a]]?", &[""], &["a"]),
        ("\"'&<>~,:;=!@#%_`/", &["\"'&<>~,:;=!@#%_`/"], &["a"]),
    ] {
        let pattern = compiled(source);
        for text in good {
            assert!(pattern.matches(text), "{source} {text:?}");
        }
        for text in bad {
            assert!(!pattern.matches(text), "{source} {text:?}");
        }
    }
}

#[test]
fn what_is_no_pattern_of_xsd_is_refused() {
    for source in [
        "(",
        ")",
        "a)",
        "(a",
        "[",
        "]",
        "[]",
        "[^]",
        "[a",
        "*",
        "+a",
        "a**",
        "a+?",
        "a??",
        "a{1}{2}",
        "a{",
        "a{}",
        "a{,2}",
        "a{2,1}",
        "a{a}",
        "a{1",
        "a{99999999999}",
        "{",
        "}",
        r"\",
        r"\q",
        r"\$",
        r"\1",
        r"\b",
        r"\A",
        r"\x41",
        r"\u0041",
        r"\p",
        r"\p{",
        r"\p{Foo}",
        r"\p{IsFoo}",
        r"\pL",
        "[z-a]",
        "[a-c-e]",
        r"[\w-a]",
        r"[a-\w]",
        "[a[b]]",
        "[a-[b]c]",
        "[--a]",
        "[+--]",
        "(?:a)",
        "(?=a)",
        "(?i)a",
    ] {
        assert!(Parsed::parse(source).is_err(), "{source}");
    }
    assert_eq!(
        Parsed::parse("é(*)").unwrap_err(),
        "the pattern is wrong near character 3: there is nothing that * repeats"
    );
}

#[test]
fn size_is_bounded() {
    let deep = "(".repeat(10_000);
    assert!(Parsed::parse(&deep).is_err());
    assert!(Parsed::parse(&"[a-".repeat(10_000)).is_err());
    for source in [
        r"(\w{1,100}){1,1000}",
        "((a{1,1000}){1,1000}){1,1000}",
        "(a|b)*a(a|b){20}",
        "(a?){5000}",
        "(a?){100000}(b?){100000}",
    ] {
        let parsed = Parsed::parse(source).unwrap();
        assert!(Pattern::compile(source, vec![parsed]).is_err(), "{source}");
    }
}

#[test]
fn typical_patterns_get_a_table() {
    for source in [
        "[E][0-9A-Z]{8}[0-9]{4}[0-1][0-9][0-3][0-9][0-2][0-9][0-5][0-9][a-zA-Z0-9]{11}",
        ".*Z",
        r"\w+@\w+(\.\w+)*",
        "[0-9a-zA-Z]{1,2048}",
        r"\i\c*",
    ] {
        assert!(matches!(compiled(source).engine, Engine::Table { .. }), "{source}");
    }
}

#[test]
fn patterns_without_a_table_answer_alike() {
    let pattern = compiled("(a|b){0,400}a(a|b){20}");
    assert!(matches!(pattern.engine, Engine::Lazy(_)));
    let text = "ab".repeat(200);
    assert!(!pattern.matches(&text));
    assert!(pattern.matches(&format!("{text}b")));
    assert!(!pattern.matches("ab"));
}

/// A pattern as a tree, for a matcher that tries everything.
#[derive(Debug, Clone)]
enum Tree {
    Letter(char),
    Class(bool, Vec<char>),
    Both(Box<Self>, Box<Self>),
    Either(Box<Self>, Box<Self>),
    Repeat(Box<Self>, usize, Option<usize>),
}

impl Tree {
    fn written(&self) -> String {
        match self {
            Self::Letter(c) => c.to_string(),
            Self::Class(negated, chars) => {
                format!("[{}{}]", if *negated { "^" } else { "" }, chars.iter().collect::<String>())
            }
            Self::Both(a, b) => format!("{}{}", a.written(), b.written()),
            Self::Either(a, b) => format!("({}|{})", a.written(), b.written()),
            Self::Repeat(a, min, max) => {
                format!("({}){{{min},{}}}", a.written(), max.map(|max| max.to_string()).unwrap_or_default())
            }
        }
    }

    /// Every place where a match that starts at `at` may end.
    fn ends(&self, text: &[char], at: usize) -> Vec<usize> {
        let mut ends = match self {
            Self::Letter(c) => {
                if text.get(at) == Some(c) {
                    vec![at + 1]
                } else {
                    vec![]
                }
            }
            Self::Class(negated, chars) => match text.get(at) {
                Some(c) if chars.contains(c) != *negated => vec![at + 1],
                _ => vec![],
            },
            Self::Both(a, b) => a.ends(text, at).into_iter().flat_map(|at| b.ends(text, at)).collect(),
            Self::Either(a, b) => [a.ends(text, at), b.ends(text, at)].concat(),
            Self::Repeat(a, min, max) => {
                let mut all = if *min == 0 { vec![at] } else { vec![] };
                let mut now = vec![at];
                // Rounds beyond the length of the text can only match nothing.
                for round in 1..=max.unwrap_or(min + text.len()) {
                    now = now.into_iter().flat_map(|at| a.ends(text, at)).collect();
                    now.sort_unstable();
                    now.dedup();
                    if round >= *min {
                        all.extend(&now);
                    }
                }
                all
            }
        };
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        prop::sample::select(vec!['a', 'b', 'é', '^', '$']).prop_map(Tree::Letter),
        (any::<bool>(), prop::sample::subsequence(vec!['a', 'b', 'é', '$'], 1..4))
            .prop_map(|(negated, chars)| Tree::Class(negated, chars)),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            two.clone().prop_map(|(a, b)| Tree::Both(Box::new(a), Box::new(b))),
            two.prop_map(|(a, b)| Tree::Either(Box::new(a), Box::new(b))),
            (inner, 0_usize..3, prop::option::of(0_usize..3)).prop_map(|(a, min, more)| Tree::Repeat(
                Box::new(a),
                min,
                more.map(|more| min + more)
            )),
        ]
    })
}

proptest! {
    #[test]
    fn a_backtracking_matcher_agrees(tree in tree(), text in "[abé^$]{0,6}") {
        let source = tree.written();
        let chars: Vec<char> = text.chars().collect();
        let expected = tree.ends(&chars, 0).contains(&chars.len());
        let parsed = Parsed::parse(&source).unwrap();
        let slow = lazy(parsed.0.clone(), Some(1)).unwrap();
        let Engine::Lazy(slow) = slow else { unreachable!("lazy engines are lazy") };
        prop_assert_eq!(slow.is_match(&*text), expected, "{} {}", source, text);
        prop_assert_eq!(compiled(&source).matches(&text), expected, "{} {}", source, text);
    }

    #[test]
    fn no_pattern_breaks_the_reader(source in "\\PC{0,30}|[-a^\\[\\](){}|?*+.,0-9\\\\pdwLIs]{0,30}", text in "\\PC{0,8}") {
        if let Ok(parsed) = Parsed::parse(&source)
            && let Ok(pattern) = Pattern::compile(&source, vec![parsed])
        {
            let _ = pattern.matches(&text);
        }
    }
}
