//! What criterion has found and written down.

use std::{fs, io, path::Path};

use serde_json::Value;

/// One benchmark, in nanoseconds.
pub struct Estimate {
    pub group: String,
    pub name: String,
    pub median: f64,
    /// Half of all samples lie within so much of the median.
    pub spread: f64,
}

/// All that lie below a folder.
pub fn read(folder: &Path) -> io::Result<Vec<Estimate>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.ends_with("new") && path.join("estimates.json").exists() {
            all.push(estimate(&path)?);
        } else if path.is_dir() {
            all.extend(read(&path)?);
        }
    }
    Ok(all)
}

fn estimate(folder: &Path) -> io::Result<Estimate> {
    let json =
        |name| -> io::Result<Value> { Ok(serde_json::from_slice(&fs::read(folder.join(name))?)?) };
    let (benchmark, estimates) = (json("benchmark.json")?, json("estimates.json")?);
    let text = |name: &str| benchmark[name].as_str().map(str::to_owned);
    let point = |name: &str| {
        estimates[name]["point_estimate"]
            .as_f64()
            .unwrap_or(f64::NAN)
    };
    Ok(Estimate {
        group: text("group_id").unwrap_or_default(),
        name: text("function_id")
            .or_else(|| text("value_str"))
            .unwrap_or_default(),
        median: point("median"),
        spread: point("median_abs_dev"),
    })
}

/// Fastest first.
pub fn group<'a>(
    estimates: &'a [Estimate],
    name: &str,
) -> impl Iterator<Item = &'a Estimate> + use<'a> {
    let mut rows: Vec<_> = estimates.iter().filter(|row| row.group == name).collect();
    rows.sort_by(|one, other| one.median.total_cmp(&other.median));
    rows.into_iter()
}

/// Of all groups, those that are fast in the first of them first.
pub fn names(estimates: &[Estimate], groups: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for row in groups.iter().flat_map(|name| group(estimates, name)) {
        if !names.contains(&row.name) {
            names.push(row.name.clone());
        }
    }
    names
}

pub fn median(estimates: &[Estimate], group: &str, name: &str) -> Option<f64> {
    let mut rows = estimates.iter();
    let row = rows.find(|row| row.group == group && row.name == name)?;
    Some(row.median)
}
