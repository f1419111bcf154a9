//! Where the other implementations are that tests talk to.
#![allow(unreachable_pub)] // a module of test binaries

use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// `tests/interop`, with this installed in it. Where it isn't, that is said, or with
/// `TOWER_BEARER_INTEROP=required` the test fails.
pub fn installed(what: &str) -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    if place.join(what).exists() {
        return Some(place);
    }
    let required = std::env::var_os("TOWER_BEARER_INTEROP").is_some();
    assert!(!required, "{what} is not in {}", place.display());
    // Past the test harness, which would keep it to itself.
    let note = "is not in tests/interop; see tests/jwt_interop.rs";
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what} {note}");
    None
}
