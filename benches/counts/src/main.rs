//! Counts, prints, and judges: nothing may cost 5 % more than baseline.txt says, and no
//! attack more than a good token.
//!
//! `--accept` writes baseline.txt. Its first line names the compiler: another one makes
//! other code of the same source, so that its counts may differ by 20 %; accept them anew
//! when the compiler is to stay.

mod baseline;
mod callgrind;

use std::{collections::HashMap, env, error::Error, fs, process::ExitCode};

use baseline::{Baseline, Row};

fn main() -> ExitCode {
    match run() {
        Ok(complaints) if complaints.is_empty() => ExitCode::SUCCESS,
        Ok(complaints) => {
            println!("\n{}", complaints.join("\n"));
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Vec<String>, Box<dyn Error>> {
    let counts = measure()?;
    let rows = own_costs(&counts);
    if env::args().any(|argument| argument == "--accept") {
        Baseline::of_now(rows)?.write()?;
        println!("baseline.txt is written");
        return Ok(too_dear(&counts));
    }
    let mut complaints = Baseline::read()?.compare(&rows)?;
    complaints.extend(too_dear(&counts));
    Ok(complaints)
}

struct Count {
    name: String,
    without: Vec<String>,
    instructions: u64,
    allocations: u64,
}

fn measure() -> Result<Vec<Count>, Box<dyn Error>> {
    callgrind::build()?;
    let program = env::current_exe()?.with_file_name("under_callgrind");
    let folder = env::temp_dir().join(format!("tower-bearer-counts-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let instructions = callgrind::instructions(&program, &folder);
    fs::remove_dir_all(&folder)?;
    let (instructions, scenarios) = (instructions?, counts::scenarios());
    if instructions.len() != scenarios.len() {
        return Err("callgrind has not counted each scenario once".into());
    }
    let count = |(mut scenario, instructions): (counts::Scenario, u64)| {
        let mut allocations = u64::MAX;
        scenario.count(&mut |work| {
            allocations = allocations.min(allocation_counter::measure(work).count_total);
        });
        let (name, without) = (scenario.name, scenario.without);
        Count {
            name,
            without,
            instructions,
            allocations,
        }
    };
    Ok(scenarios.into_iter().zip(instructions).map(count).collect())
}

/// With what is not ours taken off.
fn own_costs(counts: &[Count]) -> Vec<Row> {
    let by_name: HashMap<_, _> = counts.iter().map(|count| (&*count.name, count)).collect();
    let own = |count: &Count| {
        let others = count.without.iter().map(|name| by_name[&**name]);
        let (instructions, allocations) = others.fold((0, 0), |(instructions, allocations), it| {
            (instructions + it.instructions, allocations + it.allocations)
        });
        Row {
            name: count.name.clone(),
            instructions: count.instructions.saturating_sub(instructions),
            allocations: count.allocations.saturating_sub(allocations),
        }
    };
    // What others compute is theirs, and depends on the processor.
    let is_ours = |count: &&Count| !count.name.ends_with("bare check");
    counts.iter().filter(is_ours).map(own).collect()
}

fn too_dear(counts: &[Count]) -> Vec<String> {
    let whole = |name: &str| {
        let count = counts.iter().find(|count| count.name == name);
        count.map_or(f64::NAN, |count| count.instructions as f64)
    };
    let judge = |limit: counts::Limit| {
        let times = whole(&limit.name) / whole(&limit.other);
        let is_fine = times <= limit.times; // not where a name is wrong
        let (
            mark,
            counts::Limit {
                name,
                times: most,
                other,
            },
        ) = (if is_fine { "  " } else { "!!" }, limit);
        println!("{mark} {times:5.2} times `{other}` (at most {most}): {name}");
        (!is_fine).then(|| format!("`{name}` costs {times:.2} times what `{other}` does"))
    };
    counts::limits().into_iter().filter_map(judge).collect()
}
