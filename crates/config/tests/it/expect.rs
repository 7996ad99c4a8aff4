//! Golden files with one update switch: `UPDATE_EXPECT=1` rewrites them, and the diff is reviewed like code.

use std::path::Path;

/// Compares with the golden file, or rewrites it.
pub(crate) fn assert_golden(path: &Path, actual: &str) {
    if must_update() {
        std::fs::write(path, actual).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    if golden == actual {
        return;
    }
    let same = golden.lines().zip(actual.lines()).take_while(|(expected, found)| expected == found).count();
    panic!(
        "{} differs from line {} on; UPDATE_EXPECT=1 rewrites it\n- {}\n+ {}",
        path.display(),
        same + 1,
        golden.lines().nth(same).unwrap_or("(end)"),
        actual.lines().nth(same).unwrap_or("(end)"),
    );
}

#[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not configuration")]
fn must_update() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some()
}
