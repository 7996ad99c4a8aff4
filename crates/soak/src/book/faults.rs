//! What the book knows of faults, and of service while there is one.

use std::time::Duration;

use pix_stream_domain::ispb::Ispb;

use super::{Book, Bounds, Fault};

impl Book {
    /// Something breaks now; what it may cost. A number for [`Self::end_fault`].
    pub(crate) fn begin_fault(&self, name: &str, loses: bool, bounds: Bounds) -> usize {
        let (from, silence) = (self.now(), Duration::ZERO);
        let name = name.to_owned();
        let fault = Fault { name, from, until: None, silence, loses, resumed: None, bounds };
        let mut inner = self.inner();
        inner.faults.push(fault);
        inner.faults.len() - 1
    }

    /// It is put right.
    pub(crate) fn end_fault(&self, index: usize) {
        let now = self.now();
        if let Some(fault) = self.inner().faults.get_mut(index) {
            fault.until = Some(now);
        }
    }

    /// A read was answered 503, so long after it was sent.
    pub(crate) fn note_refusal(&self, took: Duration, most: Option<Duration>) {
        let mut inner = self.inner();
        inner.counts.refusal_longest = inner.counts.refusal_longest.max(took);
        if most.is_some_and(|most| took > most) {
            inner.violate(format!("a read was answered 503 after {:.1} s", took.as_secs_f64()));
        }
    }

    /// Something was measured that people want to know.
    pub(crate) fn note(&self, what: &str) {
        self.inner().counts.notes.push(what.to_owned());
    }

    /// A read was answered with messages, or that there are none.
    pub(crate) fn note_answered(&self, ispb: Ispb) {
        let now = self.now();
        self.inner().answered.insert(ispb, now);
    }

    /// Who has not been answered since.
    pub(crate) fn unanswered(&self, ispbs: &[Ispb], since: Duration) -> Vec<Ispb> {
        let inner = self.inner();
        let is_old = |ispb: &&Ispb| inner.answered.get(ispb).is_none_or(|at| *at < since);
        ispbs.iter().filter(is_old).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_fault_may_cost_is_held_against_it() {
        let book = Book::new(1);
        let bounds = Bounds { silence: None, resumed: Some(Duration::ZERO) };
        let index = book.begin_fault("two nodes", true, bounds);
        book.end_fault(index);
        let violations = book.finish().violations;
        assert!(violations.iter().any(|what| what.contains("published again never")), "{violations:?}");
    }

    #[test]
    fn a_refusal_that_takes_too_long_is_a_violation() {
        let book = Book::new(1);
        book.note_refusal(Duration::from_secs(1), Some(Duration::from_secs(2)));
        assert_eq!(book.violation_count(), 0);
        book.note_refusal(Duration::from_secs(3), Some(Duration::from_secs(2)));
        assert_eq!(book.violation_count(), 1);
    }

    #[test]
    fn who_was_answered_before_is_not_answered_since() {
        let book = Book::new(1);
        let ispb: Ispb = "99900001".parse().unwrap();
        book.note_answered(ispb);
        assert!(book.unanswered(&[ispb], Duration::ZERO).is_empty());
        assert_eq!(book.unanswered(&[ispb], Duration::from_secs(60)), [ispb]);
    }
}
