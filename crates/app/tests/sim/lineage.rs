//! What must hold of every stream state that the Coordinator holds, and from one to the next.

use pix_stream_domain::limits::STREAMS_MAX;
use pix_stream_domain::stream::StreamState;

/// The states of one participant so far.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    last: Option<StreamState>,
    /// An operator's rewind may take effect, once for each that was asked for.
    pub(crate) rewinds: u32,
}

impl Lineage {
    /// The Coordinator lost its state: the next one starts anew.
    pub(crate) fn cut(&mut self) {
        self.last = None;
    }

    /// Takes the state that is there now. An error names the rule that is broken.
    pub(crate) fn follow(&mut self, state: StreamState) -> Result<(), String> {
        state.check().map_err(str::to_owned)?;
        if state.live_count() > STREAMS_MAX {
            return Err(format!("{} streams live (invariant 2)", state.live_count()));
        }
        let Some(last) = self.last.replace(state.clone()) else { return Ok(()) };
        if state.version() == last.version() && state != last {
            return Err(format!("two states have version {:?}", state.version()));
        }
        if state.version() < last.version() {
            return Err(format!("version {:?} follows {:?}", state.version(), last.version()));
        }
        if state.version().incarnation != last.version().incarnation {
            // Taken over after a loss: what it may have lost is judged by what comes again.
            return Ok(());
        }
        let (live, before) = (state.live_count(), last.live_count());
        if live > before && live > state.cap() && state.cap() == last.cap() {
            return Err(format!("{live} streams live where {} may (invariant 2)", state.cap()));
        }
        if state.watermark() < last.watermark() {
            if self.rewinds == 0 {
                return Err(format!(
                    "the watermark went back from {} to {} (invariant 7)",
                    last.watermark(),
                    state.watermark()
                ));
            }
            self.rewinds -= 1;
        }
        if state.frontier() < last.frontier() {
            return Err(format!("the frontier went back from {} to {}", last.frontier(), state.frontier()));
        }
        Ok(())
    }
}
