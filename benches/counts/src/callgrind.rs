//! Runs the other program under callgrind and reads what it wrote.

use std::{env, fs, path::Path, process::Command};

/// The function whose calls are counted, one file each.
const COUNTED: &str = "under_callgrind::counted";

/// `cargo run` builds one program only.
pub fn build() -> Result<(), String> {
    let cargo = env::var_os("CARGO").ok_or("start it by `cargo run`")?;
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let status = Command::new(cargo)
        .args([
            "build",
            "--release",
            "--quiet",
            "--locked",
            "--bin",
            "under_callgrind",
        ])
        .args(["--manifest-path", manifest])
        .status();
    match status.map_err(|error| error.to_string())?.success() {
        true => Ok(()),
        false => Err("under_callgrind can't be built".to_owned()),
    }
}

/// The instructions of each scenario, in their order.
pub fn instructions(program: &Path, folder: &Path) -> Result<Vec<u64>, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--dump-after={COUNTED}"))
        .arg(format!(
            "--callgrind-out-file={}",
            folder.join("counts").display()
        ))
        .arg(program)
        .output()
        .map_err(|error| format!("valgrind can't be run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let files = (1..).map(|number| folder.join(format!("counts.{number}")));
    let files = files.take_while(|file| file.exists());
    let counts: Result<Vec<_>, _> = files.map(|file| total(&file)).collect();
    let counts = counts?;
    Ok(counts
        .chunks(counts::RUNS)
        .filter_map(|runs| runs.iter().copied().min())
        .collect())
}

fn total(file: &Path) -> Result<u64, String> {
    let profile = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let total = profile
        .lines()
        .find_map(|line| line.strip_prefix("totals: "));
    total
        .and_then(|total| total.parse().ok())
        .ok_or_else(|| "a profile without totals".to_owned())
}
