//! Measures this crate beside its peers, and writes `docs/performance.md` and its charts: the
//! whole document, so that no figure in it was put there by hand.
//!
//! `--quick` measures for a fraction of the time, and writes into `target/performance` instead:
//! to see that all works, on whatever machine.

mod chart;
mod document;
mod estimates;
mod machine;
mod runs;
mod texts;
mod whole_server;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use runs::{ALLOCATIONS, Backend, Pace};

fn main() -> Result<(), Box<dyn Error>> {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let (pace, docs) = match is_quick {
        true => (Pace::QUICK, root().join("target/performance")),
        false => (Pace::FULL, root().join("docs")),
    };
    let scratch = root().join("benches/peers/target/measured");
    let _ = fs::remove_dir_all(&scratch); // what an earlier run has left

    runs::build(Backend::RustCrypto, &scratch)?;
    runs::build(Backend::AwsLc, &scratch)?;
    let machine = machine::Machine::ask()?;
    let mut found = document::Found::default();
    for backend in [Backend::AwsLc, Backend::RustCrypto] {
        runs::side_by_side(backend, pace, &scratch)?;
        let program = scratch.join(backend.name()).join(ALLOCATIONS);
        found
            .allocations
            .insert(backend, runs::allocations(&program)?);
        let home = scratch.join(backend.name()).join("criterion");
        found.side_by_side.insert(backend, estimates::read(&home)?);
    }
    let ours = scratch.join("criterion");
    runs::ours(pace, &ours)?;
    found.ours = estimates::read(&ours)?;
    let api = scratch.join(Backend::AwsLc.name()).join(runs::API);
    found.whole_server = whole_server::measure(&api, pace)?;

    document::write(&docs, &machine, &found)?;
    println!("written: {}", docs.join("performance.md").display());
    Ok(())
}

/// Of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
