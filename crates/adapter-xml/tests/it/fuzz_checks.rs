//! What the fuzz targets assert, one function each. The targets in `fuzz/` call them with whatever libFuzzer makes up,
//! `fuzz_corpus` with the committed corpus (issue 5, "How it is judged": no panic, verdict stable).
//!
//! Time is not asserted here: libFuzzer ends an input that takes too long, and the figures of `figures` show the rest.

#[path = "fuzz_checks/compiled.rs"]
mod compiled;
#[path = "fuzz_checks/edits.rs"]
mod edits;
#[path = "fuzz_checks/rewrites.rs"]
mod rewrites;
#[path = "fuzz_checks/spliced.rs"]
mod spliced;
#[path = "fuzz_checks/verdicts.rs"]
mod verdicts;

/// A target's assertions about one input.
pub(crate) type Check = fn(&[u8]);

/// The targets by name, each with the folder of its name under `fuzz/corpus`.
pub(crate) const TARGETS: [(&str, Check); 6] = [
    ("examine", examine),
    ("mutated", mutated),
    ("schema_load", schema_load),
    ("pattern", pattern),
    ("signature", signature),
    ("segments", segments),
];

/// Arbitrary bytes get the same verdict from every codec that may not differ.
pub(crate) fn examine(xml: &[u8]) {
    verdicts::agree(xml);
}

/// An edited fixture does, too; and what is written otherwise but says the same keeps its verdict.
pub(crate) fn mutated(input: &[u8]) {
    let Some(edited) = edits::edited(input) else { return };
    verdicts::agree(&edited.xml);
    if let Ok(xml) = std::str::from_utf8(&edited.xml)
        && verdicts::is_read_to_its_end(xml)
    {
        for rewritten in rewrites::few(rewrites::all(xml, edited.place), edited.place) {
            verdicts::say_the_same(xml, &rewritten);
        }
    }
}

/// Arbitrary bytes as XSD files compile or are refused, each time alike; what compiles can be walked.
pub(crate) fn schema_load(input: &[u8]) {
    compiled::folder(input);
}

/// A pattern means the same however it is wrapped.
pub(crate) fn pattern(input: &[u8]) {
    compiled::pattern(input);
}

/// The signature check says alone what it says within the examination, and does not look at how XML is written.
pub(crate) fn signature(input: &[u8]) {
    let Some(edited) = edits::edited_signed(input) else { return };
    verdicts::agree_on_signature(&edited.xml);
    if let Ok(xml) = std::str::from_utf8(&edited.xml)
        && verdicts::is_read_to_its_end(xml)
    {
        for rewritten in rewrites::few(rewrites::canonical(xml, edited.place), edited.place) {
            verdicts::say_the_same_of_signature(xml, &rewritten);
        }
    }
}

/// What is deflated, alone or with the part before as dictionary, inflates to the same bytes.
pub(crate) fn segments(input: &[u8]) {
    spliced::inflates(input);
}

/// Whether what an input without edits starts from is accepted, and so is the signed message, and both can be rewritten.
pub(crate) fn starts_from_a_good_message(fixture: u8) -> bool {
    const REWRITINGS_MIN: usize = 8;
    let input = [fixture, 0, 7];
    let Some((edited, signed)) = edits::edited(&input).zip(edits::edited_signed(&input)) else {
        return false;
    };
    let can_be_rewritten = |xml: &[u8]| {
        let xml = std::str::from_utf8(xml).unwrap();
        let others = rewrites::all(xml, edited.place);
        others.iter().filter(|other| *other != xml).count() >= REWRITINGS_MIN
    };
    verdicts::is_accepted(&edited.xml)
        && verdicts::has_right_digests(&signed.xml)
        && [&edited, &signed].into_iter().all(|edited| can_be_rewritten(&edited.xml))
}
