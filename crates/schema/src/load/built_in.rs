//! The types that every schema has: `xs:anyType`, and those simple ones that are supported.

use std::rc::Rc;

use super::compiler::{Compiler, Complex, Content, Row, Shape, State};
use crate::model::{Particle, Term};
use crate::tables::{ANY_TYPE, NamespaceSet, Process, TypeId, Wildcard};
use pix_stream_datatypes::Simple;
use pix_stream_xsd::Place;

/// Built-in simple types and what they are derived from (XSD, part 2, section 3), bases first. Lists and what else
/// `Simple` does not know is left out; a schema that names it is refused.
const DERIVATIONS: [(&str, &str); 44] = [
    ("anySimpleType", "anyType"),
    ("string", "anySimpleType"),
    ("boolean", "anySimpleType"),
    ("decimal", "anySimpleType"),
    ("float", "anySimpleType"),
    ("double", "anySimpleType"),
    ("duration", "anySimpleType"),
    ("dateTime", "anySimpleType"),
    ("time", "anySimpleType"),
    ("date", "anySimpleType"),
    ("gYearMonth", "anySimpleType"),
    ("gYear", "anySimpleType"),
    ("gMonthDay", "anySimpleType"),
    ("gDay", "anySimpleType"),
    ("gMonth", "anySimpleType"),
    ("hexBinary", "anySimpleType"),
    ("base64Binary", "anySimpleType"),
    ("anyURI", "anySimpleType"),
    ("QName", "anySimpleType"),
    ("normalizedString", "string"),
    ("token", "normalizedString"),
    ("language", "token"),
    ("NMTOKEN", "token"),
    ("NMTOKENS", "anySimpleType"),
    ("Name", "token"),
    ("NCName", "Name"),
    ("ID", "NCName"),
    ("IDREF", "NCName"),
    ("IDREFS", "anySimpleType"),
    ("ENTITY", "NCName"),
    ("ENTITIES", "anySimpleType"),
    ("integer", "decimal"),
    ("nonPositiveInteger", "integer"),
    ("negativeInteger", "nonPositiveInteger"),
    ("long", "integer"),
    ("int", "long"),
    ("short", "int"),
    ("byte", "short"),
    ("nonNegativeInteger", "integer"),
    ("unsignedLong", "nonNegativeInteger"),
    ("unsignedInt", "unsignedLong"),
    ("unsignedShort", "unsignedInt"),
    ("unsignedByte", "unsignedShort"),
    ("positiveInteger", "nonNegativeInteger"),
];

/// Puts the built-in types into the tables; `xs:anyType` comes first.
pub(super) fn declare(compiler: &mut Compiler<'_>) {
    add(compiler, "anyType", None, Shape::Complex(Rc::new(any_type())));
    for (name, base) in DERIVATIONS {
        let Ok(simple) = Simple::built_in(name) else { continue };
        let id = add(compiler, name, Some(base), Shape::Simple(Rc::new(simple)));
        if name == "anySimpleType" {
            compiler.any_simple_type = id;
        }
    }
}

fn add(compiler: &mut Compiler<'_>, name: &str, base: Option<&str>, shape: Shape) -> TypeId {
    let namespace = compiler.namespace_of_xsd();
    // What stands on a type that is not supported stands on the type below that, in the end on xs:anyType.
    let base = base.map(|base| {
        let known = compiler.global_types.get(&namespace).and_then(|names| names.get(base));
        known.copied().unwrap_or(compiler.any_simple_type)
    });
    let id = compiler.push_type(Row {
        name: Some(format!("xs:{name}").into()),
        base,
        by_extension: false,
        is_simple: matches!(shape, Shape::Simple(_)),
        place: Place::default(),
        state: State::Done(shape),
    });
    compiler.global_types.entry(namespace).or_default().insert(name.into(), id);
    id
}

/// `xs:anyType`: any elements with text between them and any attributes, checked as far as they are declared.
fn any_type() -> Complex {
    let anything = Wildcard { namespaces: NamespaceSet::Any, process: Process::Lax };
    let any = Particle { term: Term::Any(anything.clone()), min: 0, max: None };
    Complex {
        attributes: Vec::new(),
        any_attribute: Some(anything),
        content: Content::Elements {
            particle: Particle { term: Term::Sequence(vec![any]), min: 1, max: Some(1) },
            mixed: true,
            place: Place::default(),
        },
        is_abstract: false,
    }
}

const _: () = assert!(ANY_TYPE.0 == 0);
