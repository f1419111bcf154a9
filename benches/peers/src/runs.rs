//! The programs that measure, built and run.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::root;

pub const ALLOCATIONS: &str = "allocations";
pub const API: &str = "api";

/// How long each thing is measured.
#[derive(Clone, Copy)]
pub struct Pace {
    pub warm_up_seconds: f64,
    pub seconds: f64,
    /// How often each server is measured.
    pub rounds: usize,
}

impl Pace {
    pub const FULL: Self = Self {
        warm_up_seconds: 0.5,
        seconds: 2.0,
        rounds: 5,
    };
    pub const QUICK: Self = Self {
        warm_up_seconds: 0.05,
        seconds: 0.1,
        rounds: 2,
    };
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    AwsLc,
    RustCrypto,
}

impl Backend {
    /// The feature.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwsLc => "aws-lc-rs",
            Self::RustCrypto => "rust-crypto",
        }
    }
}

/// Builds everything beforehand, and keeps the programs of each backend.
pub fn build(backend: Backend, scratch: &Path) -> io::Result<()> {
    let manifest = root().join("benches/peers/Cargo.toml");
    let target = target();
    let programs = ["build", "--release", "--bin", ALLOCATIONS, "--bin", API];
    for what in [&programs[..], &["bench", "--no-run"]] {
        run(cargo(what, &manifest, &target).args(features(backend)))?;
    }
    fs::create_dir_all(scratch.join(backend.name()))?;
    for program in [ALLOCATIONS, API] {
        let built = target.join("release").join(program);
        fs::copy(built, scratch.join(backend.name()).join(program))?;
    }
    Ok(())
}

/// Guards and clients beside their peers.
pub fn side_by_side(backend: Backend, pace: Pace, scratch: &Path) -> io::Result<()> {
    let manifest = root().join("benches/peers/Cargo.toml");
    let mut bench = cargo(&["bench"], &manifest, &target());
    bench.args(features(backend)).args(["--bench", "guards"]);
    if backend == Backend::AwsLc {
        bench.args(["--bench", "headers"]);
    }
    bench.env(
        "CRITERION_HOME",
        scratch.join(backend.name()).join("criterion"),
    );
    run(bench.arg("--").args(criterion(pace)))
}

/// The benchmarks of the crate itself.
pub fn ours(pace: Pace, home: &Path) -> io::Result<()> {
    let mut bench = cargo(
        &["bench"],
        &root().join("Cargo.toml"),
        &root().join("target"),
    );
    bench.arg("--all-features");
    for name in ["client", "refusals", "growth", "cache"] {
        bench.args(["--bench", name]);
    }
    bench.env("CRITERION_HOME", home);
    bench.env("CARGO_PROFILE_BENCH_LTO", "fat");
    bench.env("CARGO_PROFILE_BENCH_CODEGEN_UNITS", "1");
    run(bench.arg("--").args(criterion(pace)))
}

/// How often each contender allocates.
pub fn allocations(program: &Path) -> io::Result<BTreeMap<String, BTreeMap<String, u64>>> {
    let output = Command::new(program).output()?;
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout)?),
        false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr))),
    }
}

fn cargo(what: &[&str], manifest: &Path, target: &Path) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command
        .args(what)
        .args(["--locked", "--quiet", "--manifest-path"]);
    command.arg(manifest).arg("--target-dir").arg(target);
    command
}

fn target() -> PathBuf {
    root().join("benches/peers/target")
}

fn features(backend: Backend) -> [&'static str; 3] {
    ["--no-default-features", "--features", backend.name()]
}

fn criterion(pace: Pace) -> [String; 5] {
    [
        "--noplot".to_owned(),
        "--warm-up-time".to_owned(),
        pace.warm_up_seconds.to_string(),
        "--measurement-time".to_owned(),
        pace.seconds.to_string(),
    ]
}

fn run(command: &mut Command) -> io::Result<()> {
    match command.status()?.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("{command:?} failed"))),
    }
}
