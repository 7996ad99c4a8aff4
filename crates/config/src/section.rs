//! How the configuration describes itself: sections made of keys, walked by visitors.
//!
//! A section lists its keys once, in [`section!`]. Reading, printing, the JSON Schema, the documentation and the
//! example file are visitors over that one list, so none of them can know a key that another does not.

use std::ops::RangeInclusive;

use crate::value::Value;

/// One key as its section declares it.
pub(crate) struct Key<T> {
    /// The name in the file.
    pub(crate) name: &'static str,
    /// What it does, in full sentences.
    pub(crate) about: &'static str,
    /// The values it may take, where a range says it.
    pub(crate) range: Option<RangeInclusive<T>>,
}

/// Something done with every key.
pub(crate) trait Visitor {
    /// The keys that follow belong to this section.
    fn section(&mut self, name: &'static str, about: &'static str);
    /// One key, and its value: the default before reading, the effective one afterwards.
    fn key<T: Value>(&mut self, key: Key<T>, value: &mut T);
}

/// A section of the file.
pub(crate) trait Section {
    /// Its name in the file.
    const NAME: &'static str;
    /// What it is about, in full sentences.
    const ABOUT: &'static str;
    /// Shows every key to a visitor.
    fn visit(&mut self, visitor: &mut impl Visitor);
}

/// Makes a section from one table: the struct, its defaults and its keys. The comment on a key is what users read
/// about it, in the example file as on the reference page.
macro_rules! section {
    (@range) => { None };
    (@range $range:expr) => { Some($range) };
    (
        $(#[doc = $about:literal])+
        $section:ident $Name:ident {
            $(
                $(#[doc = $key_about:literal])+
                $key:ident: $Type:ty = $default:expr $(, within $range:expr)?;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $Name {
            $(
                $(#[doc = $key_about])+
                pub $key: $Type,
            )+
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $($key: $default),+ }
            }
        }

        impl $crate::section::Section for $Name {
            const NAME: &'static str = stringify!($section);
            const ABOUT: &'static str = concat!($($about),+).trim_ascii_start();

            fn visit(&mut self, visitor: &mut impl $crate::section::Visitor) {
                $(
                    let key = $crate::section::Key {
                        name: stringify!($key),
                        about: concat!($($key_about),+).trim_ascii_start(),
                        range: $crate::section::section!(@range $($range)?),
                    };
                    visitor.key(key, &mut self.$key);
                )+
            }
        }
    };
}
pub(crate) use section;
