//! The crate `xsd-schema`, with a reader of its own (quick-xml).

use std::path::Path;

use xsd_schema::validation::{
    CollectingValidationSink, SchemaValidator, SchemaValidity, ValidationFlags, drive_quick_xml,
};
use xsd_schema::{SchemaSet, SchemaSetBuilder};

use super::Verdict;
use crate::differential::sets::Set;

/// `xsd-schema` with one message's schemas. It remembers every name it meets, so it does not live for long.
pub(crate) struct Library(SchemaSet);

impl Library {
    pub(crate) fn new(set: &Set) -> Self {
        let location = |path: &Path| path.to_str().unwrap().to_owned();
        let builder = SchemaSetBuilder::new().add("", &location(&set.signature)).unwrap();
        let builder = builder.add("", &location(&set.schema)).unwrap();
        Self(builder.compile().unwrap().into_schema_set())
    }

    pub(crate) fn verdict(&self, document: &str) -> Verdict {
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        let validator = SchemaValidator::new(&self.0, ValidationFlags::default());
        let sink = CollectingValidationSink { errors: &mut errors, warnings: &mut warnings };
        let mut runtime = validator.start_run(sink);
        let outcome = drive_quick_xml(document.as_bytes(), &mut runtime, &self.0);
        drop(runtime);
        let outcome =
            outcome.unwrap_or_else(|error| panic!("a document is not well-formed: {error}\n{document}"));
        let mut reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
        if reasons.is_empty() && outcome.root_validity != Some(SchemaValidity::Valid) {
            reasons.push(format!("the root is {:?}", outcome.root_validity));
        }
        Verdict::of(reasons)
    }
}
