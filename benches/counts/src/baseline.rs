//! The counts that were accepted last.

use std::{collections::HashMap, fs, io, process::Command};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.txt");

pub struct Row {
    pub name: String,
    pub instructions: u64,
    pub allocations: u64,
}

pub struct Baseline {
    compiler: String,
    rows: Vec<Row>,
}

impl Baseline {
    pub fn of_now(rows: Vec<Row>) -> io::Result<Self> {
        Ok(Self {
            compiler: compiler()?,
            rows,
        })
    }

    pub fn read() -> io::Result<Self> {
        let text = fs::read_to_string(FILE)?;
        let mut lines = text.lines();
        let compiler = lines
            .next()
            .unwrap_or_default()
            .trim_start_matches("# ")
            .to_owned();
        let row = |line: &str| {
            let mut parts = line.splitn(3, '\t');
            let mut next = || parts.next().map(str::trim);
            Some(Row {
                instructions: next()?.parse().ok()?,
                allocations: next()?.parse().ok()?,
                name: next()?.to_owned(),
            })
        };
        let rows = lines.filter(|line| !line.starts_with('#')).map(row);
        let rows: Option<Vec<_>> = rows.collect();
        let rows = rows.ok_or_else(|| io::Error::other("a line of baseline.txt is no row"))?;
        Ok(Self { compiler, rows })
    }

    pub fn write(&self) -> io::Result<()> {
        let mut text = format!(
            "# {}\n# instructions\tallocations\tof what, the empty service and the bare check taken off\n",
            self.compiler
        );
        for row in &self.rows {
            text += &format!(
                "{:>12}\t{:>11}\t{}\n",
                row.instructions, row.allocations, row.name
            );
        }
        fs::write(FILE, text)
    }

    /// Prints both, and says what has become dearer.
    pub fn compare(&self, now: &[Row]) -> io::Result<Vec<String>> {
        let compiler = compiler()?;
        let tolerance = if compiler == self.compiler { 1.05 } else { 1.2 };
        println!("baseline: {}; now: {compiler}", self.compiler);
        let accepted: HashMap<_, _> = self.rows.iter().map(|row| (&*row.name, row)).collect();
        let mut complaints = Vec::new();
        for row in now {
            let Some(before) = accepted.get(&*row.name) else {
                complaints.push(format!("`{}` is not in baseline.txt", row.name));
                continue;
            };
            println!(
                "{:>9} instructions ({:+6.1} %) {:>4} allocations ({:+})  {}",
                row.instructions,
                100.0 * (row.instructions as f64 / before.instructions as f64 - 1.0),
                row.allocations,
                row.allocations as i64 - before.allocations as i64,
                row.name,
            );
            if exceeds(row.instructions, before.instructions, tolerance) {
                complaints.push(format!(
                    "`{}` costs {} instructions; {} were accepted",
                    row.name, row.instructions, before.instructions
                ));
            }
            if exceeds(row.allocations, before.allocations, 1.05) {
                complaints.push(format!(
                    "`{}` costs {} allocations; {} were accepted",
                    row.name, row.allocations, before.allocations
                ));
            }
        }
        Ok(complaints)
    }
}

fn exceeds(now: u64, accepted: u64, tolerance: f64) -> bool {
    now as f64 > accepted as f64 * tolerance
}

fn compiler() -> io::Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
