//! The document: what was measured, where, and what came of it.

use std::{collections::BTreeMap, fmt::Write as _, fs, io, path::Path};

use crate::{
    chart::{self, Bar, number},
    estimates::{Estimate, group, median, names},
    machine::{IDLE, Machine, versions},
    runs::Backend,
    texts::{BUSY, CLIENTS, GROWTH, GUARDS, GUARDS_IN_RUST, REFUSALS, WHOLE_SERVER},
    whole_server::Measured,
};

/// All that the runs have found.
#[derive(Default)]
pub struct Found {
    pub side_by_side: BTreeMap<Backend, Vec<Estimate>>,
    pub allocations: BTreeMap<Backend, BTreeMap<String, BTreeMap<String, u64>>>,
    pub ours: Vec<Estimate>,
    pub whole_server: Vec<Measured>,
}

const IN_ALL: &str = "µs for one request, the empty service included";
const ALGORITHMS: [&str; 4] = ["HS256", "RS256", "ES256", "EdDSA"];
const OURS: &str = "tower-bearer";
const EMPTY: &str = "no guard";
const BARE: &str = "bare check";

pub fn write(docs: &Path, machine: &Machine, found: &Found) -> io::Result<()> {
    let charts = docs.join("performance");
    fs::create_dir_all(&charts)?;
    let mut document = Document {
        text: introduction(machine),
        charts: &charts,
        below: format!(
            "{}, {}, {}",
            machine.date, machine.processor, machine.compiler
        ),
    };
    for backend in [Backend::AwsLc, Backend::RustCrypto] {
        document.guards(backend, found)?;
    }
    document.clients(found)?;
    document.whole_server(&found.whole_server)?;
    document.refusals(&found.ours)?;
    document.growth(&found.ours)?;
    fs::write(docs.join("performance.md"), document.text)
}

fn introduction(machine: &Machine) -> String {
    let peers = [
        "jsonwebtoken",
        "jwt-authorizer",
        "tower-oauth2-resource-server",
        "aliri_tower",
        "aliri_tokens",
        "kube-client",
        "google-cloud-auth",
        "tower-http",
        "axum",
        "aws-lc-rs",
    ];
    let peers = peers.map(|name| format!("`{name}` {}", versions(name)));
    let caution = match machine.load < IDLE {
        true => "",
        false => BUSY,
    };
    format!(
        "# Performance

Written wholly by one command, on a machine that does nothing else:

    cargo run --release --manifest-path benches/peers/Cargo.toml

| | |
| --- | --- |
| date | {} |
| processor | {}, of which {} are seen |
| load before the start | {} |
| compiler | {} |
| versions | {} |

A time is the median for one request; behind ± stands what half of all samples stay
within. All rows of a table are of one run. Requests go through one Tower service to an
empty service, in memory; what the empty service costs is taken off where it says so. Each
program is built with link-time optimization, as one unit.
{caution}",
        machine.date,
        machine.processor,
        machine.processors,
        machine.load,
        machine.compiler,
        peers.join(", "),
    )
}

struct Document<'a> {
    text: String,
    charts: &'a Path,
    below: String,
}

impl Document<'_> {
    fn guards(&mut self, backend: Backend, found: &Found) -> io::Result<()> {
        let title = match backend {
            Backend::AwsLc => "Guards, with AWS-LC",
            Backend::RustCrypto => "Guards, in pure Rust",
        };
        let Some(estimates) = found.side_by_side.get(&backend) else {
            return Ok(());
        };
        self.heading(title);
        self.text.push_str(match backend {
            Backend::AwsLc => GUARDS,
            Backend::RustCrypto => GUARDS_IN_RUST,
        });
        self.row(["", "HS256", "RS256", "ES256", "EdDSA"]);
        self.row(["---"; 5]);
        let mut names = names(estimates, &ALGORITHMS);
        names.retain(|name| name != EMPTY);
        let counted = &found.allocations[&backend];
        for name in names {
            let cells = ALGORITHMS.map(|algorithm| {
                let cell = own_time(estimates, algorithm, &name)?;
                let allocations = counted.get(algorithm)?.get(&name);
                let empty = counted
                    .get(algorithm)?
                    .get(EMPTY)
                    .copied()
                    .unwrap_or_default();
                Some(match allocations {
                    Some(count) => format!("{cell}, {} allocations", count.saturating_sub(empty)),
                    None => cell,
                })
            });
            let cells = cells.map(|cell| cell.unwrap_or_else(|| "–".to_owned()));
            let [first, second, third, fourth] = &cells;
            self.row([&format!("`{name}`"), first, second, third, fourth]);
        }
        for algorithm in ALGORITHMS {
            let title = format!("{title}: {algorithm}");
            let bars = group(estimates, algorithm);
            let bars = bars
                .filter(|estimate| estimate.name != EMPTY)
                .map(microseconds);
            self.chart(&title, IN_ALL, bars.collect())?;
        }
        Ok(())
    }

    fn clients(&mut self, found: &Found) -> io::Result<()> {
        let Some(estimates) = found.side_by_side.get(&Backend::AwsLc) else {
            return Ok(());
        };
        self.heading("Clients");
        self.text.push_str(CLIENTS);
        self.row(["", "ns", "ns more than no token", "allocations more"]);
        self.row(["---"; 4]);
        let counted = &found.allocations[&Backend::AwsLc]["client"];
        let empty = median(estimates, "client", "no token").unwrap_or(f64::NAN);
        let fewest = counted.get("no token").copied().unwrap_or_default();
        let rows: Vec<_> = group(estimates, "client").collect();
        for row in &rows {
            let allocations = counted.get(&row.name).copied().unwrap_or_default();
            let time = format!("{} ± {}", number(row.median), number(row.spread));
            let more = number((row.median - empty).max(0.0));
            let allocations = allocations.saturating_sub(fewest).to_string();
            self.row([&row.name, &time, &more, &allocations]);
        }
        self.chart(
            "Clients",
            "ns for one request, the empty service included",
            rows.into_iter().map(nanoseconds).collect(),
        )
    }

    fn whole_server(&mut self, rows: &[Measured]) -> io::Result<()> {
        self.heading("A whole server");
        self.text.push_str(WHOLE_SERVER);
        self.row([
            "guard",
            "requests a second",
            "µs of processor for a request",
        ]);
        self.row(["---"; 3]);
        let mut bars = Vec::new();
        for row in rows {
            let label = match row.algorithm {
                Some(algorithm) => format!("{}, {algorithm}", row.guard),
                None => row.guard.to_owned(),
            };
            let (rate, rate_spread) = middle(&row.requests_a_second);
            let (value, spread) = middle(&row.processor_microseconds);
            let rate = format!("{rate:.0} ± {rate_spread:.0}");
            let time = format!("{} ± {}", number(value), number(spread));
            self.row([&label, &rate, &time]);
            let is_ours = row.guard.starts_with(OURS);
            bars.push(Bar {
                label,
                value,
                spread,
                is_ours,
            });
        }
        self.chart("A whole server", "µs of processor for a request", bars)
    }

    fn refusals(&mut self, ours: &[Estimate]) -> io::Result<()> {
        self.heading("Refusals");
        self.text.push_str(REFUSALS);
        let bars = group(ours, "refusals").map(microseconds).collect();
        self.chart("Refusals", IN_ALL, bars)
    }

    fn growth(&mut self, ours: &[Estimate]) -> io::Result<()> {
        self.heading("Growth");
        self.text.push_str(GROWTH);
        for (name, title) in [
            ("growth-keys", "Keys: the last of so many"),
            ("growth-issuers", "Issuers: the last of so many"),
            ("growth-claims", "Claims: bytes of one member"),
            ("growth-tasks-server", "Tasks that share a guard"),
            ("growth-tasks-client", "Tasks that share a client"),
            ("cache-entries", "Cache: hits among so many tokens"),
            ("cache-threads", "Cache: hits on so many threads"),
        ] {
            let mut rows: Vec<_> = group(ours, name).collect();
            rows.sort_by_key(|row| row.name.parse::<u64>().unwrap_or_default());
            let bars = rows.into_iter().map(microseconds).collect();
            self.chart(title, IN_ALL, bars)?;
        }
        Ok(())
    }

    fn heading(&mut self, title: &str) {
        let _ = write!(self.text, "\n## {title}\n\n");
    }

    fn row<const N: usize>(&mut self, cells: [&str; N]) {
        let _ = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    fn chart(&mut self, title: &str, unit: &str, bars: Vec<Bar>) -> io::Result<()> {
        let name = title
            .to_lowercase()
            .replace([':', ','], "")
            .replace(' ', "-");
        let svg = chart::bars(title, unit, &self.below, &bars);
        fs::write(self.charts.join(format!("{name}.svg")), svg)?;
        let _ = writeln!(self.text, "\n![{title}](performance/{name}.svg)");
        Ok(())
    }
}

/// Without the empty service, and how many times the bare check that is.
fn own_time(estimates: &[Estimate], algorithm: &str, name: &str) -> Option<String> {
    let mut rows = estimates.iter();
    let row = rows.find(|row| row.group == algorithm && row.name == name)?;
    let empty = match name {
        BARE => 0.0,
        _ => median(estimates, algorithm, EMPTY)?,
    };
    let own = row.median - empty;
    let time = format!("{} ± {} µs", number(own / 1e3), number(row.spread / 1e3));
    let reference = median(estimates, algorithm, BARE).map(|bare| (bare, ""));
    let ours = || Some((median(estimates, algorithm, OURS)? - empty, " ours"));
    Some(match reference.or_else(ours) {
        Some((reference, of)) => format!("{time} ({:.2} ×{of})", own / reference),
        None => time,
    })
}

fn microseconds(row: &Estimate) -> Bar {
    bar(row, 1e3)
}

fn nanoseconds(row: &Estimate) -> Bar {
    bar(row, 1.0)
}

fn bar(row: &Estimate, unit: f64) -> Bar {
    Bar {
        label: row.name.clone(),
        value: row.median / unit,
        spread: row.spread / unit,
        is_ours: row.name.starts_with(OURS) || !is_side_by_side(&row.group),
    }
}

/// Of the other groups, all is ours.
fn is_side_by_side(group: &str) -> bool {
    group == "client" || ALGORITHMS.contains(&group)
}

/// The median, and what half of all stay within.
fn middle(values: &[f64]) -> (f64, f64) {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let middle = median(values.to_vec());
    let apart = values.iter().map(|value| (value - middle).abs());
    (middle, median(apart.collect()))
}
