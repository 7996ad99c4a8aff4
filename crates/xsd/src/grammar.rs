//! What may stand where in a schema: for each element of XSD its attributes and its children, in order.
//!
//! The same name has several rules, since a global `xs:element` and a local one are different things. What XSD
//! allows and we do not support has a rule too, one that says so.

/// How an element of XSD is written.
#[derive(Debug)]
pub struct Rule {
    /// The local name, in the namespace of XSD.
    pub name: &'static str,
    /// Attributes besides `id`, separated by spaces.
    attributes: &'static str,
    /// Children, in this order; each step may be left out.
    pub content: &'static [Step],
    /// Why it is not supported.
    pub refused: Option<&'static str>,
}

/// One step of an element's content.
#[derive(Debug)]
pub enum Step {
    /// At most one of these.
    One(&'static [&'static Rule]),
    /// Any number of these, in any order.
    Many(&'static [&'static Rule]),
}

impl Rule {
    const fn new(name: &'static str, attributes: &'static str, content: &'static [Step]) -> Self {
        Self { name, attributes, content, refused: None }
    }

    const fn refused(name: &'static str, why: &'static str) -> Self {
        Self { name, attributes: "", content: &[], refused: Some(why) }
    }

    /// Whether XSD allows an attribute of this name here.
    #[must_use]
    pub fn allows_attribute(&self, name: &str) -> bool {
        name == "id" || self.attributes.split(' ').any(|known| known == name)
    }

    /// Why an attribute that XSD allows here is not supported with this value.
    pub fn refuses_attribute(&self, name: &str, value: &str) -> Option<&'static str> {
        match name {
            "substitutionGroup" => Some("substitution groups are not supported"),
            "block" | "final" | "blockDefault" | "finalDefault" if !value.is_empty() => {
                Some("block and final are not supported unless empty")
            }
            "abstract" if self.name == "element" && !matches!(value, "false" | "0") => {
                Some("abstract elements are not supported: nothing could be substituted for them")
            }
            _ => None,
        }
    }
}

impl Step {
    /// The elements that the step lets stand.
    #[must_use]
    pub fn rules(&self) -> &'static [&'static Rule] {
        match self {
            Self::One(rules) | Self::Many(rules) => rules,
        }
    }
}

use Step::{Many, One};

/// `xs:schema`, the root.
pub static SCHEMA: Rule = Rule::new(
    "schema",
    "targetNamespace version elementFormDefault attributeFormDefault blockDefault finalDefault",
    &[
        Many(&[&INCLUDE, &IMPORT, &REDEFINE, &ANNOTATION]),
        Many(&[
            &ELEMENT,
            &COMPLEX_TYPE,
            &SIMPLE_TYPE,
            &ATTRIBUTE,
            &GROUP,
            &ATTRIBUTE_GROUP,
            &NOTATION,
            &ANNOTATION,
        ]),
    ],
);
/// `xs:annotation`, whose content says nothing to us.
pub static ANNOTATION: Rule = Rule::new("annotation", "", &[]);
const NOTES: Step = One(&[&ANNOTATION]);

static INCLUDE: Rule = Rule::new("include", "schemaLocation", &[NOTES]);
static IMPORT: Rule = Rule::new("import", "namespace schemaLocation", &[NOTES]);
static REDEFINE: Rule = Rule::refused("redefine", "write the type as it shall be, or include the file");
static GROUP: Rule = Rule::refused("group", "write its particles where it is referred to");
static ATTRIBUTE_GROUP: Rule =
    Rule::refused("attributeGroup", "write its attributes where it is referred to");
static NOTATION: Rule = Rule::refused("notation", "no message needs it");
static LIST: Rule = Rule::refused("list", "simple types are built-in ones and restrictions of them");
static UNION: Rule = Rule::refused("union", "simple types are built-in ones and restrictions of them");
static KEYREF: Rule = Rule::refused("keyref", "xs:unique and xs:key are supported");

static ELEMENT: Rule = Rule::new(
    "element",
    "name type nillable default fixed abstract substitutionGroup block final",
    &ELEMENT_CONTENT,
);
static LOCAL_ELEMENT: Rule = Rule::new(
    "element",
    "name ref type minOccurs maxOccurs nillable default fixed form block",
    &ELEMENT_CONTENT,
);
static ELEMENT_CONTENT: [Step; 3] =
    [NOTES, One(&[&LOCAL_SIMPLE_TYPE, &LOCAL_COMPLEX_TYPE]), Many(&[&UNIQUE, &KEY, &KEYREF])];

static ATTRIBUTE: Rule =
    Rule::new("attribute", "name type default fixed", &[NOTES, One(&[&LOCAL_SIMPLE_TYPE])]);
static LOCAL_ATTRIBUTE: Rule =
    Rule::new("attribute", "name ref type use default fixed form", &[NOTES, One(&[&LOCAL_SIMPLE_TYPE])]);
static ANY_ATTRIBUTE: Rule = Rule::new("anyAttribute", "namespace processContents", &[NOTES]);
static ATTRIBUTES: [&Rule; 2] = [&LOCAL_ATTRIBUTE, &ATTRIBUTE_GROUP];
const LAST_ATTRIBUTES: Step = One(&[&ANY_ATTRIBUTE]);

static SIMPLE_TYPE: Rule = Rule::new("simpleType", "name final", &SIMPLE_TYPE_CONTENT);
static LOCAL_SIMPLE_TYPE: Rule = Rule::new("simpleType", "", &SIMPLE_TYPE_CONTENT);
static SIMPLE_TYPE_CONTENT: [Step; 2] = [NOTES, One(&[&SIMPLE_RESTRICTION, &LIST, &UNION])];
static SIMPLE_RESTRICTION: Rule =
    Rule::new("restriction", "base", &[NOTES, One(&[&LOCAL_SIMPLE_TYPE]), FACETS]);

static COMPLEX_TYPE: Rule =
    Rule::new("complexType", "name mixed abstract block final", &COMPLEX_TYPE_CONTENT);
static LOCAL_COMPLEX_TYPE: Rule = Rule::new("complexType", "mixed", &COMPLEX_TYPE_CONTENT);
static COMPLEX_TYPE_CONTENT: [Step; 4] = [
    NOTES,
    One(&[&SIMPLE_CONTENT, &COMPLEX_CONTENT, &SEQUENCE, &CHOICE, &ALL, &GROUP]),
    Many(&ATTRIBUTES),
    LAST_ATTRIBUTES,
];
static SIMPLE_CONTENT: Rule =
    Rule::new("simpleContent", "", &[NOTES, One(&[&SIMPLE_CONTENT_EXTENSION, &SIMPLE_CONTENT_RESTRICTION])]);
static SIMPLE_CONTENT_EXTENSION: Rule =
    Rule::new("extension", "base", &[NOTES, Many(&ATTRIBUTES), LAST_ATTRIBUTES]);
static SIMPLE_CONTENT_RESTRICTION: Rule = Rule::new(
    "restriction",
    "base",
    &[NOTES, One(&[&LOCAL_SIMPLE_TYPE]), FACETS, Many(&ATTRIBUTES), LAST_ATTRIBUTES],
);
static COMPLEX_CONTENT: Rule = Rule::new(
    "complexContent",
    "mixed",
    &[NOTES, One(&[&COMPLEX_CONTENT_EXTENSION, &COMPLEX_CONTENT_RESTRICTION])],
);
static COMPLEX_CONTENT_EXTENSION: Rule = Rule::new("extension", "base", &DERIVED_CONTENT);
static COMPLEX_CONTENT_RESTRICTION: Rule = Rule::new("restriction", "base", &DERIVED_CONTENT);
static DERIVED_CONTENT: [Step; 4] =
    [NOTES, One(&[&SEQUENCE, &CHOICE, &ALL, &GROUP]), Many(&ATTRIBUTES), LAST_ATTRIBUTES];

static SEQUENCE: Rule = Rule::new("sequence", "minOccurs maxOccurs", &[NOTES, Many(&PARTICLES)]);
static CHOICE: Rule = Rule::new("choice", "minOccurs maxOccurs", &[NOTES, Many(&PARTICLES)]);
static ALL: Rule = Rule::new("all", "minOccurs maxOccurs", &[NOTES, Many(&[&LOCAL_ELEMENT])]);
static ANY: Rule = Rule::new("any", "minOccurs maxOccurs namespace processContents", &[NOTES]);
static PARTICLES: [&Rule; 5] = [&LOCAL_ELEMENT, &SEQUENCE, &CHOICE, &ANY, &GROUP];

static UNIQUE: Rule = Rule::new("unique", "name", &IDENTITY_CONTENT);
static KEY: Rule = Rule::new("key", "name", &IDENTITY_CONTENT);
static IDENTITY_CONTENT: [Step; 3] = [NOTES, One(&[&SELECTOR]), Many(&[&FIELD])];
static SELECTOR: Rule = Rule::new("selector", "xpath", &[NOTES]);
static FIELD: Rule = Rule::new("field", "xpath", &[NOTES]);

const FACETS: Step = Many(&[
    &PATTERN,
    &ENUMERATION,
    &LENGTH,
    &MIN_LENGTH,
    &MAX_LENGTH,
    &WHITE_SPACE,
    &MIN_INCLUSIVE,
    &MAX_INCLUSIVE,
    &MIN_EXCLUSIVE,
    &MAX_EXCLUSIVE,
    &TOTAL_DIGITS,
    &FRACTION_DIGITS,
]);
static PATTERN: Rule = Rule::new("pattern", "value", &[NOTES]);
static ENUMERATION: Rule = Rule::new("enumeration", "value", &[NOTES]);
static LENGTH: Rule = Rule::new("length", "value fixed", &[NOTES]);
static MIN_LENGTH: Rule = Rule::new("minLength", "value fixed", &[NOTES]);
static MAX_LENGTH: Rule = Rule::new("maxLength", "value fixed", &[NOTES]);
static WHITE_SPACE: Rule = Rule::new("whiteSpace", "value fixed", &[NOTES]);
static MIN_INCLUSIVE: Rule = Rule::new("minInclusive", "value fixed", &[NOTES]);
static MAX_INCLUSIVE: Rule = Rule::new("maxInclusive", "value fixed", &[NOTES]);
static MIN_EXCLUSIVE: Rule = Rule::new("minExclusive", "value fixed", &[NOTES]);
static MAX_EXCLUSIVE: Rule = Rule::new("maxExclusive", "value fixed", &[NOTES]);
static TOTAL_DIGITS: Rule = Rule::new("totalDigits", "value fixed", &[NOTES]);
static FRACTION_DIGITS: Rule = Rule::new("fractionDigits", "value fixed", &[NOTES]);
