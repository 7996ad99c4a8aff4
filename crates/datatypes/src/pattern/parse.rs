//! The grammar of XSD patterns, read into the form that automata are built from.
//!
//! No anchors, back references, lazy quantifiers or look-around exist in it; `^` and `$` are characters. What the
//! grammar leaves unclear (a hyphen in the middle of a class, a bare brace) is refused, not guessed.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, Repetition};

use super::classes;

/// How deep groups and subtracted classes may stand in each other.
const DEPTH_MAX: usize = 50;
/// The largest number in a quantifier.
const COUNT_MAX: u32 = 100_000;

const BARE_HYPHEN: &str = "a - inside a class needs a \\ before it";

/// Reads a whole pattern.
///
/// # Errors
/// What is wrong, and near which character.
pub(super) fn parse(source: &str) -> Result<Hir, String> {
    let mut reader = Reader { source, at: 0, depth: 0 };
    let outcome = reader.alternatives().and_then(|hir| match reader.peek() {
        None => Ok(hir),
        Some(_) => Err("there is a ) without its (".to_owned()),
    });
    outcome.map_err(|reason| {
        let place = source.get(..reader.at).map_or(0, |read| read.chars().count());
        format!("the pattern is wrong near character {}: {reason}", place + 1)
    })
}

struct Reader<'s> {
    source: &'s str,
    /// The byte to be read next.
    at: usize,
    depth: usize,
}

/// What an escape stands for.
enum Escape {
    Character(char),
    Set(ClassUnicode),
}

impl<'s> Reader<'s> {
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(format!("it nests deeper than {DEPTH_MAX}")) } else { Ok(()) }
    }

    fn alternatives(&mut self) -> Result<Hir, String> {
        let mut branches = vec![self.branch()?];
        while self.eat("|") {
            branches.push(self.branch()?);
        }
        Ok(Hir::alternation(branches))
    }

    fn branch(&mut self) -> Result<Hir, String> {
        let mut pieces = Vec::new();
        while let Some(c) = self.peek().filter(|c| !matches!(c, '|' | ')')) {
            let atom = self.atom(c)?;
            pieces.push(self.quantified(atom)?);
        }
        Ok(Hir::concat(pieces))
    }

    fn atom(&mut self, first: char) -> Result<Hir, String> {
        match first {
            '(' => {
                self.at += 1;
                self.deeper()?;
                let inner = self.alternatives()?;
                self.depth -= 1;
                if self.eat(")") { Ok(inner) } else { Err("a ( has no )".to_owned()) }
            }
            '[' => self.class().map(hir),
            '.' => {
                self.at += 1;
                Ok(hir(classes::not_line_end()))
            }
            '\\' => self.escape().map(|escape| match escape {
                Escape::Character(c) => hir(single(c)),
                Escape::Set(set) => hir(set),
            }),
            '?' | '*' | '+' => Err(format!("there is nothing that {first} repeats")),
            '{' | '}' | ']' => Err(format!("{first} needs a \\ before it")),
            _ => {
                self.next();
                Ok(hir(single(first)))
            }
        }
    }

    fn quantified(&mut self, atom: Hir) -> Result<Hir, String> {
        let (min, max) = match self.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => self.counts()?,
            _ => return Ok(atom),
        };
        self.at += 1;
        Ok(Hir::repetition(Repetition { min, max, greedy: true, sub: Box::new(atom) }))
    }

    /// `{n}`, `{n,}` or `{n,m}`, up to the closing brace.
    fn counts(&mut self) -> Result<(u32, Option<u32>), String> {
        self.at += 1;
        let min = self.count()?;
        let max = match self.eat(",") {
            false => Some(min),
            true if self.peek() == Some('}') => None,
            true => Some(self.count()?),
        };
        if self.peek() != Some('}') {
            return Err("a quantifier is {n}, {n,} or {n,m}".to_owned());
        }
        if max.is_some_and(|max| max < min) {
            return Err("a quantifier allows at most less than it asks for at least".to_owned());
        }
        Ok((min, max))
    }

    fn count(&mut self) -> Result<u32, String> {
        let rest = self.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: Option<u32> = rest.get(..digits).and_then(|digits| digits.parse().ok());
        match number {
            None if digits == 0 => Err("a quantifier is {n}, {n,} or {n,m}".to_owned()),
            Some(count) if count <= COUNT_MAX => {
                self.at += digits;
                Ok(count)
            }
            _ => Err(format!("a quantifier counts further than {COUNT_MAX}")),
        }
    }

    /// `[...]`, from its bracket on.
    fn class(&mut self) -> Result<ClassUnicode, String> {
        self.at += 1;
        self.deeper()?;
        let negated = self.eat("^");
        let mut set = ClassUnicode::empty();
        let mut is_first = true;
        let mut less = None;
        loop {
            match self.peek() {
                None => return Err("a [ has no ]".to_owned()),
                Some(']') if is_first => return Err("a class has nothing in it".to_owned()),
                Some(']') => break,
                Some('-') if !is_first && self.eat("-[") => {
                    self.at -= 1;
                    less = Some(self.class()?);
                    if self.peek() != Some(']') {
                        return Err("what is subtracted from a class must be the last in it".to_owned());
                    }
                    break;
                }
                Some(_) => self.class_item(is_first, &mut set)?,
            }
            is_first = false;
        }
        self.at += 1;
        self.depth -= 1;
        if negated {
            set.negate();
        }
        if let Some(less) = less {
            set.difference(&less);
        }
        Ok(set)
    }

    /// A character, an escape or a range of a class.
    fn class_item(&mut self, is_first: bool, set: &mut ClassUnicode) -> Result<(), String> {
        let (hyphen, at_end) = (self.peek() == Some('-'), self.rest().starts_with("-]"));
        if hyphen && !is_first && !at_end {
            return Err(BARE_HYPHEN.to_owned());
        }
        let first = match self.class_character()? {
            Escape::Set(escaped) => {
                set.union(&escaped);
                return Ok(());
            }
            Escape::Character(c) => c,
        };
        let rest = self.rest();
        let is_range = rest.starts_with('-') && !rest.starts_with("-]") && !rest.starts_with("-[");
        if !is_range {
            set.push(ClassUnicodeRange::new(first, first));
            return Ok(());
        }
        self.at += 1;
        if hyphen || self.peek() == Some('-') {
            return Err(BARE_HYPHEN.to_owned());
        }
        match self.class_character()? {
            Escape::Set(_) => Err("a range ends with a set of characters".to_owned()),
            Escape::Character(last) if last < first => Err("a range runs backwards".to_owned()),
            Escape::Character(last) => {
                set.push(ClassUnicodeRange::new(first, last));
                Ok(())
            }
        }
    }

    fn class_character(&mut self) -> Result<Escape, String> {
        match self.peek() {
            Some('\\') => self.escape(),
            Some('[') => Err("[ inside a class needs a \\ before it".to_owned()),
            Some(c) => {
                self.next();
                Ok(Escape::Character(c))
            }
            None => Err("a [ has no ]".to_owned()),
        }
    }

    /// An escape, from its backslash on.
    fn escape(&mut self) -> Result<Escape, String> {
        self.at += 1;
        let Some(letter) = self.next() else { return Err("it ends with a \\".to_owned()) };
        Ok(match letter {
            'n' => Escape::Character('\n'),
            'r' => Escape::Character('\r'),
            't' => Escape::Character('\t'),
            '\\' | '|' | '.' | '?' | '*' | '+' | '(' | ')' | '{' | '}' | '-' | '[' | ']' | '^' => {
                Escape::Character(letter)
            }
            'p' | 'P' => {
                let name = self.rest().strip_prefix('{').and_then(|rest| rest.split_once('}'));
                let Some((name, _)) = name else { return Err(format!("\\{letter} needs a name in braces")) };
                let mut set = classes::find_property(name)
                    .ok_or_else(|| format!("\\{letter}{{{name}}} is neither a category nor a block"))?;
                self.at += name.len() + 2;
                if letter == 'P' {
                    set.negate();
                }
                Escape::Set(set)
            }
            _ => match classes::find_escape(letter) {
                Some(set) => Escape::Set(set),
                None => return Err(format!("\\{letter} means nothing in XSD")),
            },
        })
    }
}

fn single(c: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(c, c)])
}

fn hir(set: ClassUnicode) -> Hir {
    Hir::class(Class::Unicode(set))
}
